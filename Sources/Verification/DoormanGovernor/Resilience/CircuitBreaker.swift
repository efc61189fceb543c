internal import DoormanCore
package import DoormanSupport

/// A circuit breaker: stops requests to a provider that keeps failing, and finds out with single calls when it is well again.
///
/// Closed, calls go through and failures in a row are counted. Open, none goes through. Half-open, a few do, as probes: one that
/// succeeds closes it, one that fails opens it for twice as long. A call counts only for the state that it began in.
package struct CircuitBreaker: Sendable {
    package enum State: Sendable, Hashable {
        case closed(failures: Int)
        case open(until: Instant)
        case halfOpen(probes: Int)
    }

    private let settings: GovernorSettings
    private(set) var state = State.closed(failures: 0)
    /// Counts the times that the breaker opened or closed.
    private(set) var epoch: UInt64 = 0
    /// When it last closed after having been open.
    private(set) var closedAt: Instant?
    /// The number of times in a row that it opened without having closed.
    private var openings = 0

    init(settings: GovernorSettings) {
        self.settings = settings
    }

    /// The state as a call would find it.
    func state(at now: Instant) -> State {
        if case .open(let end) = state, now >= end { .halfOpen(probes: 0) } else { state }
    }

    /// Whether a call may not begin now.
    func isRefusing(at now: Instant) -> Bool {
        switch state {
        case .closed: false
        case .open(let end): now < end
        case .halfOpen(let probes): probes >= max(1, settings.circuitBreaker.halfOpenCalls)
        }
    }

    /// Whether a call may begin now; how long to wait if not.
    mutating func refusal(at now: Instant) -> Duration? {
        if case .open(let end) = state {
            guard now >= end else { return now.duration(to: end) }
            state = .halfOpen(probes: 0)
        }
        guard case .halfOpen(let probes) = state, probes >= max(1, settings.circuitBreaker.halfOpenCalls) else { return nil }
        // The probe takes an unknown time.
        return settings.circuitBreaker.openTime
    }

    /// A call begins, which ``refusal(at:)`` allowed.
    mutating func begin() {
        if case .halfOpen(let probes) = state { state = .halfOpen(probes: probes + 1) }
    }

    /// A call that began in the epoch found the provider well.
    mutating func succeeded(epoch: UInt64, at now: Instant) {
        guard epoch == self.epoch else { return }
        if case .halfOpen = state {
            self.epoch += 1
            openings = 0
            closedAt = now
        }
        state = .closed(failures: 0)
    }

    /// A call that began in the epoch found the provider failing.
    ///
    /// - Returns: Whether the breaker has opened on it.
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

    /// A call that began in the epoch ended without showing whether the provider is well.
    mutating func inconclusive(epoch: UInt64) {
        guard epoch == self.epoch, case .halfOpen(let probes) = state else { return }
        state = .halfOpen(probes: max(0, probes - 1))
    }
}
