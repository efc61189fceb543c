internal import NIOCore

/// The calls that wait for a connection or for their turn on it, first come first served.
///
/// A call that leaves early is only crossed out; the list is written anew once half of it is crossed out, so it stays within
/// twice its members.
struct WaitingCalls {
    private var order = CircularBuffer<CallID>()
    private var members: Set<CallID> = []

    var count: Int { members.count }
    var isEmpty: Bool { members.isEmpty }
    /// What the list holds, those that left included.
    var storedCount: Int { order.count }

    mutating func append(_ id: CallID) {
        guard members.insert(id).inserted else { return }
        order.append(id)
    }

    /// Puts calls that waited before at the head, in their order.
    mutating func putBack(_ ids: [CallID]) {
        for id in ids.reversed() where members.insert(id).inserted { order.prepend(id) }
    }

    /// - Returns: Whether the call was waiting.
    mutating func remove(_ id: CallID) -> Bool {
        guard members.remove(id) != nil else { return false }
        if order.count > 2 * members.count + 64 { order = CircularBuffer(order.filter(members.contains)) }
        return true
    }

    mutating func popFirst() -> CallID? {
        while let id = order.popFirst() {
            if members.remove(id) != nil { return id }
        }
        return nil
    }
}
