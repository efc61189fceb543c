internal import NIOConcurrencyHelpers

/// The task that waits for a call's answer. Whatever comes first ends its wait, from whatever thread: the answer, the deadline, or
/// the task's own cancellation; what comes later finds nobody.
final class Waiter: Sendable {
    typealias Outcome = Result<Answer, DoormanError>

    private enum Phase {
        /// The task has not yet suspended.
        case early
        case waiting(CheckedContinuation<Outcome, Never>)
        case ended
    }

    private let phase = NIOLockedValueBox(Phase.early)

    /// Whether the task still waits, or is about to.
    var isLive: Bool {
        phase.withLockedValue { phase in
            if case .ended = phase { false } else { true }
        }
    }

    /// The task has suspended.
    ///
    /// - Returns: Whether the call is to be made; false if the task was cancelled before, which it then is told.
    func wait(_ continuation: CheckedContinuation<Outcome, Never>) -> Bool {
        let isEarly = phase.withLockedValue { phase in
            guard case .early = phase else { return false }
            phase = .waiting(continuation)
            return true
        }
        if !isEarly { continuation.resume(returning: .failure(.cancelled)) }
        return isEarly
    }

    /// - Returns: Whether this is what ended the wait.
    @discardableResult
    func end(_ outcome: Outcome) -> Bool {
        let continuation = phase.withLockedValue { phase -> CheckedContinuation<Outcome, Never>? in
            guard case .waiting(let continuation) = phase else { return nil }
            phase = .ended
            return continuation
        }
        continuation?.resume(returning: outcome)
        return continuation != nil
    }

    /// The task was cancelled.
    ///
    /// - Returns: Whether a call that was made lost its waiter by this.
    func cancel() -> Bool {
        let continuation = phase.withLockedValue { phase -> CheckedContinuation<Outcome, Never>? in
            defer { phase = .ended }
            guard case .waiting(let continuation) = phase else { return nil }
            return continuation
        }
        continuation?.resume(returning: .failure(.cancelled))
        return continuation != nil
    }
}
