package import DoormanSupport
internal import NIOConcurrencyHelpers

/// What one caller has used of its limits, over all its connections.
///
/// Calls are not counted one by one: a connection looks once a read at how many there are, and charges once what the read took, so
/// that a hit touches no lock of its own. Connections on different loops may thus take the same calls at the same moment; what was too
/// much is missing to the next reads.
package final class CallerQuota: Sendable {
    /// How much one caller may call, over all its connections.
    package struct Limits: Sendable, Hashable {
        /// Calls of any kind, those that memory answers too, but for health checks; nil (the default) for no limit.
        package var calls: RateLimit?
        /// Calls that wait for the provider at once. At least 1; nil (the default) for no limit.
        package var callsInFlight: Int?
        /// Calls that memory can't answer; nil (the default) for what every caller has.
        package var misses: RateLimit?

        package init() {}

        /// Whether a quota has anything to count. Cache misses are counted by ``CacheMissLimiter``.
        package var isLimited: Bool { calls != nil || callsInFlight != nil }
    }

    private struct State {
        var limits: Limits
        var rate: RateLimiter?
        var waiting = 0
    }

    private let state: NIOLockedValueBox<State>

    package init(_ limits: Limits) {
        state = NIOLockedValueBox(State(limits: limits, rate: limits.calls.map { RateLimiter($0) }))
    }

    /// Goes by other limits from now on. A rate that stays the same goes on as it is; calls that wait stay counted.
    package func adopt(_ limits: Limits) {
        state.withLockedValue { state in
            guard state.limits != limits else { return }
            if state.limits.calls != limits.calls { state.rate = limits.calls.map { RateLimiter($0) } }
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

/// The quotas of a server's callers: one for each, however many connections it has.
///
/// A quota that no connection holds and that is not used is forgotten when room is needed. Callers beyond the maximum share a quota with
/// those that have the same limits.
package final class CallerQuotaRegistry: Sendable {
    private struct State {
        var callers = CallerTable<Caller, CallerQuota>()
        /// Of the callers beyond the maximum.
        var shared: [CallerQuota.Limits: CallerQuota] = [:]
    }

    private let maximumCallers: Int
    private let state = NIOLockedValueBox(State())

    package init(maximumCallers: Int) {
        self.maximumCallers = maximumCallers
    }

    /// The caller's quota, which has these limits from now on.
    ///
    /// - Returns: `nil` if nothing is limited.
    package func quota(of caller: Caller, _ limits: CallerQuota.Limits, at now: Instant) -> CallerQuota? {
        guard limits.isLimited else { return nil }
        return state.withLockedValue { state in
            // A new reference to a quota can only be had under this lock, so one that is unique stays so meanwhile.
            let isUnused = { (quota: inout CallerQuota) in isKnownUniquelyReferenced(&quota) && quota.isUnused(at: now) }
            let own = state.callers.change(
                caller, maximum: maximumCallers, at: now, new: CallerQuota(limits), isUnused: isUnused
            ) { quota in
                quota.adopt(limits)
                return quota
            }
            if let own { return own }
            state.shared.removeAll(where: isUnused)
            let shared = state.shared[limits] ?? CallerQuota(limits)
            state.shared[limits] = shared
            return shared
        }
    }

    /// How many callers are told apart at the moment.
    package var callerCount: Int { state.withLockedValue { $0.callers.count } }
}
