internal import DoormanCore
internal import DoormanSupport

/// A state of the server that has a log line at its beginning and one at its end, however many events it has.
///
/// Pure: a monitor reports the events since its last look, and the time.
struct LoggedState: Sendable {
    enum Change: Sendable, Hashable {
        case began
        /// The state has ended. The duration is that from its beginning to its last event.
        case ended(after: Duration, events: UInt64)
    }

    /// The time without an event after which the state has ended.
    private let quietTime: Duration
    private var began: Instant?
    private var lastEvent = Instant(nanoseconds: 0)
    private var events: UInt64 = 0

    init(quietTime: Duration) {
        self.quietTime = quietTime
    }

    var isActive: Bool { began != nil }

    /// Records the events since the last call.
    ///
    /// - Parameters:
    ///   - count: The number of events.
    ///   - persists: Whether the state lasts without an event.
    mutating func record(_ count: UInt64, persists: Bool = false, at now: Instant) -> Change? {
        events &+= count
        if count > 0 || persists {
            lastEvent = now
            guard began == nil else { return nil }
            began = now
            return .began
        }
        return lastEvent.duration(to: now) >= quietTime ? end() : nil
    }

    /// Ends the state, if it is active.
    mutating func end() -> Change? {
        guard let start = began else { return nil }
        defer { (began, events) = (nil, 0) }
        return .ended(after: start.duration(to: lastEvent), events: events)
    }
}
