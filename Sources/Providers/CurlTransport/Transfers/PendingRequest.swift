internal import ProviderHTTP

/// One request and whoever waits for its answer: the place where the caller's task, its cancellation and the owner thread
/// meet. Whichever of them ends it first wins; the waiting task is resumed exactly once, and never under the lock.
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
    /// When the caller's own time is over.
    let deadline: ContinuousClock.Instant
    private let state = Locked(State())

    init(_ request: HTTPRequest, deadline: ContinuousClock.Instant) {
        self.request = request
        self.deadline = deadline
    }

    var hasEnded: Bool {
        state.withLock { state in
            if case .ended = state.phase { true } else { false }
        }
    }

    /// Takes the waiting task in.
    ///
    /// - Returns: False if the exchange has ended already; the task has then been resumed.
    func attach(_ waiter: Waiter) -> Bool {
        let outcome: Outcome? = state.withLock { state in
            if case .ended(let outcome) = state.phase { return outcome }
            state.phase = .waiting(waiter)
            return nil
        }
        guard let outcome else { return true }
        waiter.resume(returning: outcome)
        return false
    }

    /// Why a request must not go out.
    enum Refusal: Sendable {
        /// The exchange has ended, perhaps saying that nothing was sent.
        case hasEnded
        /// It may have been sent already, and is good once.
        case isSecondTime
    }

    /// Notes that the request is about to be sent.
    ///
    /// - Returns: Nil if the request may go out.
    func markAboutToSend() -> Refusal? {
        state.withLock { state in
            if case .ended = state.phase { return .hasEnded }
            if state.mayHaveBeenSent, !request.isRepeatable { return .isSecondTime }
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
        let resumption: (Waiter, Outcome)? = state.withLock { state in
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
