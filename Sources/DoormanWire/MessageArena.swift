internal import CProtobufC

/// Memory for one message at a time: a bump allocator with a byte budget, given to protobuf-c and freed as a whole.
///
/// What unpacking allocates follows from the bytes on the wire, with some growth (an empty repeated message of two bytes takes
/// some fifty), so the budget bounds what a hostile message can cost. A message that would exceed it does not unpack.
/// Confined to one thread at a time; nested use is last in, first out.
@safe package final class MessageArena {
    /// The first bytes, kept from message to message; enough for a call and its token.
    private let base: UnsafeMutableRawPointer
    private let capacity: Int
    private let budget: Int
    private var used = 0
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
    }

    deinit {
        freeOverflow()
        unsafe base.deallocate()
    }

    private static let alignment = 16

    /// Gives `body` an allocator. All that it allocated is freed when it returns.
    func withAllocator<Result>(_ body: (UnsafeMutablePointer<ProtobufCAllocator>) throws -> Result) rethrows -> Result {
        let mark = used
        depth += 1
        defer {
            used = mark
            depth -= 1
            if depth == 0 && overflowBytes > 0 { freeOverflow() }
        }
        var allocator = unsafe ProtobufCAllocator(
            alloc: allocateInArena, free: keepUntilArenaIsReset, allocator_data: Unmanaged.passUnretained(self).toOpaque())
        return try unsafe withUnsafeMutablePointer(to: &allocator) { try unsafe body($0) }
    }

    /// - Returns: Nil once the budget is spent.
    fileprivate func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
        let rounded = (max(size, 1) + Self.alignment - 1) & ~(Self.alignment - 1)
        if rounded <= capacity - used {
            defer { used += rounded }
            return unsafe base + used
        }
        guard rounded <= budget - capacity - overflowBytes else { return nil }
        let chunk = UnsafeMutableRawPointer.allocate(byteCount: rounded, alignment: Self.alignment)
        unsafe overflow.append(chunk)
        overflowBytes += rounded
        return unsafe chunk
    }

    private func freeOverflow() {
        while let chunk = unsafe overflow.popLast() { unsafe chunk.deallocate() }
        overflowBytes = 0
    }
}

// C calls these, so they capture nothing: the arena comes back as the allocator's data.
private func allocateInArena(_ arena: UnsafeMutableRawPointer?, _ size: Int) -> UnsafeMutableRawPointer? {
    guard let arena = unsafe arena, size >= 0 else { return nil }
    return unsafe Unmanaged<MessageArena>.fromOpaque(arena).takeUnretainedValue().allocate(size)
}

private func keepUntilArenaIsReset(_ arena: UnsafeMutableRawPointer?, _ pointer: UnsafeMutableRawPointer?) {}
