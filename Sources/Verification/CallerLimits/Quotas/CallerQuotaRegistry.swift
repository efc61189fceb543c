package import DoormanSupport
internal import NIOConcurrencyHelpers

/// How much one caller may call, over all its connections.
package struct CallerLimits: Sendable, Hashable {
    /// Calls of any kind, those that memory answers too, but for health checks; nil (the default) for no limit.
    package var calls: RateLimit?
    /// Calls that wait for the provider at once. At least 1; nil (the default) for no limit.
    package var callsInFlight: Int?
    /// Calls that memory can't answer; nil (the default) for what every caller has.
    package var misses: RateLimit?

    package init() {}

    /// Whether anything has to be counted here. Misses are counted elsewhere.
    package var limitNothing: Bool { calls == nil && callsInFlight == nil }
}

/// What one caller has taken of what it is granted, over all its connections.
///
/// Calls are not counted one by one: a connection looks once a read at how many there are, and charges once what the read took, so
/// that a hit touches no lock of its own. Connections on different loops may thus take the same calls at the same moment; what was too
/// much is missing to the next reads.
package final class CallerQuota: Sendable {
    private struct State {
        var limits: CallerLimits
        var rate: RateLimiter?
        var waiting = 0
    }

    private let state: NIOLockedValueBox<State>

    package init(_ limits: CallerLimits) {
        state = NIOLockedValueBox(State(limits: limits, rate: limits.calls.map { RateLimiter($0) }))
    }

    /// Goes by other limits from now on. A rate that stays the same goes on as it is; calls that wait stay counted.
    package func adopt(_ limits: CallerLimits) {
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

/// The shares of a server's callers: one for each, however many connections it has.
///
/// One that nobody holds and that is not used is forgotten when room is needed. Where there are more callers than can be told apart,
/// the rest of those with the same limits share one.
package final class CallerQuotaRegistry: Sendable {
    private struct State {
        var shares: [Caller: CallerQuota] = [:]
        var rest: [CallerLimits: CallerQuota] = [:]
        /// When it is next worth looking for callers to forget.
        var nextSweep = Instant(nanoseconds: 0)
    }

    private let maximumCallers: Int
    private let state = NIOLockedValueBox(State())

    package init(maximumCallers: Int) {
        self.maximumCallers = maximumCallers
    }

    /// The caller's share, which goes by these limits from now on.
    ///
    /// - Returns: Nil if nothing is limited.
    package func share(of caller: Caller, _ limits: CallerLimits, at now: Instant) -> CallerQuota? {
        guard !limits.limitNothing else { return nil }
        return state.withLockedValue { state in
            if let share = state.shares[caller] {
                share.adopt(limits)
                return share
            }
            if state.shares.count >= maximumCallers, now >= state.nextSweep {
                forgetUnused(&state, at: now)
                state.nextSweep = now.advanced(by: .seconds(1))
            }
            let share = CallerQuota(limits)
            guard state.shares.count < maximumCallers else {
                let rest = state.rest[limits] ?? share
                state.rest[limits] = rest
                return rest
            }
            state.shares[caller] = share
            return share
        }
    }

    /// How many callers are told apart at the moment.
    package var callerCount: Int { state.withLockedValue { $0.shares.count } }

    /// A new reference to a share can only be had under this lock, so that one which is the only one stays so meanwhile.
    private func forgetUnused(_ state: inout State, at now: Instant) {
        forgetUnused(&state.shares, at: now)
        forgetUnused(&state.rest, at: now)
    }

    private func forgetUnused<Key>(_ shares: inout [Key: CallerQuota], at now: Instant) {
        var unused: [Key] = []
        // Not over its indices: they would hold a copy of all, and each reference with it.
        var index = shares.startIndex
        while index < shares.endIndex {
            if isKnownUniquelyReferenced(&shares.values[index]), shares.values[index].isUnused(at: now) {
                unused.append(shares.keys[index])
            }
            shares.formIndex(after: &index)
        }
        for key in unused { shares[key] = nil }
    }
}
