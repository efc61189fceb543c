internal import DoormanSupport

/// The calls with deadlines, in the order of these. A ``DeadlineHeap`` of calls, for which the compiler would not make code of its own.
struct CallDeadlines {
    private var order = DeadlineOrder()
    /// The calls, by their slots in the order.
    private var calls: [ClientCall?] = []

    var count: Int { order.count }

    /// The earliest deadline; `nil` without a call.
    var next: Deadline? { order.next }

    /// Adds a call.
    ///
    /// - Returns: The handle that ``remove(_:)`` takes.
    mutating func insert(_ call: ClientCall) -> DeadlineOrder.Handle {
        let (slot, handle) = order.insert(call.deadline)
        if slot == calls.count { calls.append(call) } else { calls[slot] = call }
        return handle
    }

    /// Removes a call. Does nothing if it was removed before.
    mutating func remove(_ handle: DeadlineOrder.Handle) {
        if let slot = order.remove(handle) { calls[slot] = nil }
    }

    /// Removes the call with the earliest deadline, if that has passed.
    ///
    /// - Returns: The call; `nil` if no deadline has passed.
    mutating func popPassed(at now: Instant) -> ClientCall? { order.popPassed(at: now).flatMap { calls[$0].take() } }

    /// Removes all calls.
    mutating func removeAll() -> [ClientCall] {
        var all: [ClientCall] = []
        while let slot = order.popAny() { if let call = calls[slot].take() { all.append(call) } }
        return all
    }
}
