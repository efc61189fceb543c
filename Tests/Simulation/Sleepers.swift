internal import DoormanCore
internal import DoormanSupport

/// The sleeping tasks of a ``World``, in the order of their deadlines, then of insertion.
///
/// A binary heap that is made for this one type of element: histories spend much of their time here. A sleeper that wakes up early leaves its
/// place in the heap, which is skipped later.
struct Sleepers {
    private struct Place {
        let moment: Instant
        /// The number of the insertion.
        let order: UInt64
        let number: UInt64

        static func < (left: Place, right: Place) -> Bool {
            left.moment == right.moment ? left.order < right.order : left.moment < right.moment
        }
    }

    private var heap: [Place] = []
    private var continuations: [UInt64: CheckedContinuation<Void, Never>] = [:]
    private var lastNumber: UInt64 = 0
    private var lastOrder: UInt64 = 0

    /// Returns a number for a sleeper.
    mutating func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    mutating func insert(_ continuation: CheckedContinuation<Void, Never>, until moment: Instant, number: UInt64) {
        continuations[number] = continuation
        lastOrder += 1
        heap.append(Place(moment: moment, order: lastOrder, number: number))
        var index = heap.count - 1
        while index > 0, heap[index] < heap[(index - 1) / 2] {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    /// Removes a sleeper before its time; `nil` if it does not sleep.
    mutating func remove(_ number: UInt64) -> CheckedContinuation<Void, Never>? {
        continuations.removeValue(forKey: number)
    }

    /// Removes the sleeper that wakes up next.
    mutating func removeFirst() -> (moment: Instant, continuation: CheckedContinuation<Void, Never>)? {
        while let place = popFirst() {
            if let continuation = continuations.removeValue(forKey: place.number) { return (place.moment, continuation) }
        }
        return nil
    }

    private mutating func popFirst() -> Place? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var index = 0
        while true {
            var least = index
            for child in 2 * index + 1..<2 * index + 3 where child < heap.count && heap[child] < heap[least] { least = child }
            guard least != index else { return first }
            heap.swapAt(index, least)
            index = least
        }
    }
}
