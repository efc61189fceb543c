internal import DoormanCore
package import DoormanSupport

/// Stops requests to a provider that keeps failing, and probes it until it works again.
///
/// - Closed: All calls pass, and consecutive failures are counted.
/// - Open: No call passes.
/// - Half-open: A few calls pass as probes. A probe that succeeds closes the circuit breaker; a probe that fails opens it for twice
///   as long.
///
/// The result of a call counts only for the state in which the call began. A token that the provider always fails on is no outage: the
/// failures must be those of three tokens, or of all tokens in use.
package struct CircuitBreaker: Sendable {
    package enum State: Sendable, Hashable {
        case closed(failures: Int)
        case open(until: Instant)
        case halfOpen(probes: Int)
    }

    private let settings: GovernorSettings
    private(set) var state = State.closed(failures: 0)
    /// The number of times that the circuit breaker opened or closed.
    private(set) var epoch: UInt64 = 0
    /// The time at which it last closed after having been open.
    private(set) var closedAt: Instant?
    /// The time for which a token counts as in use after its last success.
    private static let useTime = Duration.seconds(10)
    /// The minimum tokens whose failures open the circuit breaker while other tokens are in use.
    private static let minimumTokens = 3

    /// The hashes of the tokens that failed since the last success.
    private var failingTokens: Set<Int> = []
    private var lastSuccess: (time: Instant, token: Int)?
    /// The number of times that it opened since it was last closed.
    private var openings = 0
    /// The number of times that it opened at all.
    private(set) var totalOpenings: UInt64 = 0

    init(settings: GovernorSettings) {
        self.settings = settings
    }

    /// Returns the state that a call would find.
    func state(at now: Instant) -> State {
        if case .open(let end) = state, now >= end { .halfOpen(probes: 0) } else { state }
    }

    /// Returns whether a call that came now would be blocked.
    func isBlocking(at now: Instant) -> Bool {
        switch state {
        case .closed: false
        case .open(let end): now < end
        case .halfOpen(let probes): probes >= max(1, settings.circuitBreaker.halfOpenCalls)
        }
    }

    /// Returns the time until a call may begin; `nil` if it may begin now. Becomes half-open when the open time is over.
    mutating func waitTime(at now: Instant) -> Duration? {
        if case .open(let end) = state {
            guard now >= end else { return now.duration(to: end) }
            state = .halfOpen(probes: 0)
        }
        guard case .halfOpen(let probes) = state, probes >= max(1, settings.circuitBreaker.halfOpenCalls) else { return nil }
        // The duration of the probe is unknown.
        return settings.circuitBreaker.openTime
    }

    /// Counts a call that ``waitTime(at:)`` allowed to begin.
    mutating func begin() {
        if case .halfOpen(let probes) = state { state = .halfOpen(probes: probes + 1) }
    }

    /// Counts the success of a call that began in the epoch.
    ///
    /// - Parameter token: The hash of the call's token; `nil` for a call about no token.
    mutating func succeeded(epoch: UInt64, token: Int? = nil, at now: Instant) {
        guard epoch == self.epoch else { return }
        failingTokens = []
        if let token { lastSuccess = (now, token) }
        if case .halfOpen = state {
            self.epoch += 1
            openings = 0
            closedAt = now
        }
        state = .closed(failures: 0)
    }

    /// Counts the failure of a call that began in the epoch.
    ///
    /// - Parameter token: The hash of the call's token; `nil` for a call about no token.
    /// - Returns: Whether the failure opened the circuit breaker.
    mutating func failed(epoch: UInt64, token: Int? = nil, at now: Instant) -> Bool {
        guard epoch == self.epoch, settings.circuitBreaker.consecutiveFailures > 0 else { return false }
        switch state {
        case .closed(let failures):
            // Each call about no token counts as another token.
            if failingTokens.count < Self.minimumTokens { failingTokens.insert(token ?? failures) }
            if failures + 1 >= settings.circuitBreaker.consecutiveFailures, !areFewAmongMany(at: now) { return open(at: now) }
            state = .closed(failures: min(failures + 1, settings.circuitBreaker.consecutiveFailures))
            return false
        case .halfOpen:
            return open(at: now)
        case .open:
            return false
        }
    }

    private mutating func open(at now: Instant) -> Bool {
        let length = min(settings.circuitBreaker.openTime * (1 << min(openings, 16)), settings.circuitBreaker.maximumOpenTime)
        openings += 1
        totalOpenings += 1
        epoch += 1
        state = .open(until: now.advanced(by: length))
        return true
    }

    /// Whether only a few tokens fail, while another token is in use.
    private func areFewAmongMany(at now: Instant) -> Bool {
        guard failingTokens.count < min(Self.minimumTokens, settings.circuitBreaker.consecutiveFailures), let lastSuccess,
            lastSuccess.time.duration(to: now) < Self.useTime
        else { return false }
        return !failingTokens.contains(lastSuccess.token)
    }

    /// Counts a call that began in the epoch and ended without showing whether the provider works. A probe can then be repeated.
    mutating func inconclusive(epoch: UInt64) {
        guard epoch == self.epoch, case .halfOpen(let probes) = state else { return }
        state = .halfOpen(probes: max(0, probes - 1))
    }
}
