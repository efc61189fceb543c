internal import DoormanCore
internal import DoormanSupport

/// The sleeping tasks of a ``World``, in the order of their deadlines, then of insertion. A binary heap, because a scenario has
/// thousands of sleepers at once. Most are deadlines of calls that have ended.
struct Sleepers {
    private struct Sleeper {
        let moment: Instant
        let number: UInt64
        let continuation: CheckedContinuation<Void, Never>

        func precedes(_ other: Self) -> Bool {
            moment < other.moment || (moment == other.moment && number < other.number)
        }
    }

    private var heap: [Sleeper] = []
    private var lastNumber: UInt64 = 0

    mutating func insert(_ continuation: CheckedContinuation<Void, Never>, until moment: Instant) {
        lastNumber += 1
        heap.append(Sleeper(moment: moment, number: lastNumber, continuation: continuation))
        var position = heap.count - 1
        while position > 0 {
            let parent = (position - 1) / 2
            guard heap[position].precedes(heap[parent]) else { return }
            heap.swapAt(position, parent)
            position = parent
        }
    }

    /// Removes the sleeper that wakes up next.
    mutating func removeFirst() -> (moment: Instant, continuation: CheckedContinuation<Void, Never>)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            siftDown()
        }
        return (first.moment, first.continuation)
    }

    private mutating func siftDown() {
        var position = 0
        while true {
            var least = position
            let left = 2 * position + 1
            if left < heap.count, heap[left].precedes(heap[least]) { least = left }
            if left + 1 < heap.count, heap[left + 1].precedes(heap[least]) { least = left + 1 }
            guard least != position else { return }
            heap.swapAt(position, least)
            position = least
        }
    }
}
