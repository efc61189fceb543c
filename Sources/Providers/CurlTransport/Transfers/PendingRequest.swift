private import NIOConcurrencyHelpers
internal import ProviderHTTP

/// A request and the task that waits for its response.
///
/// The task's cancellation and the curl thread race to end the request; the first wins. The waiting task is resumed exactly once,
/// and never under the lock.
final class PendingRequest: Sendable {
    typealias Outcome = Result<HTTPResponse, TransportError>
    typealias Waiter = CheckedContinuation<Outcome, Never>

    private enum Phase {
        case idle
        case waiting(Waiter)
        case ended(Outcome)
    }

    private struct State {
        var phase = Phase.idle
        var mayHaveBeenSent = false
    }

    let request: HTTPRequest
    /// The caller's deadline.
    let deadline: ContinuousClock.Instant
    private let state = NIOLockedValueBox(State())

    init(_ request: HTTPRequest, deadline: ContinuousClock.Instant) {
        self.request = request
        self.deadline = deadline
    }

    var hasEnded: Bool {
        state.withLockedValue { state in
            if case .ended = state.phase { true } else { false }
        }
    }

    /// Attaches the waiting task.
    ///
    /// - Returns: False if the request has ended already. The task has been resumed then.
    func attach(_ waiter: Waiter) -> Bool {
        let outcome: Outcome? = state.withLockedValue { state in
            if case .ended(let outcome) = state.phase { return outcome }
            state.phase = .waiting(waiter)
            return nil
        }
        guard let outcome else { return true }
        waiter.resume(returning: outcome)
        return false
    }

    /// The reason why a request must not be sent.
    enum SendObstacle: Sendable {
        /// The request has ended, perhaps with an error that says that it was not sent.
        case hasEnded
        /// The request may have been sent already, and is not repeatable.
        case mayHaveBeenSent
    }

    /// Records that the request is about to be sent.
    ///
    /// - Returns: The reason why it must not be sent; `nil` if it may.
    func markAboutToSend() -> SendObstacle? {
        state.withLockedValue { state in
            if case .ended = state.phase { return .hasEnded }
            if state.mayHaveBeenSent, !request.isRepeatable { return .mayHaveBeenSent }
            state.mayHaveBeenSent = true
            return nil
        }
    }

    func succeed(_ response: HTTPResponse) {
        end { _ in .success(response) }
    }

    func fail(_ code: TransportError.Code, curlCode: UInt32? = nil) {
        end { mayHaveBeenSent in
            .failure(TransportError(code, requestMayHaveBeenSent: mayHaveBeenSent, curlCode: curlCode))
        }
    }

    private func end(with outcome: (_ mayHaveBeenSent: Bool) -> Outcome) {
        let resumption: (Waiter, Outcome)? = state.withLockedValue { state in
            let waiter: Waiter?
            switch state.phase {
            case .ended: return nil
            case .idle: waiter = nil
            case .waiting(let waiting): waiter = waiting
            }
            let outcome = outcome(state.mayHaveBeenSent)
            state.phase = .ended(outcome)
            return waiter.map { ($0, outcome) }
        }
        if let (waiter, outcome) = resumption {
            waiter.resume(returning: outcome)
        }
    }
}
