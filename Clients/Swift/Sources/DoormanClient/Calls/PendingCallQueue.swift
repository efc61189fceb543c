internal import NIOCore

/// The calls that wait for a connection or for a free stream on it, in the order in which they were made.
///
/// A call that ends while it waits stays in the queue behind live calls, and is skipped later. The queue drops such calls when they may be
/// half of it, so it is at most twice as long as the number of live calls, plus 64. It is empty if no live call waits.
struct PendingCallQueue {
    private var order = CircularBuffer<ClientCall>()
    private var endedCount = 0

    /// The number of calls, including some that have ended.
    var count: Int { order.count }
    var isEmpty: Bool { order.isEmpty }

    mutating func append(_ call: ClientCall) {
        order.append(call)
    }

    /// Whether at least `limit` live calls wait.
    mutating func isFull(limit: Int) -> Bool {
        guard order.count >= limit else { return false }
        if endedCount > 0 { dropEnded() }
        return order.count >= limit
    }

    /// Puts calls that waited before at the head, in their order.
    mutating func putBack(_ calls: [ClientCall]) {
        for call in calls.reversed() { order.prepend(call) }
    }

    /// Removes the first live call.
    mutating func popFirst() -> ClientCall? {
        while let call = order.popFirst() {
            if call.isLive { return call }
        }
        endedCount = 0
        return nil
    }

    /// Notes that a call has lost its waiter. It may be in this queue.
    mutating func waiterCancelled() {
        endedCount += 1
        while let first = order.first, !first.isLive { order.removeFirst() }
        if order.isEmpty { endedCount = 0 }
        if endedCount > order.count / 2 + 32 { dropEnded() }
    }

    private mutating func dropEnded() {
        order = CircularBuffer(order.filter(\.isLive))
        endedCount = 0
    }
}
