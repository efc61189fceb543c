internal import DoormanCore
internal import NIOConcurrencyHelpers

/// A bounded number of calls at once, and a bounded queue of those that wait their turn, first come, first served.
///
/// A waiter leaves the queue the moment its task is cancelled or its deadline passes. Each is resumed once, never under the lock.
final class Slots: Sendable {
    private typealias Turn = Result<Void, VerificationError>

    private let maximumWaiting: Int
    private let now: @Sendable () -> Instant
    private let state: NIOLockedValueBox<State>

    private struct Waiter {
        let continuation: CheckedContinuation<Turn, Never>
        let deadline: Deadline
    }

    private struct State {
        var free: Int
        var queue = WaitQueue<Waiter>()
        var lastTicket: UInt64 = 0
    }

    private enum Arrival {
        case granted
        case queued
        case refused
    }

    init(count: Int, maximumWaiting: Int, now: @escaping @Sendable () -> Instant) {
        self.maximumWaiting = maximumWaiting
        self.now = now
        state = NIOLockedValueBox(State(free: max(1, count)))
    }

    /// Waits for a slot. Whoever gets one gives it back by ``release()``.
    ///
    /// - Throws: `.deadlineExceeded` if the deadline passes or the task is cancelled first; `.providerBusy` if too many wait.
    func acquire(deadline: Deadline) async throws(VerificationError) {
        guard !deadline.hasPassed(at: now()) else { throw Self.deadlineExceeded }
        if takeFreeSlot() { return }
        let ticket = state.withLockedValue { state in
            state.lastTicket += 1
            return state.lastTicket
        }
        let timer = Task.detached { [self] in
            guard await deadline.sleep(now) else { return }
            dismiss(ticket, Self.deadlineExceeded)
        }
        defer { timer.cancel() }
        let turn = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                enqueue(Waiter(continuation: continuation, deadline: deadline), ticket)
            }
        } onCancel: {
            dismiss(ticket, Self.cancelled)
        }
        try turn.get()
    }

    /// Gives a slot back: to the first waiter that still has time, if there is one.
    func release() {
        let now = now()
        var expired: [Waiter] = []
        let next = state.withLockedValue { state -> Waiter? in
            while let waiter = state.queue.popFirst() {
                guard waiter.deadline.hasPassed(at: now) else { return waiter }
                expired.append(waiter)
            }
            state.free += 1
            return nil
        }
        for waiter in expired { waiter.continuation.resume(returning: .failure(Self.deadlineExceeded)) }
        next?.continuation.resume(returning: .success(()))
    }

    var waiting: Int { state.withLockedValue { $0.queue.count } }

    var free: Int { state.withLockedValue { $0.free } }
}

extension Slots {
    private func takeFreeSlot() -> Bool {
        state.withLockedValue { state in
            guard state.free > 0 else { return false }
            state.free -= 1
            return true
        }
    }

    private func enqueue(_ waiter: Waiter, _ ticket: UInt64) {
        let arrival = state.withLockedValue { state -> Arrival in
            if state.free > 0 {
                state.free -= 1
                return .granted
            }
            guard state.queue.count < maximumWaiting else { return .refused }
            state.queue.append(waiter, ticket: ticket)
            return .queued
        }
        switch arrival {
        case .granted:
            waiter.continuation.resume(returning: .success(()))
        case .refused:
            let error = VerificationError(.providerBusy, "Too many calls wait for the provider.", retryAfter: .milliseconds(100))
            waiter.continuation.resume(returning: .failure(error))
        case .queued:
            // Whoever cancelled or called time before the waiter was in the queue found nobody to dismiss.
            if Task.isCancelled {
                dismiss(ticket, Self.cancelled)
            } else if waiter.deadline.hasPassed(at: now()) {
                dismiss(ticket, Self.deadlineExceeded)
            }
        }
    }

    private func dismiss(_ ticket: UInt64, _ error: VerificationError) {
        let waiter = state.withLockedValue { $0.queue.remove(ticket: ticket) }
        waiter?.continuation.resume(returning: .failure(error))
    }

    private static var deadlineExceeded: VerificationError {
        VerificationError(.deadlineExceeded, "The deadline passed while waiting for the provider.")
    }

    private static var cancelled: VerificationError {
        VerificationError(.deadlineExceeded, "The caller left while waiting for the provider.")
    }
}
