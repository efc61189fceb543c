internal import CallerLimits
internal import DoormanSupport
internal import DoormanWire
internal import NIOConcurrencyHelpers

/// Counts the calls in flight on all connections of a server, and limits them. Only cache misses are counted.
package final class InFlightCounter: Sendable {
    let maximum: Int
    private let inFlight = NIOLockedValueBox(0)
    private let retries = NIOLockedValueBox(RetryQueue())

    /// - Parameter maximum: The maximum number of calls in flight; at least 1.
    package init(maximum: Int) {
        self.maximum = maximum
    }

    /// The number of calls in flight.
    var count: Int { inFlight.withLockedValue { $0 } }

    /// Takes a permit for a call.
    ///
    /// - Returns: Whether the limit allowed it.
    func takePermit() -> Bool {
        inFlight.withLockedValue { inFlight in
            guard inFlight < maximum else { return false }
            inFlight += 1
            return true
        }
    }

    /// Returns the time until a call that ``takePermit()`` turned down should be repeated: later for each such call.
    func waitForPermit(at now: Instant) -> Duration {
        let roll = UInt64.random(in: .min ... .max)
        return retries.withLockedValue { $0.waitForPermit(roll: roll, at: now) }
    }

    /// Releases permits that ``takePermit()`` gave.
    func releasePermits(_ permits: Int) {
        inFlight.withLockedValue { inFlight in
            precondition(inFlight >= permits, "a permit was released twice")
            inFlight -= permits
        }
    }
}

/// Grants the permits of a call in flight: one of its caller, if the caller has a limit, and one of the server.
struct InFlightPermits: Sendable {
    let server: InFlightCounter
    let caller: CallerQuota?

    /// Takes a permit of the caller and of the server.
    ///
    /// - Returns: `nil` if both were available, otherwise the exceeded limit. On failure it takes neither.
    func takePermit(at now: Instant) -> LimitExceeded? {
        if let caller, !caller.takePermit() {
            return LimitExceeded(.tooManyCallsOfCaller, retryAfter: caller.waitForPermit(at: now))
        }
        guard server.takePermit() else {
            caller?.releasePermits(1)
            return LimitExceeded(.tooManyCallsAtServer, retryAfter: server.waitForPermit(at: now))
        }
        return nil
    }

    /// Releases permits that ``takePermit(at:)`` gave.
    func releasePermits(_ permits: Int) {
        guard permits > 0 else { return }
        caller?.releasePermits(permits)
        server.releasePermits(permits)
    }
}
