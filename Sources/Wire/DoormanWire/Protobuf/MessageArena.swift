internal import CProtobufC

/// A bump allocator with a byte budget for one message at a time, whose memory protobuf-c uses and which is freed as a whole.
///
/// Unpacking needs more memory than the bytes on the wire: an empty repeated message of two bytes takes about fifty. The budget
/// bounds the cost of a hostile message. A message that exceeds it does not unpack.
///
/// Confined to one thread at a time. Nested use is last in, first out.
@safe package final class MessageArena {
    /// The allocation state, in memory of its own, so that most allocations need no reference counting on the arena.
    @unsafe fileprivate struct Bump {
        /// The first free byte, and the number of free bytes.
        var free: UnsafeMutableRawPointer
        var available: Int
        let arena: Unmanaged<MessageArena>
    }

    /// The memory that is reused for each message. Large enough for a call with its token.
    private let base: UnsafeMutableRawPointer
    private let capacity: Int
    private let budget: Int
    private let bump: UnsafeMutablePointer<Bump>
    private var depth = 0
    private var overflow: [UnsafeMutableRawPointer] = unsafe []
    private var overflowBytes = 0

    /// - Parameters:
    ///   - capacity: The number of bytes that are reused for each message. Default 4 KiB.
    ///   - budget: The maximum number of bytes for one message and the messages nested in its handling. Default 512 KiB.
    package init(capacity: Int = 4096, budget: Int = 512 << 10) {
        precondition(capacity > 0 && budget >= capacity)
        self.capacity = capacity
        self.budget = budget
        unsafe self.base = .allocate(byteCount: capacity, alignment: Self.alignment)
        unsafe self.bump = .allocate(capacity: 1)
        unsafe bump.initialize(to: Bump(free: base, available: capacity, arena: .passUnretained(self)))
    }

    deinit {
        freeOverflow()
        unsafe base.deallocate()
        unsafe bump.deallocate()
    }

    fileprivate static let alignment = 16

    /// Runs `body` with an allocator, and frees its allocations afterwards.
    func withAllocator<Result>(_ body: (UnsafeMutablePointer<ProtobufCAllocator>) throws -> Result) rethrows -> Result {
        let mark = unsafe (bump.pointee.free, bump.pointee.available)
        depth += 1
        defer {
            unsafe (bump.pointee.free, bump.pointee.available) = unsafe mark
            depth -= 1
            if depth == 0 && overflowBytes > 0 { freeOverflow() }
        }
        var allocator = unsafe ProtobufCAllocator(alloc: allocateInArena, free: ignoreFree, allocator_data: bump)
        return try unsafe withUnsafeMutablePointer(to: &allocator) { try unsafe body($0) }
    }

    /// Allocates memory outside the reused memory; `nil` if that exceeds the budget.
    fileprivate func allocateOverflow(_ size: Int) -> UnsafeMutableRawPointer? {
        guard size <= budget - capacity - overflowBytes else { return nil }
        let chunk = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: Self.alignment)
        unsafe overflow.append(chunk)
        overflowBytes += size
        return unsafe chunk
    }

    private func freeOverflow() {
        while let chunk = unsafe overflow.popLast() { unsafe chunk.deallocate() }
        overflowBytes = 0
    }
}

// C callbacks, which can't capture a context: the bump is the allocator's data.
private func allocateInArena(_ bump: UnsafeMutableRawPointer?, _ size: Int) -> UnsafeMutableRawPointer? {
    guard let bump = unsafe bump?.assumingMemoryBound(to: MessageArena.Bump.self), size >= 0, size < Int(Int32.max) else {
        return nil
    }
    let rounded = (max(size, 1) + MessageArena.alignment - 1) & ~(MessageArena.alignment - 1)
    guard unsafe rounded <= bump.pointee.available else {
        return unsafe bump.pointee.arena.takeUnretainedValue().allocateOverflow(rounded)
    }
    let memory = unsafe bump.pointee.free
    unsafe bump.pointee.free = unsafe memory + rounded
    unsafe bump.pointee.available -= rounded
    return unsafe memory
}

private func ignoreFree(_ arena: UnsafeMutableRawPointer?, _ pointer: UnsafeMutableRawPointer?) {}
