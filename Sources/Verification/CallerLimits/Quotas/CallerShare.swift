package import DoormanSupport
internal import NIOConcurrencyHelpers

/// What one caller has taken of what it is granted, over all its connections.
///
/// Calls are not counted one by one: a connection looks once a read at how many there are, and charges once what the read took, so
/// that a hit touches no lock of its own. Connections on different loops may thus take the same calls at the same moment; what was too
/// much is missing to the next reads.
package final class CallerShare: Sendable {
    private struct State {
        var limits: CallerLimits
        var rate: RateLimit?
        var waiting = 0
    }

    private let state: NIOLockedValueBox<State>

    package init(_ limits: CallerLimits) {
        state = NIOLockedValueBox(State(limits: limits, rate: limits.calls.map { RateLimit($0) }))
    }

    /// Goes by other limits from now on. A rate that stays the same goes on as it is; calls that wait stay counted.
    package func adopt(_ limits: CallerLimits) {
        state.withLockedValue { state in
            guard state.limits != limits else { return }
            if state.limits.calls != limits.calls { state.rate = limits.calls.map { RateLimit($0) } }
            state.limits = limits
        }
    }

    /// How many calls may be answered now.
    package func availableCalls(at now: Instant) -> Int {
        state.withLockedValue { $0.rate?.available(at: now) ?? .max }
    }

    /// Takes calls that were answered.
    package func charge(_ calls: Int, at now: Instant) {
        state.withLockedValue { $0.rate?.charge(calls, at: now) }
    }

    /// How long until there is a call again, after some that are not charged yet.
    package func waitForNextCall(after uncharged: Int, at now: Instant) -> Duration {
        state.withLockedValue { state in
            guard let rate = state.rate else { return .zero }
            return now.duration(to: rate.nextFree(after: uncharged, at: now))
        }
    }

    /// Takes a place among the caller's calls that wait, if there is one.
    package func beginWaiting() -> Bool {
        state.withLockedValue { state in
            guard state.waiting < state.limits.callsInFlight ?? .max else { return false }
            state.waiting += 1
            return true
        }
    }

    package func endWaiting(_ calls: Int) {
        state.withLockedValue { state in
            precondition(state.waiting >= calls, "a place is given back once")
            state.waiting -= calls
        }
    }

    /// Whether nothing would be lost by forgetting it.
    package func isUnused(at now: Instant) -> Bool {
        state.withLockedValue { $0.waiting == 0 && $0.rate?.isUnused(at: now) ?? true }
    }
}
