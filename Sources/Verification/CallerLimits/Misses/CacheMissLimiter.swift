package import DoormanSupport
internal import NIOConcurrencyHelpers

/// How many calls each caller may make that memory can't answer, so that one with bad tokens, or with none that it has twice,
/// can't use up what the provider grants to all. What memory answers costs nothing here.
///
/// Callers that have been quiet are forgotten, which gives them nothing that they had not saved up anyway. Where there are more
/// than can be told apart, the rest share one budget.
package final class CacheMissLimiter<Caller: Hashable & Sendable>: Sendable {
    private struct State {
        var settings: CacheMissLimiterSettings
        var budgets: [Caller: RateLimiter] = [:]
        var shared: RateLimiter
        /// When it is next worth looking for callers to forget.
        var nextSweep = Instant(nanoseconds: 0)
    }

    private let state: NIOLockedValueBox<State>

    package init(settings: CacheMissLimiterSettings) {
        state = NIOLockedValueBox(State(settings: settings, shared: RateLimiter(settings.rate)))
    }

    /// Sets other budgets while calls go on. What a caller has used up stays used up.
    package func change(to settings: CacheMissLimiterSettings, at now: Instant) {
        state.withLockedValue { state in
            guard settings != state.settings else { return }
            // A budget follows at its caller's next call.
            state.settings = settings
            state.shared.adopt(settings.rate, at: now)
        }
    }

    /// Takes one miss from the caller's budget.
    ///
    /// - Parameter granted: The caller's own rate; nil for the settings'. Of another rate than before, what has been used up stays so.
    /// - Returns: Nil if it could be had, else when the next can.
    package func take(_ caller: Caller, granted: RateLimit? = nil, at now: Instant) -> Duration? {
        state.withLockedValue { state in
            let rate = granted ?? state.settings.rate
            if let index = state.budgets.index(forKey: caller) {
                state.budgets.values[index].adopt(rate, at: now)
                return Self.take(&state.budgets.values[index], at: now)
            }
            let maximumCallers = state.settings.maximumCallers
            if state.budgets.count >= maximumCallers, now >= state.nextSweep {
                state.budgets = state.budgets.filter { !$0.value.isUnused(at: now) }
                state.nextSweep = now.advanced(by: .seconds(1))
            }
            guard state.budgets.count < maximumCallers else { return Self.take(&state.shared, at: now) }
            var budget = RateLimiter(rate)
            let wait = Self.take(&budget, at: now)
            state.budgets[caller] = budget
            return wait
        }
    }

    /// How many callers are told apart at the moment.
    package var callerCount: Int { state.withLockedValue { $0.budgets.count } }

    private static func take(_ budget: inout RateLimiter, at now: Instant) -> Duration? {
        budget.take(at: now) ? nil : now.duration(to: budget.nextFree(at: now))
    }
}

/// What one caller may ask of the provider.
package struct CacheMissLimiterSettings: Sendable, Hashable {
    /// Calls of one caller in a second that memory can't answer. From 1 to 1,000,000, default 500: half of what the provider is
    /// asked by default.
    package var missesPerSecond = 500
    /// How many of them may be saved up in quiet times. At least 1, default 1,000.
    package var savedMisses = 1_000
    /// How many callers are told apart. Default 10,000; those beyond share one budget.
    package var maximumCallers = 10_000

    package init() {}

    fileprivate var rate: RateLimit { RateLimit(perSecond: missesPerSecond, burst: savedMisses) }
}
