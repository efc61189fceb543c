package import DoormanSupport
internal import NIOConcurrencyHelpers

/// The use that one caller has made of its limits, over all its connections.
///
/// A connection reads the available calls once per turn, and charges them once after it. A cache hit takes no lock that way.
/// Connections on different event loops can take the same calls at once; the excess is missing in their next turns.
package final class CallerQuota: Sendable {
    /// The limits on one caller's calls, over all its connections.
    package struct Limits: Sendable, Hashable {
        /// The rate limit on calls of any kind, cache hits included, health checks excluded. `nil`, the default, for no limit.
        package var calls: RateLimit?
        /// The maximum calls that wait for the provider at once. At least 1; `nil`, the default, for no limit.
        package var callsInFlight: Int?
        /// The maximum open connections. At least 1; `nil`, the default, for no limit.
        package var connections: Int?
        /// The rate limit on cache misses; `nil`, the default, for the limit that every caller has.
        package var misses: RateLimit?
        /// The rate limit on revocations and deletions of accounts; `nil`, the default, for the limit that every caller has.
        package var accountRevocations: RateLimit?

        package init() {}

        /// Whether a quota is needed to count calls. ``CallerRateLimiter`` counts cache misses and revocations of
        /// accounts.
        package var isLimited: Bool { calls != nil || callsInFlight != nil || connections != nil }
    }

    private struct State {
        var limits: Limits
        var rate: RateLimiter?
        var retries = RetryQueue()
        var permitRetries = RetryQueue()
        var inFlight = 0
        var connections = 0
    }

    private let roll: @Sendable () -> UInt64
    private let state: NIOLockedValueBox<State>

    /// - Parameter roll: Returns 64 random bits. Only tests pass another function than the default.
    package init(_ limits: Limits, roll: @escaping @Sendable () -> UInt64 = { UInt64.random(in: .min ... .max) }) {
        self.roll = roll
        state = NIOLockedValueBox(State(limits: limits, rate: limits.calls.map { RateLimiter($0) }))
    }

    /// Replaces the limits. A limiter whose rate stays the same keeps its state, and calls in flight stay counted.
    package func adopt(_ limits: Limits) {
        state.withLockedValue { state in
            guard state.limits != limits else { return }
            if state.limits.calls != limits.calls { state.rate = limits.calls.map { RateLimiter($0) } }
            state.limits = limits
        }
    }

    /// Returns the number of calls that the rate limit allows now.
    package func availableCalls(at now: Instant) -> Int {
        state.withLockedValue { $0.rate?.available(at: now) ?? .max }
    }

    /// Charges calls to the rate limit after they were handled.
    package func charge(_ calls: Int, at now: Instant) {
        state.withLockedValue { $0.rate?.charge(calls, at: now) }
    }

    /// Returns the time until a call that the rate limit turned down should be repeated: later for each such call. See
    /// ``RetryQueue``.
    ///
    /// - Parameter uncharged: The number of calls that are still to be charged.
    package func waitForNextCall(after uncharged: Int, at now: Instant) -> Duration {
        let roll = roll()
        return state.withLockedValue { state in
            guard let rate = state.rate else { return .zero }
            return state.retries.wait(
                until: rate.nextFree(after: uncharged, at: now), interval: rate.timePerCall, roll: roll, at: now)
        }
    }

    /// Takes a permit for a call that waits for the provider.
    ///
    /// - Returns: Whether the concurrency limit allowed it.
    package func takePermit() -> Bool {
        state.withLockedValue { state in
            guard state.inFlight < state.limits.callsInFlight ?? .max else { return false }
            state.inFlight += 1
            return true
        }
    }

    /// Returns the time until a call that ``takePermit()`` turned down should be repeated: later for each such call.
    package func waitForPermit(at now: Instant) -> Duration {
        let roll = roll()
        return state.withLockedValue { $0.permitRetries.waitForPermit(roll: roll, at: now) }
    }

    /// Releases permits that ``takePermit()`` gave.
    package func releasePermits(_ permits: Int) {
        state.withLockedValue { state in
            precondition(state.inFlight >= permits, "a permit was released twice")
            state.inFlight -= permits
        }
    }

    /// Takes a permit for an open connection.
    ///
    /// - Returns: Whether the limit allowed it.
    package func takePermitForConnection() -> Bool {
        state.withLockedValue { state in
            guard state.connections < state.limits.connections ?? .max else { return false }
            state.connections += 1
            return true
        }
    }

    /// Releases a permit that ``takePermitForConnection()`` gave.
    package func releasePermitForConnection() {
        state.withLockedValue { state in
            precondition(state.connections > 0, "a permit was released twice")
            state.connections -= 1
        }
    }

    /// Returns whether a new quota with the same limits would have the same state.
    package func isUnused(at now: Instant) -> Bool {
        state.withLockedValue { $0.inFlight == 0 && $0.connections == 0 && $0.rate?.isUnused(at: now) ?? true }
    }

    /// The moment from which the rate limit allows a whole burst, soon after the last call. The start of the clock without a rate limit.
    fileprivate var lastCharge: Instant {
        state.withLockedValue { $0.rate?.unusedFrom ?? Instant(nanoseconds: 0) }
    }
}

/// The quotas of a server's callers, one per caller for any number of connections.
///
/// A full registry removes unused quotas that no connection holds, those of the newest callers first. Callers beyond the maximum that
/// have the same limits share one quota.
package final class CallerQuotaRegistry: Sendable {
    /// The registry's reference to a quota.
    private struct Entry: CallerTableValue {
        var quota: CallerQuota

        /// References are only handed out under the registry's lock, so a unique reference stays unique during the check.
        mutating func isUnused(at now: Instant) -> Bool {
            isKnownUniquelyReferenced(&quota) && quota.isUnused(at: now)
        }

        var lastUse: Instant { quota.lastCharge }
    }

    private struct State {
        var callers = CallerTable<Caller, Entry>()
        /// The quotas of the callers beyond the maximum.
        var shared: [CallerQuota.Limits: Entry] = [:]
        var maximumCallers: Int
    }

    private let state: NIOLockedValueBox<State>

    package init(maximumCallers: Int) {
        state = NIOLockedValueBox(State(maximumCallers: maximumCallers))
    }

    /// Changes the maximum callers with a quota of their own. Callers beyond a lower maximum keep their quotas until these are unused.
    package func limit(callers maximum: Int) {
        state.withLockedValue { $0.maximumCallers = maximum }
    }

    /// Returns the caller's quota, and gives it these limits.
    ///
    /// - Returns: `nil` if the limits need no quota.
    package func quota(of caller: Caller, _ limits: CallerQuota.Limits, at now: Instant) -> CallerQuota? {
        guard limits.isLimited else { return nil }
        return state.withLockedValue { state in
            let index = state.callers.index(
                of: caller, maximum: state.maximumCallers, at: now, new: Entry(quota: CallerQuota(limits)))
            if let index {
                let quota = state.callers[index].quota
                quota.adopt(limits)
                return quota
            }
            for key in Array(state.shared.keys) where state.shared[key]?.isUnused(at: now) == true { state.shared[key] = nil }
            let shared = state.shared[limits] ?? Entry(quota: CallerQuota(limits))
            state.shared[limits] = shared
            return shared.quota
        }
    }

    /// The maximum callers with a quota of their own.
    package var maximumCallers: Int { state.withLockedValue { $0.maximumCallers } }

    /// The number of callers with a quota of their own.
    package var callerCount: Int { state.withLockedValue { $0.callers.count } }
}
