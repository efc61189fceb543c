internal import DoormanCore
internal import NIOCore

/// Which call runs out of time next: a binary heap, so that one timer serves all calls.
///
/// Calls that end early stay until they come up or until they are the larger part.
struct Deadlines {
    private struct Entry {
        let deadline: Deadline
        let call: Call
    }

    private var heap: [Entry] = []

    /// The entries that are kept, those of ended calls included.
    var count: Int { heap.count }

    mutating func insert(_ call: Call) {
        heap.append(Entry(deadline: call.deadline, call: call))
        var child = heap.count - 1
        while child > 0, heap[child].deadline < heap[(child - 1) / 2].deadline {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes out the calls whose deadline has passed, ended ones included.
    mutating func popPassed(at now: Instant) -> [Call] {
        var passed: [Call] = []
        while let first = heap.first, first.deadline.hasPassed(at: now) { passed.append(popFirst()) }
        return passed
    }

    /// The earliest deadline.
    var next: Deadline? { heap.first?.deadline }

    /// Takes out ended calls if they are the larger part. Soon, for what is kept for long is no longer in the processor's cache when it is
    /// let go.
    mutating func compact(liveCount: Int) -> [Call] {
        guard heap.count > 2 * liveCount + 64 else { return [] }
        var ended: [Call] = []
        let all = heap
        heap.removeAll(keepingCapacity: false)
        for entry in all {
            if entry.call.isLive { insert(entry.call) } else { ended.append(entry.call) }
        }
        return ended
    }

    /// Takes all of them out.
    mutating func removeAll() -> [Call] {
        defer { heap = [] }
        return heap.map(\.call)
    }

    private mutating func popFirst() -> Call {
        heap.swapAt(0, heap.count - 1)
        let first = heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].deadline < heap[least].deadline {
                least = child
            }
            guard least != parent else { return first.call }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
