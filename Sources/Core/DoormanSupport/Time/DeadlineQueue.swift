/// A deadline queue that serves any number of waiters with one timer.
///
/// Pure. The owner calls ``nextWakeUp(or:)`` after each change. If that returns a moment, the owner sets its ``WakeUpTimer`` to it, which
/// calls ``passed(at:)``. Each waiter has a ticket, by which its deadline can be removed.
package struct DeadlineQueue: Sendable {
    private var heap = DeadlineHeap<UInt64>()
    private var handles: [UInt64: DeadlineOrder.Handle] = [:]
    /// The moment that the timer is set to; `nil` if it is not set.
    private var scheduled: Instant?

    package init() {}

    /// The number of tickets in the queue.
    package var count: Int { heap.count }

    /// Adds a ticket that is not in the queue.
    package mutating func insert(_ ticket: UInt64, deadline: Deadline) {
        let before = handles.updateValue(heap.insert(ticket, deadline: deadline), forKey: ticket)
        precondition(before == nil, "a ticket has one deadline")
    }

    /// Removes a ticket. Does nothing if it is not in the queue.
    package mutating func remove(_ ticket: UInt64) {
        if let handle = handles.removeValue(forKey: ticket) { heap.remove(handle) }
    }

    /// Removes the tickets whose deadlines have passed. To be called by the timer, which is not set then.
    ///
    /// - Returns: The tickets, the earliest deadline first.
    package mutating func passed(at now: Instant) -> [UInt64] {
        // Another thread may have set `scheduled` and not the timer yet. Setting the timer twice is harmless, setting it never is not.
        scheduled = nil
        var tickets: [UInt64] = []
        while let ticket = heap.popPassed(at: now) {
            handles[ticket] = nil
            tickets.append(ticket)
        }
        return tickets
    }

    /// Returns the moment to which the owner must set its timer; `nil` if it is set to an earlier one, or not needed.
    ///
    /// - Parameter moment: Another reason to wake up.
    package mutating func nextWakeUp(or moment: Instant = .distantFuture) -> Instant? {
        let next = min(heap.next?.instant ?? .distantFuture, moment)
        guard next < scheduled ?? .distantFuture else { return nil }
        scheduled = next
        return next
    }
}
