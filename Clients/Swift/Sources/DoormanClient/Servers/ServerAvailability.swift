internal import DoormanSupport

/// Whether a server takes this client's calls: decides which lines of the log a server gets. Pure: events go in, a line comes out.
///
/// A server gets one line when it is lost, however often the client then tries to connect, and one when it is back. It is back once it
/// has taken calls for ``stableTime``: a server that comes and goes gets no lines each time.
struct ServerAvailability: Equatable {
    enum State: Equatable {
        /// The client has not tried to connect, or waits for the first response.
        case unknown
        case available
        case away(Absence)
    }

    struct Absence: Equatable {
        let since: Instant
        /// Whether the server announced that it stops, and nothing else has failed yet.
        var isDrain: Bool
        /// The first response since the last failure; `nil` without a response.
        var respondedAt: Instant?
    }

    /// A line of the log.
    enum Line: Equatable {
        /// The client has never reached the server.
        case unreachable
        case lost
        case draining
        case back(after: Duration)
    }

    /// The time for which a server must take calls until it counts as back.
    static let stableTime = Duration.seconds(5)

    private(set) var state = State.unknown

    /// A connection could not be established, or was lost, and no other connection to the server takes calls.
    mutating func failed(at now: Instant) -> Line? {
        switch state {
        case .unknown:
            state = .away(Absence(since: now, isDrain: false))
            return .unreachable
        case .available:
            state = .away(Absence(since: now, isDrain: false))
            return .lost
        case .away(let absence):
            state = .away(Absence(since: absence.since, isDrain: false))
            return absence.isDrain ? .lost : nil
        }
    }

    /// The server said that it takes no further calls.
    mutating func drained(at now: Instant) -> Line? {
        switch state {
        case .unknown, .available:
            state = .away(Absence(since: now, isDrain: true))
            return .draining
        case .away(let absence):
            state = .away(Absence(since: absence.since, isDrain: absence.isDrain))
            return nil
        }
    }

    /// The server responded on a connection that takes calls.
    ///
    /// - Returns: Whether to call ``stayed()`` after ``stableTime`` without a failure.
    mutating func responded(at now: Instant) -> Bool {
        switch state {
        case .unknown:
            state = .available
            return false
        case .away(var absence) where absence.respondedAt == nil:
            absence.respondedAt = now
            state = .away(absence)
            return true
        case .available, .away: return false
        }
    }

    /// The server has taken calls for ``stableTime``.
    mutating func stayed() -> Line? {
        guard case .away(let absence) = state, let respondedAt = absence.respondedAt else { return nil }
        state = .available
        return .back(after: absence.since.duration(to: respondedAt))
    }
}
