internal import CProtobufC

// The functions around protobuf-c that all messages need: unpacking into an arena, packing, text and bytes.

/// A generated `…__unpack` function.
typealias Unpack<Message> = (UnsafeMutablePointer<ProtobufCAllocator>?, Int, UnsafePointer<UInt8>?) -> UnsafeMutablePointer<
    Message
>?

extension MessageArena {
    /// Runs `body` with an unpacked message, which is valid only during that time.
    ///
    /// - Returns: The result of `body`; `nil` if the bytes are not such a message, or exceed the arena's budget.
    @discardableResult
    func withUnpacked<Message, Result>(
        _ bytes: Span<UInt8>, _ unpack: Unpack<Message>, _ body: (UnsafeMutablePointer<Message>) throws -> Result
    ) rethrows -> Result? {
        try unsafe withAllocator { allocator in
            try unsafe bytes.withUnsafeBufferPointer { bytes in
                // protobuf-c requires a pointer even for zero bytes.
                var none: UInt8 = 0
                return try unsafe withUnsafePointer(to: &none) { none in
                    guard let message = unsafe unpack(allocator, bytes.count, bytes.baseAddress ?? none) else { return nil }
                    return try unsafe body(message)
                }
            }
        }
    }

    /// Runs `body` with an unpacked message of a caller. One with a NUL in a text is unreadable: see ``TextCheck``.
    ///
    /// - Returns: See ``withUnpacked(_:_:_:)``.
    func withUnpackedRequest<Message, Result>(
        _ bytes: Span<UInt8>, _ unpack: Unpack<Message>, _ body: (UnsafeMutablePointer<Message>) -> Result
    ) -> Result? {
        let result = unsafe withUnpacked(bytes, unpack) { message -> Result? in
            let base = unsafe UnsafeRawPointer(message).assumingMemoryBound(to: ProtobufCMessage.self)
            let holdsNUL = unsafe bytes.withUnsafeBufferPointer { unsafe TextCheck.holdsNUL($0, base.pointee.descriptor) }
            return holdsNUL ? nil : unsafe body(message)
        }
        guard let result else { return nil }
        return result
    }

    /// Unpacks a message and reads a value from it.
    ///
    /// - Returns: The value; `nil` if the bytes are not such a message, if they exceed the arena's budget, or if `read` returns
    ///   `nil`.
    func value<Message, Value>(
        in bytes: Span<UInt8>, _ unpack: Unpack<Message>, _ read: (UnsafeMutablePointer<Message>) throws -> Value?
    ) rethrows -> Value? {
        guard let value = try unsafe withUnpacked(bytes, unpack, read) else { return nil }
        return value
    }

    /// Copies text into the arena, with a final NUL. For use inside ``withAllocator(_:)``.
    func text(_ string: String, _ allocator: UnsafeMutablePointer<ProtobufCAllocator>) throws(ArenaFull)
        -> UnsafeMutablePointer<CChar>
    {
        let utf8 = string.utf8
        let copy = try unsafe allocate(utf8.count + 1, allocator).bindMemory(to: UInt8.self, capacity: utf8.count + 1)
        let (_, end) = unsafe UnsafeMutableBufferPointer(start: copy, count: utf8.count).initialize(from: utf8)
        unsafe copy[end] = 0
        return unsafe UnsafeMutableRawPointer(copy).assumingMemoryBound(to: CChar.self)
    }

    /// Copies bytes into the arena. For use inside ``withAllocator(_:)``.
    func data(_ bytes: [UInt8], _ allocator: UnsafeMutablePointer<ProtobufCAllocator>) throws(ArenaFull) -> ProtobufCBinaryData {
        let copy = try unsafe allocate(bytes.count, allocator).bindMemory(to: UInt8.self, capacity: bytes.count)
        for index in bytes.indices { unsafe copy[index] = bytes[index] }
        return unsafe ProtobufCBinaryData(len: bytes.count, data: copy)
    }

    /// Copies texts into the arena. For use inside ``withAllocator(_:)``.
    func texts(
        _ strings: [String], _ allocator: UnsafeMutablePointer<ProtobufCAllocator>
    ) throws(ArenaFull) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> {
        var stored: [UnsafeMutablePointer<CChar>] = unsafe []
        for string in strings { unsafe stored.append(try unsafe text(string, allocator)) }
        return try unsafe array(stored, allocator)
    }

    /// Copies a message into the arena. For use inside ``withAllocator(_:)``.
    func store<Value>(_ value: Value, _ allocator: UnsafeMutablePointer<ProtobufCAllocator>) throws(ArenaFull)
        -> UnsafeMutablePointer<Value>
    {
        let copy = try unsafe allocate(MemoryLayout<Value>.stride, allocator).bindMemory(to: Value.self, capacity: 1)
        unsafe copy.initialize(to: value)
        return unsafe copy
    }

    /// Copies an array of pointers into the arena. For use inside ``withAllocator(_:)``.
    func array<Value>(
        _ values: [UnsafeMutablePointer<Value>], _ allocator: UnsafeMutablePointer<ProtobufCAllocator>
    ) throws(ArenaFull) -> UnsafeMutablePointer<UnsafeMutablePointer<Value>?> {
        let array = try unsafe allocate(MemoryLayout<UnsafeMutablePointer<Value>>.stride * values.count, allocator)
            .bindMemory(to: UnsafeMutablePointer<Value>?.self, capacity: values.count)
        for index in unsafe values.indices { unsafe (array + index).initialize(to: values[index]) }
        return unsafe array
    }

    private func allocate(_ size: Int, _ allocator: UnsafeMutablePointer<ProtobufCAllocator>) throws(ArenaFull)
        -> UnsafeMutableRawPointer
    {
        guard let memory = unsafe allocator.pointee.alloc(allocator.pointee.allocator_data, size) else { throw ArenaFull() }
        return unsafe memory
    }
}

/// The error of a message that exceeds the arena's budget while it is packed.
struct ArenaFull: Error {}

/// Packs a message with its generated `…__get_packed_size` and `…__pack`.
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

/// Copies a `bytes` field.
func bytes(_ data: ProtobufCBinaryData) -> [UInt8] {
    unsafe [UInt8](UnsafeBufferPointer(start: data.data, count: data.len))
}

/// Returns the bytes of a `string` field, without the NUL.
func textBytes(_ text: UnsafeMutablePointer<CChar>) -> UnsafeBufferPointer<UInt8> {
    var count = 0
    while unsafe text[count] != 0 { count += 1 }
    return unsafe UnsafeBufferPointer(start: UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self), count: count)
}

/// Returns the text of a `string` field; `nil` if it is not UTF-8, which protobuf-c does not check.
func optionalText(_ text: UnsafeMutablePointer<CChar>) -> String? {
    // `String(validating:as:)` is generic and not specialized here, which is slow for the strings of each identity.
    unsafe String(validatingCString: text)
}

/// Returns the texts of a repeated `string` field; `nil` if one is not UTF-8.
func optionalTexts(_ texts: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, count: Int) -> [String]? {
    var list: [String] = []
    for index in 0..<count {
        guard let text = unsafe texts?[index], let text = unsafe optionalText(text) else { return nil }
        list.append(text)
    }
    return list
}

/// Returns whether a `string` field equals a text.
func isText(_ text: UnsafeMutablePointer<CChar>, _ expected: StaticString) -> Bool {
    let count = expected.utf8CodeUnitCount
    let start = unsafe expected.utf8Start
    for index in 0..<count {
        // The NUL at the field's end differs from the text, so nothing is read beyond it.
        guard unsafe UInt8(bitPattern: text[index]) == start[index] else { return false }
    }
    return unsafe text[count] == 0
}
