package import DoormanCore
package import DoormanSupport
internal import NIOConcurrencyHelpers

/// Decides whether and when a provider request may begin: concurrency limit, rate limit, back-off, circuit breaker and retry
/// budget.
///
/// Each rate limit of the provider has one governor, shared by all calls that count towards that limit.
package final class Governor: Sendable {
    private typealias PermitResult = Result<Permit, VerificationError>

    private struct State {
        var machine: GovernorStateMachine
        var waiters: [UInt64: CheckedContinuation<PermitResult, Never>] = [:]
        var lastTicket: UInt64 = 0
    }

    let settings: GovernorSettings
    let timeSource: TimeSource
    private let timer: WakeUpTimer<Governor>
    private let state: NIOLockedValueBox<State>

    /// - Parameter seed: The seed of the jitter in the times after which refused calls may come back. Default random; the simulation passes
    ///   its own.
    package init(settings: GovernorSettings, timeSource: TimeSource, seed: UInt64 = .random(in: .min ... .max)) {
        self.settings = settings
        self.timeSource = timeSource
        timer = WakeUpTimer(timeSource: timeSource) { governor in
            governor.change { machine, now in machine.timePassed(now: now) }
        }
        state = NIOLockedValueBox(State(machine: GovernorStateMachine(settings: settings, seed: seed)))
    }

    package var statistics: GovernorStatistics {
        let now = timeSource.now()
        return state.withLockedValue { $0.machine.statistics(at: now) }
    }

    /// Waits until a call may begin.
    ///
    /// - Throws:
    ///   - `.deadlineExceeded` if the deadline has passed already, or the task is cancelled.
    ///   - `.providerBusy` if the provider throttles us, too many calls wait, or the call can't begin in time for its deadline.
    ///   - `.providerUnavailable` if the circuit breaker is open.
    package func permit(for purpose: CallPurpose, deadline: Deadline) async throws(VerificationError) -> Permit {
        let ticket = state.withLockedValue { state in
            state.lastTicket += 1
            return state.lastTicket
        }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in enqueue(waiter, ticket, purpose, deadline) }
        } onCancel: {
            cancel(ticket)
        }
        return try result.get()
    }

    /// Returns a permit, and records the result of its call.
    package func finish(_ permit: Permit, _ result: CallResult) {
        change { machine, now in machine.finish(permit, result, now: now) }
    }

    /// Returns a permit, records the result of its call, and grants a permit for a retry if the provider and both budgets allow it.
    ///
    /// - Parameter deadline: The deadline of the retry; `nil` if the call must not be retried.
    /// - Returns: The permit for the retry; `nil` if there is no retry.
    package func retry(_ permit: Permit, after result: CallResult, deadline: Deadline?) -> Permit? {
        var retryPermit: Permit?
        change { machine, now in
            let (permit, resolutions) = machine.retry(permit, after: result, deadline: deadline, now: now)
            retryPermit = permit
            return resolutions
        }
        return retryPermit
    }

    /// Returns the time after which a call that the provider throttled may come back; `nil` without a back-off. Each call is told another
    /// time.
    func retryTimeAfterBackOff() -> Duration? {
        let now = timeSource.now()
        return state.withLockedValue { $0.machine.retryTimeAfterBackOff(now: now) }
    }

    /// Returns the error of a call about a token that just failed although the provider responded; `nil` if the call needs a request.
    ///
    /// - Parameter token: The token's hash.
    func recentFailure(of token: Int) -> VerificationError? {
        let now = timeSource.now()
        return state.withLockedValue { $0.machine.failedTokens.failure(of: token, at: now) }
    }

    /// Records the error of a call about a token.
    ///
    /// - Parameter token: The token's hash.
    func noteFailure(_ error: VerificationError, of token: Int) {
        let now = timeSource.now()
        state.withLockedValue { $0.machine.failedTokens.note(error, of: token, at: now) }
    }

    /// Whether any call that came now would be blocked: the provider throttles us, or the circuit breaker is open and allows no
    /// probe.
    package var isBlocking: Bool {
        let now = timeSource.now()
        return state.withLockedValue { $0.machine.isBlocking(at: now) }
    }

    /// Whether an outage or throttling ended less than ``CircuitBreakerSettings/recoveryTime`` ago.
    package var isRecovering: Bool {
        let now = timeSource.now()
        return state.withLockedValue { $0.machine.isRecovering(at: now) }
    }

    /// Returns whether a call has lasted long enough to count as a failure of the provider if its deadline ends it.
    func wasSlow(_ permit: Permit) -> Bool {
        permit.began.duration(to: timeSource.now()) >= settings.circuitBreaker.slowCall
    }

    /// Records the used part of our allowance, as the provider reports it.
    ///
    /// - Parameter percent: May be over 100.
    package func noteUsage(percent: Int) {
        change { machine, now in machine.noteUsage(percent: percent, now: now) }
    }
}

extension Governor {
    /// Charges requests to the rate limit that were sent already: repeats by the transport itself. They delay later calls.
    package func noteRepeats(_ count: Int) {
        let now = timeSource.now()
        state.withLockedValue { $0.machine.noteRepeats(count, now: now) }
    }
}

extension Governor {
    private func enqueue(
        _ waiter: CheckedContinuation<PermitResult, Never>, _ ticket: UInt64, _ purpose: CallPurpose, _ deadline: Deadline
    ) {
        let now = timeSource.now()
        let (result, moment) = state.withLockedValue { state -> (PermitResult?, Instant?) in
            switch state.machine.requestPermit(ticket, purpose, deadline: deadline, now: now) {
            case .immediate(let result):
                return (result, nil)
            case .waits:
                state.waiters[ticket] = waiter
                return (nil, state.machine.nextWakeUp(now: now))
            }
        }
        if let result { return waiter.resume(returning: result) }
        if let moment { wakeUp(at: moment) }
        // A cancellation before the waiter was added found nothing to cancel.
        if Task.isCancelled { cancel(ticket) }
    }

    private func cancel(_ ticket: UInt64) {
        let waiter = state.withLockedValue { state in
            state.machine.cancel(ticket) ? state.waiters.removeValue(forKey: ticket) : nil
        }
        waiter?.resume(
            returning: .failure(
                VerificationError(.deadlineExceeded, "The caller cancelled the call while it waited for the provider.")))
    }

    private func wakeUp(at moment: Instant) {
        timer.set(to: moment, for: self)
    }

    /// Changes the state under the lock. Resumes the affected waiters outside the lock.
    private func change(_ event: (inout GovernorStateMachine, Instant) -> [GovernorStateMachine.Resolution]) {
        let now = timeSource.now()
        let (resumed, moment) = state.withLockedValue { state in
            let resumed = event(&state.machine, now).compactMap { resolution in
                state.waiters.removeValue(forKey: resolution.ticket).map { ($0, resolution.result) }
            }
            return (resumed, state.machine.nextWakeUp(now: now))
        }
        for (waiter, result) in resumed { waiter.resume(returning: result) }
        if let moment { wakeUp(at: moment) }
    }
}

/// The state of a governor at one moment.
package struct GovernorStatistics: Sendable, Hashable {
    /// The number of calls that could begin at once.
    package let freeSlots: Int
    /// The number of calls that wait for a slot or for the rate limit.
    package let waiting: Int
    /// The time that is left of the back-off; `nil` without a back-off.
    package let backOff: Duration?
    package let circuitBreaker: CircuitBreaker.State
    /// The number of times that the circuit breaker opened.
    package let openings: UInt64
    /// The number of requests that the rate limit allows now.
    package let ratePermits: Int
    /// The number of retries that the retry budget allows now.
    package let retryPermits: Int
}
