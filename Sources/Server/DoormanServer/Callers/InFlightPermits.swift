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

    func begin() -> Bool {
        inFlight.withLockedValue { inFlight in
            guard inFlight < maximum else { return false }
            inFlight += 1
            return true
        }
    }

    /// Returns the time until a call that ``begin()`` turned down should be repeated: later for each such call.
    func waitForPermit(at now: Instant) -> Duration {
        let roll = UInt64.random(in: .min ... .max)
        return retries.withLockedValue { $0.waitForPermit(roll: roll, at: now) }
    }

    func end(_ calls: Int) {
        inFlight.withLockedValue { inFlight in
            precondition(inFlight >= calls, "a permit is released only once")
            inFlight -= calls
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
    func take(at now: Instant) -> LimitExceeded? {
        if let caller, !caller.beginWaiting() {
            return LimitExceeded(.tooManyCallsOfCaller, retryAfter: caller.waitForPermit(at: now))
        }
        guard server.begin() else {
            caller?.endWaiting(1)
            return LimitExceeded(.tooManyCallsAtServer, retryAfter: server.waitForPermit(at: now))
        }
        return nil
    }

    func release(_ permits: Int) {
        guard permits > 0 else { return }
        caller?.endWaiting(permits)
        server.end(permits)
    }
}
