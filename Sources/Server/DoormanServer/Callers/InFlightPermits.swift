internal import CallerLimits
internal import DoormanWire
internal import NIOConcurrencyHelpers

/// How many calls wait for the provider at a server, over all its connections. Only calls that memory can't answer come here.
package final class InFlightCounter: Sendable {
    let maximum: Int
    private let waiting = NIOLockedValueBox(0)

    /// - Parameter maximum: At least 1.
    package init(maximum: Int) {
        self.maximum = maximum
    }

    /// How many wait now.
    var count: Int { waiting.withLockedValue { $0 } }

    func begin() -> Bool {
        waiting.withLockedValue { waiting in
            guard waiting < maximum else { return false }
            waiting += 1
            return true
        }
    }

    func end(_ calls: Int) {
        waiting.withLockedValue { waiting in
            precondition(waiting >= calls, "a place is given back once")
            waiting -= calls
        }
    }
}

/// Where a call that waits is counted: at its caller, if that has a limit, and at the server.
struct InFlightPermits: Sendable {
    let server: InFlightCounter
    let caller: CallerQuota?

    /// Takes one place of each.
    ///
    /// - Returns: Nil if there was one, else which limit is reached; then none is taken.
    func take() -> Failure? {
        guard caller?.beginWaiting() ?? true else { return .tooManyCallsOfCaller }
        guard server.begin() else {
            caller?.endWaiting(1)
            return .tooManyCallsAtServer
        }
        return nil
    }

    func giveBack(_ places: Int) {
        guard places > 0 else { return }
        caller?.endWaiting(places)
        server.end(places)
    }
}
