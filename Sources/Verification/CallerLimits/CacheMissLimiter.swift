package import DoormanSupport
internal import NIOConcurrencyHelpers

/// Limits the cache misses of each caller, so that one with bad tokens, or with none that it has twice, can't use up what the provider
/// grants to all. A cache hit costs nothing here.
///
/// A quiet caller is forgotten, which gives it nothing that it did not have anyway. Callers beyond the maximum share one limit.
package final class CacheMissLimiter<Caller: Hashable & Sendable>: Sendable {
    private struct State {
        var settings: CacheMissLimiterSettings
        var callers = CallerTable<Caller, RateLimiter>()
        var shared: RateLimiter
    }

    private let state: NIOLockedValueBox<State>

    package init(settings: CacheMissLimiterSettings) {
        state = NIOLockedValueBox(State(settings: settings, shared: RateLimiter(settings.rate)))
    }

    /// Sets other limits while calls go on. What a caller has used up stays used up.
    package func change(to settings: CacheMissLimiterSettings, at now: Instant) {
        state.withLockedValue { state in
            guard settings != state.settings else { return }
            // A caller's limiter follows at its next call.
            state.settings = settings
            state.shared.adopt(settings.rate, at: now)
        }
    }

    /// Charges a cache miss to the caller's limit.
    ///
    /// - Parameter limit: The caller's own limit; `nil` for that of the settings. What was used up of another limit stays used up.
    /// - Returns: `nil` if allowed, otherwise the time until the next permit.
    package func charge(_ caller: Caller, limit: RateLimit? = nil, at now: Instant) -> Duration? {
        state.withLockedValue { state in
            let limit = limit ?? state.settings.rate
            let own = state.callers.change(
                caller, maximum: state.settings.maximumCallers, at: now, new: RateLimiter(limit),
                isUnused: { $0.isUnused(at: now) }
            ) { limiter in
                limiter.adopt(limit, at: now)
                return Charge(&limiter, at: now)
            }
            return (own ?? Charge(&state.shared, at: now)).wait
        }
    }

    /// How many callers are told apart at the moment.
    package var callerCount: Int { state.withLockedValue { $0.callers.count } }

    /// What became of a charge.
    private struct Charge {
        let wait: Duration?

        init(_ limiter: inout RateLimiter, at now: Instant) {
            wait = limiter.take(at: now) ? nil : now.duration(to: limiter.nextFree(at: now))
        }
    }
}

/// What one caller may ask of the provider.
package struct CacheMissLimiterSettings: Sendable, Hashable {
    /// Calls of one caller in a second that memory can't answer. From 1 to 1,000,000, default 500: half of what the provider is
    /// asked by default.
    package var missesPerSecond = 500
    /// The burst: the most cache misses that may come at once. At least 1, default 1,000.
    package var missesBurst = 1_000
    /// How many callers are told apart. Default 10,000; those beyond share one budget.
    package var maximumCallers = 10_000

    package init() {}

    fileprivate var rate: RateLimit { RateLimit(perSecond: missesPerSecond, burst: missesBurst) }
}
