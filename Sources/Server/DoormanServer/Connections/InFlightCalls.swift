internal import DoormanSupport
internal import DoormanWire

/// The calls of a connection that are started and not answered.
struct InFlightCalls {
    struct Call {
        let id: CallID
        let method: Method
        let deadline: Deadline
    }

    private var calls: [StreamID: Call] = [:]
    /// A time that is not later than the earliest deadline.
    private(set) var earliestDeadline = Instant.distantFuture

    var count: Int { calls.count }
    var isEmpty: Bool { calls.isEmpty }

    func contains(_ streamID: StreamID) -> Bool { calls[streamID] != nil }

    func contains(_ call: CallID) -> Bool { calls[call.streamID]?.id == call }

    mutating func insert(_ call: Call) {
        calls[call.id.streamID] = call
        earliestDeadline = min(earliestDeadline, call.deadline.instant)
    }

    /// - Returns: Whether the call was in flight.
    mutating func remove(_ call: CallID) -> Bool {
        guard calls[call.streamID]?.id == call else { return false }
        calls[call.streamID] = nil
        return true
    }

    /// Removes the call of a stream; returns `nil` if none is in flight.
    mutating func remove(_ streamID: StreamID) -> CallID? { calls.removeValue(forKey: streamID)?.id }

    /// Removes the calls whose deadline has passed, and returns them in the order of their start.
    mutating func removeExpired(at now: Instant) -> [Call] {
        guard now >= earliestDeadline else { return [] }
        let expired = calls.values.filter { $0.deadline.hasPassed(at: now) }.sorted { $0.id < $1.id }
        for call in expired { calls[call.id.streamID] = nil }
        earliestDeadline = calls.values.map(\.deadline.instant).min() ?? .distantFuture
        return expired
    }
}
