package import DoormanSupport
internal import NIOConcurrencyHelpers

/// Limits the rate of one kind of call of each caller, such as cache misses, so that no caller can use up the provider's rate limit for
/// all. A second limit can do the same for each network of callers. A sole caller, which shares the rate with no other caller, can have a
/// higher limit.
///
/// A caller whose limit is full again may be removed, since it loses nothing by that. Callers beyond the maximum share one limit.
package final class CallerRateLimiter<Caller: Hashable & Sendable>: Sendable {
    /// Returns the network whose limit also counts a caller; `nil` for a caller that counts towards no network.
    package typealias NetworkOf = @Sendable (Caller) -> Caller?

    /// The limit of one caller.
    private struct OwnLimit: CallerTableValue {
        var limit: Limit
        let network: Caller?

        func isUnused(at now: Instant) -> Bool { limit.isUnused(at: now) }
        var lastUse: Instant { limit.lastUse }
    }

    private struct State {
        var settings: CallerRateLimiterSettings
        var callers = CallerTable<Caller, OwnLimit>()
        var networks = CallerTable<Caller, Limit>()
        /// The limit of all callers that are not in the table.
        var shared: Limit
        /// The limit of all networks that are not in the table.
        var sharedNetwork: Limit
        var recent = RecentCallers<Caller>()
    }

    /// The rates that apply to one call.
    private struct Rates {
        var own: RateLimit
        /// `nil` for no limit of networks.
        var network: RateLimit?

        /// Raises both rates to that of a sole caller.
        mutating func raise(to rate: RateLimit) {
            own = own.raised(to: rate)
            network = network?.raised(to: rate)
        }
    }

    private let network: NetworkOf
    private let soleCallerLimit: RateLimit?
    private let roll: @Sendable () -> UInt64
    private let state: NIOLockedValueBox<State>

    /// - Parameters:
    ///   - network: Called under a lock, once for each caller in the table. By default no caller counts towards a network.
    ///   - soleCallerLimit: The limit of a caller and its network while no other caller has made a call for a minute, if it is higher than
    ///     theirs. `nil`, the default, for no such limit.
    ///   - roll: Returns 64 random bits. Called under a lock. Only tests pass another function than the default.
    package init(
        settings: CallerRateLimiterSettings, network: @escaping NetworkOf = { _ in nil }, soleCallerLimit: RateLimit? = nil,
        roll: @escaping @Sendable () -> UInt64 = { UInt64.random(in: .min ... .max) }
    ) {
        self.network = network
        self.soleCallerLimit = soleCallerLimit
        self.roll = roll
        state = NIOLockedValueBox(
            State(
                settings: settings, shared: Limit(settings.rate),
                sharedNetwork: Limit(settings.networkRate ?? settings.rate)))
    }

    /// Replaces the settings. Permits that a caller has used stay used.
    package func change(to settings: CallerRateLimiterSettings, at now: Instant) {
        state.withLockedValue { state in
            guard settings != state.settings else { return }
            // Each limiter in a table adopts the rate at its next charge.
            state.settings = settings
            state.shared.limiter.adopt(settings.rate, at: now)
            if let rate = settings.networkRate { state.sharedNetwork.limiter.adopt(rate, at: now) }
        }
    }

    /// Charges a call to the limit of the caller and to the limit of its network.
    ///
    /// - Parameter limit: The caller's own limit, which holds for a sole caller, too; `nil` for the limit of the settings. Permits used under
    ///   another limit stay used.
    /// - Returns: `nil` if both limits allow it, otherwise the limit that does not. Neither is charged then. Each call is told a
    ///   later time to come back: see ``RetryQueue``.
    package func charge(_ caller: Caller, limit: RateLimit? = nil, at now: Instant) -> RateLimitExceeded? {
        state.withLockedValue { state in
            let isSole = state.recent.noteCall(of: caller, at: now)
            var rates = Rates(own: limit ?? state.settings.rate, network: state.settings.networkRate)
            if isSole, limit == nil, let soleCallerLimit { rates.raise(to: soleCallerLimit) }
            var limits = self.limits(of: caller, rates, at: now, &state)
            defer { limits.store(in: &state) }
            if limits.ownIndex != nil { limits.own.limiter.adopt(rates.own, at: now) }
            if limits.networkIndex != nil, let rate = rates.network { limits.network?.limiter.adopt(rate, at: now) }
            if let wait = limits.own.wait(at: now, roll) { return RateLimitExceeded(.caller, retryAfter: wait) }
            if let wait = limits.network?.wait(at: now, roll) { return RateLimitExceeded(.network, retryAfter: wait) }
            limits.charge(1, at: now)
            return nil
        }
    }

    /// Charges calls that have been made already to the limits of the caller and its network. Calls beyond the limits delay later calls.
    package func chargeAfterwards(_ calls: Int, to caller: Caller, at now: Instant) {
        state.withLockedValue { state in
            let rates = Rates(own: state.settings.rate, network: state.settings.networkRate)
            var limits = self.limits(of: caller, rates, at: now, &state)
            limits.charge(calls, at: now)
            limits.store(in: &state)
        }
    }

    /// The number of callers with a limit of their own.
    package var callerCount: Int { state.withLockedValue { $0.callers.count } }

    /// The limits that a call is charged to, taken out of the state.
    private struct Limits {
        var own: Limit
        var network: Limit?
        /// The positions in the tables; `nil` for the shared limits.
        let ownIndex: CallerTable<Caller, OwnLimit>.Index?
        let networkIndex: CallerTable<Caller, Limit>.Index?

        mutating func charge(_ calls: Int, at now: Instant) {
            own.limiter.charge(calls, at: now)
            network?.limiter.charge(calls, at: now)
        }

        func store(in state: inout State) {
            if let ownIndex { state.callers[ownIndex].limit = own } else { state.shared = own }
            guard let network else { return }
            if let networkIndex { state.networks[networkIndex] = network } else { state.sharedNetwork = network }
        }
    }

    /// - Parameter rates: The rates of a new caller and a new network.
    private func limits(of caller: Caller, _ rates: Rates, at now: Instant, _ state: inout State) -> Limits {
        let maximum = state.settings.maximumCallers
        let ownIndex = state.callers.index(
            of: caller, maximum: maximum, at: now, new: OwnLimit(limit: Limit(rates.own), network: network(caller)))
        let own = ownIndex.map { state.callers[$0].limit } ?? state.shared
        guard let networkRate = rates.network,
            let network = ownIndex.map({ state.callers[$0].network }) ?? network(caller)
        else {
            return Limits(own: own, network: nil, ownIndex: ownIndex, networkIndex: nil)
        }
        let networkIndex = state.networks.index(of: network, maximum: maximum, at: now, new: Limit(networkRate))
        let limit = networkIndex.map { state.networks[$0] } ?? state.sharedNetwork
        return Limits(own: own, network: limit, ownIndex: ownIndex, networkIndex: networkIndex)
    }
}

extension RateLimit {
    /// Returns the higher of two rates, with the larger of both bursts.
    fileprivate func raised(to other: RateLimit) -> RateLimit {
        RateLimit(perSecond: max(perSecond, other.perSecond), burst: max(burst, other.burst))
    }
}

/// The latest calls, which show whether a caller is the only one.
private struct RecentCallers<Caller: Hashable & Sendable>: Sendable {
    /// The time without a call of another caller after which a caller is a sole caller.
    private static var timeWithoutOthers: Duration { .seconds(60) }

    /// The caller of the latest call, and the time of that call.
    private var latest: (caller: Caller, time: Instant)?
    /// The time of the latest call of any other caller; `nil` if there was none.
    private var latestOfOthers: Instant?

    /// Records a call.
    ///
    /// - Returns: Whether no other caller has made a call for a minute. After a start that is also the first caller: a cache that is still
    ///   empty needs every provider request that it can get.
    mutating func noteCall(of caller: Caller, at now: Instant) -> Bool {
        if let latest, latest.caller != caller { latestOfOthers = latest.time }
        latest = (caller, now)
        guard let latestOfOthers else { return true }
        return latestOfOthers.duration(to: now) >= Self.timeWithoutOthers
    }
}

/// The rate limit of a caller or a network, with the times that the calls beyond it were told.
private struct Limit: CallerTableValue {
    var limiter: RateLimiter
    private var retries = RetryQueue()

    init(_ rate: RateLimit) {
        limiter = RateLimiter(rate)
    }

    func isUnused(at now: Instant) -> Bool { limiter.isUnused(at: now) }

    // The table sees each use.
    var lastUse: Instant { Instant(nanoseconds: 0) }

    /// Returns the time until a call that finds no permit should be repeated; `nil` if there is a permit.
    mutating func wait(at now: Instant, _ roll: () -> UInt64) -> Duration? {
        let free = limiter.nextFree(at: now)
        guard free > now else { return nil }
        return retries.wait(until: free, interval: limiter.timePerCall, roll: roll(), at: now)
    }
}

/// A rate limit that turned a call down.
package struct RateLimitExceeded: Sendable, Hashable {
    package enum Subject: Sendable {
        case caller
        /// The network of the caller, with the other callers in it.
        case network
    }

    /// Who exceeded its limit.
    package let subject: Subject
    /// The time until the call should be repeated.
    package let retryAfter: Duration

    package init(_ subject: Subject, retryAfter: Duration) {
        self.subject = subject
        self.retryAfter = retryAfter
    }
}

/// A rate limit that each caller has, and another that each network of callers has.
package struct CallerRateLimiterSettings: Sendable, Hashable {
    /// The maximum calls of one caller per second. From 1 to 1,000,000.
    package var perSecond: Int
    /// The maximum calls of one caller at once. At least 1.
    package var burst: Int
    /// The maximum calls of one network per second. From 0, for no limit, to 1,000,000. The default is nine tenths of the default rate of
    /// provider requests: most callers of a cluster are in one network, which must get nearly everything, and not the whole.
    package var networkPerSecond = 900
    /// The maximum calls of one network at once. At least 1.
    package var networkBurst = 1_800
    /// The maximum callers, and the maximum networks, with a limit of their own. Default 10,000; further callers share one limit.
    package var maximumCallers = 10_000

    /// Creates the default limit on cache misses, which is half of the default rate of provider requests.
    package init(perSecond: Int = 500, burst: Int = 1_000) {
        self.perSecond = perSecond
        self.burst = burst
    }

    fileprivate var rate: RateLimit { RateLimit(perSecond: perSecond, burst: burst) }

    fileprivate var networkRate: RateLimit? {
        networkPerSecond > 0 ? RateLimit(perSecond: networkPerSecond, burst: networkBurst) : nil
    }
}
