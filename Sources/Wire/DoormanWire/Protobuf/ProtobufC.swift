internal import CProtobufC

// What every message needs of protobuf-c, in one place: unpacking into an arena, packing out of one, text and bytes.

/// A generated `…__unpack` function.
typealias Unpack<Message> = (UnsafeMutablePointer<ProtobufCAllocator>?, Int, UnsafePointer<UInt8>?) -> UnsafeMutablePointer<
    Message
>?

extension MessageArena {
    /// Unpacks a message that lives as long as `body` runs.
    ///
    /// - Returns: Nil if the bytes are no such message, or would take more memory than the budget.
    @discardableResult
    func withUnpacked<Message, Result>(
        _ bytes: Span<UInt8>, _ unpack: Unpack<Message>, _ body: (UnsafeMutablePointer<Message>) throws -> Result
    ) rethrows -> Result? {
        try unsafe withAllocator { allocator in
            try unsafe bytes.withUnsafeBufferPointer { bytes in
                // protobuf-c wants a pointer even to no bytes.
                var none: UInt8 = 0
                return try unsafe withUnsafePointer(to: &none) { none in
                    guard let message = unsafe unpack(allocator, bytes.count, bytes.baseAddress ?? none) else { return nil }
                    return try unsafe body(message)
                }
            }
        }
    }

    /// Unpacks a message and reads a value from it.
    ///
    /// - Returns: `nil` if the bytes are no such message, if it would take more memory than the budget, or if `read` returns `nil`.
    func value<Message, Value>(
        in bytes: Span<UInt8>, _ unpack: Unpack<Message>, _ read: (UnsafeMutablePointer<Message>) throws -> Value?
    ) rethrows -> Value? {
        guard let value = try unsafe withUnpacked(bytes, unpack, read) else { return nil }
        return value
    }

    /// Copies text into the arena, NUL-terminated. Only inside ``withAllocator(_:)``.
    func text(_ string: String, _ allocator: UnsafeMutablePointer<ProtobufCAllocator>) throws(ArenaSpent) -> UnsafeMutablePointer<
        CChar
    > {
        let utf8 = string.utf8
        let copy = try unsafe allocate(utf8.count + 1, allocator).bindMemory(to: UInt8.self, capacity: utf8.count + 1)
        let (_, end) = unsafe UnsafeMutableBufferPointer(start: copy, count: utf8.count).initialize(from: utf8)
        unsafe copy[end] = 0
        return unsafe UnsafeMutableRawPointer(copy).assumingMemoryBound(to: CChar.self)
    }

    /// Copies bytes into the arena. Only inside ``withAllocator(_:)``.
    func data(_ bytes: [UInt8], _ allocator: UnsafeMutablePointer<ProtobufCAllocator>) throws(ArenaSpent) -> ProtobufCBinaryData {
        let copy = try unsafe allocate(bytes.count, allocator).bindMemory(to: UInt8.self, capacity: bytes.count)
        for index in bytes.indices { unsafe copy[index] = bytes[index] }
        return unsafe ProtobufCBinaryData(len: bytes.count, data: copy)
    }

    /// Puts a message into the arena. Only inside ``withAllocator(_:)``.
    func place<Value>(_ value: Value, _ allocator: UnsafeMutablePointer<ProtobufCAllocator>) throws(ArenaSpent)
        -> UnsafeMutablePointer<Value>
    {
        let place = try unsafe allocate(MemoryLayout<Value>.stride, allocator).bindMemory(to: Value.self, capacity: 1)
        unsafe place.initialize(to: value)
        return unsafe place
    }

    /// Puts an array of pointers into the arena. Only inside ``withAllocator(_:)``.
    func array<Value>(
        _ values: [UnsafeMutablePointer<Value>], _ allocator: UnsafeMutablePointer<ProtobufCAllocator>
    ) throws(ArenaSpent) -> UnsafeMutablePointer<UnsafeMutablePointer<Value>?> {
        let array = try unsafe allocate(MemoryLayout<UnsafeMutablePointer<Value>>.stride * values.count, allocator)
            .bindMemory(to: UnsafeMutablePointer<Value>?.self, capacity: values.count)
        for index in unsafe values.indices { unsafe (array + index).initialize(to: values[index]) }
        return unsafe array
    }

    private func allocate(_ size: Int, _ allocator: UnsafeMutablePointer<ProtobufCAllocator>) throws(ArenaSpent)
        -> UnsafeMutableRawPointer
    {
        guard let memory = unsafe allocator.pointee.alloc(allocator.pointee.allocator_data, size) else { throw ArenaSpent() }
        return unsafe memory
    }
}

/// The message to pack is larger than the arena's budget.
struct ArenaSpent: Error {}

/// The packed bytes of a message, given its generated `…__get_packed_size` and `…__pack`.
func packed<Message>(
    _ message: inout Message, _ size: (UnsafePointer<Message>?) -> Int,
    _ pack: (UnsafePointer<Message>?, UnsafeMutablePointer<UInt8>?) -> Int
) -> [UInt8] {
    unsafe withUnsafePointer(to: &message) { message in
        let count = unsafe size(message)
        return unsafe [UInt8](unsafeUninitializedCapacity: max(count, 1)) { bytes, initialized in
            initialized = unsafe pack(message, bytes.baseAddress)
        }
    }
}

/// A copy of a `bytes` field.
func bytes(_ data: ProtobufCBinaryData) -> [UInt8] {
    unsafe [UInt8](UnsafeBufferPointer(start: data.data, count: data.len))
}

/// A `string` field's bytes, without the NUL.
func textBytes(_ text: UnsafeMutablePointer<CChar>) -> UnsafeBufferPointer<UInt8> {
    var count = 0
    while unsafe text[count] != 0 { count += 1 }
    return unsafe UnsafeBufferPointer(start: UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self), count: count)
}

/// A `string` field, or nil if it is not UTF-8, which protobuf-c does not check.
func optionalText(_ text: UnsafeMutablePointer<CChar>) -> String? {
    // The general `String(validating:as:)` looks its generic parts up at run time, for each of the strings of each identity.
    unsafe String(validatingCString: text)
}

/// Whether a `string` field is this text.
func isText(_ text: UnsafeMutablePointer<CChar>, _ expected: StaticString) -> Bool {
    let count = expected.utf8CodeUnitCount
    let start = unsafe expected.utf8Start
    for index in 0..<count {
        // A NUL in the field ends the comparison, so nothing is read behind it.
        guard unsafe UInt8(bitPattern: text[index]) == start[index] else { return false }
    }
    return unsafe text[count] == 0
}
