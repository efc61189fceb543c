internal import CallerLimits
internal import DoormanWire
internal import NIOConcurrencyHelpers

/// Counts the calls in flight on all connections of a server, and limits them. Only cache misses are counted.
package final class InFlightCounter: Sendable {
    let maximum: Int
    private let inFlight = NIOLockedValueBox(0)

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
    /// - Returns: `nil` if both were available, otherwise the failure of the exceeded limit. On failure it takes neither.
    func take() -> Failure? {
        guard caller?.beginWaiting() ?? true else { return .tooManyCallsOfCaller }
        guard server.begin() else {
            caller?.endWaiting(1)
            return .tooManyCallsAtServer
        }
        return nil
    }

    func release(_ permits: Int) {
        guard permits > 0 else { return }
        caller?.endWaiting(permits)
        server.end(permits)
    }
}
