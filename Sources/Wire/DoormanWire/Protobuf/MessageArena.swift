internal import CProtobufC

/// Memory for one message at a time: a bump allocator with a byte budget, given to protobuf-c and freed as a whole.
///
/// What unpacking allocates follows from the bytes on the wire, with some growth (an empty repeated message of two bytes takes
/// some fifty), so the budget bounds what a hostile message can cost. A message that would exceed it does not unpack.
/// Confined to one thread at a time; nested use is last in, first out.
@safe package final class MessageArena {
    /// What the next allocation touches, in memory of its own: most take nothing but two numbers from here, and count no reference
    /// to the arena.
    @unsafe fileprivate struct Bump {
        /// The first free byte, and the bytes from there on.
        var free: UnsafeMutableRawPointer
        var room: Int
        let arena: Unmanaged<MessageArena>
    }

    /// The first bytes, kept from message to message; enough for a call and its token.
    private let base: UnsafeMutableRawPointer
    private let capacity: Int
    private let budget: Int
    private let bump: UnsafeMutablePointer<Bump>
    private var depth = 0
    private var overflow: [UnsafeMutableRawPointer] = unsafe []
    private var overflowBytes = 0

    /// - Parameters:
    ///   - capacity: The bytes that are kept from message to message.
    ///   - budget: The most bytes that one message, with what is nested in its handling, may take.
    package init(capacity: Int = 4096, budget: Int = 512 << 10) {
        precondition(capacity > 0 && budget >= capacity)
        self.capacity = capacity
        self.budget = budget
        unsafe self.base = .allocate(byteCount: capacity, alignment: Self.alignment)
        unsafe self.bump = .allocate(capacity: 1)
        unsafe bump.initialize(to: Bump(free: base, room: capacity, arena: .passUnretained(self)))
    }

    deinit {
        freeOverflow()
        unsafe base.deallocate()
        unsafe bump.deallocate()
    }

    fileprivate static let alignment = 16

    /// Gives `body` an allocator. All that it allocated is freed when it returns.
    func withAllocator<Result>(_ body: (UnsafeMutablePointer<ProtobufCAllocator>) throws -> Result) rethrows -> Result {
        let mark = unsafe (bump.pointee.free, bump.pointee.room)
        depth += 1
        defer {
            unsafe (bump.pointee.free, bump.pointee.room) = unsafe mark
            depth -= 1
            if depth == 0 && overflowBytes > 0 { freeOverflow() }
        }
        var allocator = unsafe ProtobufCAllocator(alloc: allocateInArena, free: keepUntilArenaIsReset, allocator_data: bump)
        return try unsafe withUnsafeMutablePointer(to: &allocator) { try unsafe body($0) }
    }

    /// - Returns: Nil once the budget is spent.
    fileprivate func allocateBeside(_ size: Int) -> UnsafeMutableRawPointer? {
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

// C calls these, so they capture nothing: the arena's bump comes back as the allocator's data.
private func allocateInArena(_ bump: UnsafeMutableRawPointer?, _ size: Int) -> UnsafeMutableRawPointer? {
    guard let bump = unsafe bump?.assumingMemoryBound(to: MessageArena.Bump.self), size >= 0, size < Int(Int32.max) else {
        return nil
    }
    let rounded = (max(size, 1) + MessageArena.alignment - 1) & ~(MessageArena.alignment - 1)
    guard unsafe rounded <= bump.pointee.room else {
        return unsafe bump.pointee.arena.takeUnretainedValue().allocateBeside(rounded)
    }
    let memory = unsafe bump.pointee.free
    unsafe bump.pointee.free = unsafe memory + rounded
    unsafe bump.pointee.room -= rounded
    return unsafe memory
}

private func keepUntilArenaIsReset(_ arena: UnsafeMutableRawPointer?, _ pointer: UnsafeMutableRawPointer?) {}
