package import DoormanSupport
internal import NIOConcurrencyHelpers

/// Limits the rate of one kind of call of each caller, such as cache misses, so that no caller can use up the provider's rate limit for
/// all.
///
/// A caller whose limit is full again may be removed, since it loses nothing by that. Callers beyond the maximum share one limit.
package final class CallerRateLimiter<Caller: Hashable & Sendable>: Sendable {
    private struct State {
        var settings: CallerRateLimiterSettings
        var callers = CallerTable<Caller, RateLimiter>()
        var shared: RateLimiter
    }

    private let state: NIOLockedValueBox<State>

    package init(settings: CallerRateLimiterSettings) {
        state = NIOLockedValueBox(State(settings: settings, shared: RateLimiter(settings.rate)))
    }

    /// Replaces the settings. Permits that a caller has used stay used.
    package func change(to settings: CallerRateLimiterSettings, at now: Instant) {
        state.withLockedValue { state in
            guard settings != state.settings else { return }
            // Each caller's limiter adopts the rate at its next charge.
            state.settings = settings
            state.shared.adopt(settings.rate, at: now)
        }
    }

    /// Charges a call to the caller's limit.
    ///
    /// - Parameter limit: The caller's own limit; `nil` for the limit of the settings. Permits used under another limit stay used.
    /// - Returns: `nil` if allowed, otherwise the time until the next permit.
    package func charge(_ caller: Caller, limit: RateLimit? = nil, at now: Instant) -> Duration? {
        state.withLockedValue { state in
            let limit = limit ?? state.settings.rate
            let own = state.callers.update(
                caller, maximum: state.settings.maximumCallers, at: now, new: RateLimiter(limit),
                isUnused: { $0.isUnused(at: now) }
            ) { limiter in
                limiter.adopt(limit, at: now)
                return Charge(&limiter, at: now)
            }
            return (own ?? Charge(&state.shared, at: now)).wait
        }
    }

    /// The number of callers with a limit of their own.
    package var callerCount: Int { state.withLockedValue { $0.callers.count } }

    /// The result of a charge.
    private struct Charge {
        /// The time until the next permit; `nil` if the charge was allowed.
        let wait: Duration?

        init(_ limiter: inout RateLimiter, at now: Instant) {
            wait = limiter.take(at: now) ? nil : now.duration(to: limiter.nextFree(at: now))
        }
    }
}

/// A rate limit that each caller has.
package struct CallerRateLimiterSettings: Sendable, Hashable {
    /// The maximum calls of one caller per second. From 1 to 1,000,000.
    package var perSecond: Int
    /// The maximum calls of one caller at once. At least 1.
    package var burst: Int
    /// The maximum callers with a limit of their own. Default 10,000; further callers share one limit.
    package var maximumCallers = 10_000

    /// Creates the default limit on cache misses, which is half of the default rate of provider requests.
    package init(perSecond: Int = 500, burst: Int = 1_000) {
        self.perSecond = perSecond
        self.burst = burst
    }

    fileprivate var rate: RateLimit { RateLimit(perSecond: perSecond, burst: burst) }
}
