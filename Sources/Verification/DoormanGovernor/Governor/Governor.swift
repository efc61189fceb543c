package import DoormanCore
package import DoormanSupport
internal import NIOConcurrencyHelpers

/// Decides whether and when a provider may be asked: so many calls at once and in a second, nobody while it throttles us or is
/// down, and few second tries. One for each allowance that a provider grants, shared by all who use it up.
package final class Governor: Sendable {
    private typealias Turn = Result<Permit, VerificationError>

    private struct State {
        var machine: GovernorStateMachine
        var waiters: [UInt64: CheckedContinuation<Turn, Never>] = [:]
        var lastTicket: UInt64 = 0
    }

    let settings: GovernorSettings
    let timeSource: TimeSource
    private let state: NIOLockedValueBox<State>

    package init(settings: GovernorSettings, timeSource: TimeSource) {
        self.settings = settings
        self.timeSource = timeSource
        state = NIOLockedValueBox(State(machine: GovernorStateMachine(settings: settings)))
    }

    package var statistics: GovernorStatistics {
        let now = timeSource.now()
        return state.withLockedValue { $0.machine.statistics(at: now) }
    }

    /// Waits for leave to make a call.
    ///
    /// - Throws: `.deadlineExceeded` if the deadline passes or the task is cancelled first; `.providerBusy` if the provider
    ///   throttles us, too many wait, or the second's calls are spent for longer than the deadline; `.providerUnavailable` if
    ///   the breaker is open.
    package func permit(for purpose: CallPurpose, deadline: Deadline) async throws(VerificationError) -> Permit {
        let ticket = state.withLockedValue { state in
            state.lastTicket += 1
            return state.lastTicket
        }
        let turn = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in arrive(waiter, ticket, purpose, deadline) }
        } onCancel: {
            leave(ticket)
        }
        return try turn.get()
    }

    /// Gives a permit back.
    package func finish(_ permit: Permit, _ result: CallResult) {
        change { machine, now in machine.finish(permit, result, now: now) }
    }

    /// Gives a permit back and, if it is wise to try a second time at once, returns another.
    ///
    /// - Parameter deadline: Of the second try; nil if there must be none.
    package func retry(_ permit: Permit, after result: CallResult, deadline: Deadline?) -> Permit? {
        var second: Permit?
        change { machine, now in
            let (permit, resolutions) = machine.retry(permit, after: result, deadline: deadline, now: now)
            second = permit
            return resolutions
        }
        return second
    }

    /// Whether a call that came now would be refused, whoever made it: the provider throttles us, or the breaker is open and no
    /// probe is due.
    package var isRefusing: Bool {
        let now = timeSource.now()
        return state.withLockedValue { $0.machine.isRefusing(at: now) }
    }

    /// Whether the provider was down, or throttled us, until a short while ago: see ``GovernorSettings/recoveryTime``.
    package var isRecovering: Bool {
        let now = timeSource.now()
        return state.withLockedValue { $0.machine.isRecovering(at: now) }
    }

    /// Whether a call has lasted so long that, if its deadline ends it, the provider is to blame.
    func hasBeenSlow(_ permit: Permit) -> Bool {
        permit.began.duration(to: timeSource.now()) >= settings.circuitBreaker.slowCall
    }

    /// Takes note of how much of our allowance the provider says is used up, in percent.
    package func noteUsage(percent: Int) {
        change { machine, now in machine.noteUsage(percent: percent, now: now) }
    }
}

extension Governor {
    private func arrive(
        _ waiter: CheckedContinuation<Turn, Never>, _ ticket: UInt64, _ purpose: CallPurpose, _ deadline: Deadline
    ) {
        let now = timeSource.now()
        let (turn, moment) = state.withLockedValue { state -> (Turn?, Instant?) in
            switch state.machine.arrive(ticket, purpose, deadline: deadline, now: now) {
            case .resolved(let turn):
                return (turn, nil)
            case .waits:
                state.waiters[ticket] = waiter
                return (nil, state.machine.nextWakeUp(now: now))
            }
        }
        if let turn { return waiter.resume(returning: turn) }
        if let moment { wakeUp(at: moment) }
        // Whoever cancelled before the waiter was known found nobody to dismiss.
        if Task.isCancelled { leave(ticket) }
    }

    private func leave(_ ticket: UInt64) {
        let waiter = state.withLockedValue { state in
            state.machine.leave(ticket) ? state.waiters.removeValue(forKey: ticket) : nil
        }
        waiter?.resume(
            returning: .failure(VerificationError(.deadlineExceeded, "The caller left while waiting for the provider.")))
    }

    private func wakeUp(at moment: Instant) {
        timeSource.wake(self, at: moment) { governor in
            governor.change { machine, now in machine.timePassed(now: now) }
        }
    }

    /// Changes the state under the lock, and tells those whom it concerns after it.
    private func change(_ event: (inout GovernorStateMachine, Instant) -> [GovernorStateMachine.Resolution]) {
        let now = timeSource.now()
        let (resumed, moment) = state.withLockedValue { state in
            let resumed = event(&state.machine, now).compactMap { resolution in
                state.waiters.removeValue(forKey: resolution.ticket).map { ($0, resolution.result) }
            }
            return (resumed, state.machine.nextWakeUp(now: now))
        }
        for (waiter, turn) in resumed { waiter.resume(returning: turn) }
        if let moment { wakeUp(at: moment) }
    }
}

/// How things stand with the provider at one moment.
package struct GovernorStatistics: Sendable, Hashable {
    /// Calls that could be made at once.
    package let freeSlots: Int
    /// Calls that wait for others to end, or for their share of the rate.
    package let waiting: Int
    /// For how long nobody asks any more because the provider throttles us; nil if it does not.
    package let backOff: Duration?
    /// Whether the provider is asked, left alone, or tried.
    package let circuitBreaker: CircuitBreaker.State
}
