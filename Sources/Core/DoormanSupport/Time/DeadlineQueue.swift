/// Whose time is up next, for those who wait in numbers: one sleeper does for all of them.
///
/// Pure. Its owner asks ``nextWakeUp()`` after each change, and where that names a moment, sees to it that ``passed(at:)`` is
/// called then. Tickets of those who need no deadline any more may stay: their owner knows them no longer when their time comes.
package struct DeadlineQueue: Sendable {
    private struct Entry: Sendable {
        let moment: Instant
        let ticket: UInt64
    }

    /// A binary heap: each entry's moment is no later than those of its two children.
    private var heap: [Entry] = []
    /// The moments for which somebody sleeps, the earliest last.
    private var arranged: [Instant] = []

    package init() {}

    /// How many tickets are kept, those that need no deadline any more included.
    package var count: Int { heap.count }

    package mutating func insert(_ ticket: UInt64, deadline: Deadline) {
        heap.append(Entry(moment: deadline.instant, ticket: ticket))
        siftUp(heap.count - 1)
    }

    /// Drops tickets that need no deadline any more once they are more than the rest.
    ///
    /// - Parameter live: How many still do.
    package mutating func compact(live: Int, isLive: (UInt64) -> Bool) {
        guard heap.count > 2 * live + 64 else { return }
        heap.removeAll { !isLive($0.ticket) }
        for position in stride(from: heap.count / 2 - 1, through: 0, by: -1) { siftDown(position) }
    }

    /// Takes out the tickets whose time is up, the earliest first.
    package mutating func passed(at now: Instant) -> [UInt64] {
        while let moment = arranged.last, moment <= now { arranged.removeLast() }
        var tickets: [UInt64] = []
        while let first = heap.first, first.moment <= now {
            tickets.append(first.ticket)
            let last = heap.removeLast()
            if !heap.isEmpty {
                heap[0] = last
                siftDown(0)
            }
        }
        return tickets
    }

    /// The moment for which somebody must be sent to sleep now; nil if somebody sleeps until then already, or nobody need.
    ///
    /// - Parameter moment: Another reason to wake up.
    package mutating func nextWakeUp(or moment: Instant = .distantFuture) -> Instant? {
        let next = min(heap.first?.moment ?? .distantFuture, moment)
        guard next < arranged.last ?? .distantFuture else { return nil }
        arranged.append(next)
        return next
    }

    private mutating func siftUp(_ start: Int) {
        var position = start
        while position > 0 {
            let parent = (position - 1) / 2
            guard heap[position].moment < heap[parent].moment else { return }
            heap.swapAt(position, parent)
            position = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var position = start
        while true {
            var least = position
            for child in [2 * position + 1, 2 * position + 2] where child < heap.count && heap[child].moment < heap[least].moment {
                least = child
            }
            guard least != position else { return }
            heap.swapAt(position, least)
            position = least
        }
    }
}
