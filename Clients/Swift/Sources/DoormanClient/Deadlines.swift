internal import DoormanCore
internal import NIOCore

/// Which call runs out of time next: a binary heap, so that one timer serves all calls.
///
/// Calls that end early stay until they come up or until they are the larger part; `isLive` says who is still of interest.
struct Deadlines {
    private struct Entry: Comparable {
        let deadline: Deadline
        let id: CallID

        static func < (lhs: Entry, rhs: Entry) -> Bool { lhs.deadline < rhs.deadline }
    }

    private var heap: [Entry] = []

    /// The entries that are kept, those of ended calls included.
    var count: Int { heap.count }

    mutating func insert(_ id: CallID, _ deadline: Deadline) {
        heap.append(Entry(deadline: deadline, id: id))
        var child = heap.count - 1
        while child > 0, heap[child] < heap[(child - 1) / 2] {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes out the live calls whose deadline has passed.
    mutating func popPassed(at now: Instant, isLive: (CallID) -> Bool) -> [CallID] {
        var passed: [CallID] = []
        while let first = heap.first, first.deadline.hasPassed(at: now) {
            popFirst()
            if isLive(first.id) { passed.append(first.id) }
        }
        return passed
    }

    /// The earliest deadline of a live call.
    mutating func next(isLive: (CallID) -> Bool) -> Deadline? {
        while let first = heap.first {
            if isLive(first.id) { return first.deadline }
            popFirst()
        }
        return nil
    }

    /// Forgets ended calls if they are by far the larger part.
    mutating func compact(liveCount: Int, isLive: (CallID) -> Bool) {
        guard heap.count > 4 * liveCount + 1024 else { return }
        let live = heap.filter { isLive($0.id) }
        heap.removeAll(keepingCapacity: false)
        for entry in live { insert(entry.id, entry.deadline) }
    }

    private mutating func popFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child] < heap[least] { least = child }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
