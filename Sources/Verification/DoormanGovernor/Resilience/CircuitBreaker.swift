internal import DoormanCore
package import DoormanSupport

/// Stops requests to a provider that keeps failing, and probes it until it works again.
///
/// - Closed: All calls pass, and consecutive failures are counted.
/// - Open: No call passes.
/// - Half-open: A few calls pass as probes. A probe that succeeds closes the circuit breaker; a probe that fails opens it for twice
///   as long.
///
/// The result of a call counts only for the state in which the call began.
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
    /// The number of times that it opened since it was last closed.
    private var openings = 0

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
    mutating func succeeded(epoch: UInt64, at now: Instant) {
        guard epoch == self.epoch else { return }
        if case .halfOpen = state {
            self.epoch += 1
            openings = 0
            closedAt = now
        }
        state = .closed(failures: 0)
    }

    /// Counts the failure of a call that began in the epoch.
    ///
    /// - Returns: Whether the failure opened the circuit breaker.
    mutating func failed(epoch: UInt64, at now: Instant) -> Bool {
        guard epoch == self.epoch, settings.circuitBreaker.consecutiveFailures > 0 else { return false }
        switch state {
        case .closed(let failures) where failures + 1 < settings.circuitBreaker.consecutiveFailures:
            state = .closed(failures: failures + 1)
            return false
        case .closed, .halfOpen:
            let length = min(settings.circuitBreaker.openTime * (1 << min(openings, 16)), settings.circuitBreaker.maximumOpenTime)
            openings += 1
            self.epoch += 1
            state = .open(until: now.advanced(by: length))
            return true
        case .open:
            return false
        }
    }

    /// Counts a call that began in the epoch and ended without showing whether the provider works. A probe can then be repeated.
    mutating func inconclusive(epoch: UInt64) {
        guard epoch == self.epoch, case .halfOpen(let probes) = state else { return }
        state = .halfOpen(probes: max(0, probes - 1))
    }
}
