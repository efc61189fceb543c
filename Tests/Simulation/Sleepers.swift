internal import DoormanCore
internal import DoormanSupport

/// Who sleeps in a ``World``, and who wakes up next: whoever's moment is first, of the same moment whoever fell asleep first. A binary
/// heap, since a day has thousands of sleepers at once, most of them deadlines of calls that have long ended.
struct Sleepers {
    private struct Sleeper {
        let moment: Instant
        let number: UInt64
        let continuation: CheckedContinuation<Void, Never>

        func isBefore(_ other: Self) -> Bool {
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
            guard heap[position].isBefore(heap[parent]) else { return }
            heap.swapAt(position, parent)
            position = parent
        }
    }

    /// Takes out whoever wakes up next.
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
            if left < heap.count, heap[left].isBefore(heap[least]) { least = left }
            if left + 1 < heap.count, heap[left + 1].isBefore(heap[least]) { least = left + 1 }
            guard least != position else { return }
            heap.swapAt(position, least)
            position = least
        }
    }
}
