internal import DoormanCore
internal import DoormanSupport

/// The sleeping tasks of a ``World``, in the order of their deadlines, then of insertion.
struct Sleepers {
    private var heap = DeadlineHeap<UInt64>()
    private var sleepers: [UInt64: (handle: DeadlineHeap<UInt64>.Handle, continuation: CheckedContinuation<Void, Never>)] = [:]
    private var lastNumber: UInt64 = 0

    /// Returns a number for a sleeper.
    mutating func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    mutating func insert(_ continuation: CheckedContinuation<Void, Never>, until moment: Instant, number: UInt64) {
        sleepers[number] = (heap.insert(number, deadline: Deadline(moment)), continuation)
    }

    /// Removes a sleeper before its time; `nil` if it does not sleep.
    mutating func remove(_ number: UInt64) -> CheckedContinuation<Void, Never>? {
        guard let sleeper = sleepers.removeValue(forKey: number) else { return nil }
        heap.remove(sleeper.handle)
        return sleeper.continuation
    }

    /// Removes the sleeper that wakes up next.
    mutating func removeFirst() -> (moment: Instant, continuation: CheckedContinuation<Void, Never>)? {
        guard let deadline = heap.next, let number = heap.popPassed(at: deadline.instant) else { return nil }
        return sleepers.removeValue(forKey: number).map { (deadline.instant, $0.continuation) }
    }
}
