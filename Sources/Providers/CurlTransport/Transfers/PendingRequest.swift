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
        /// The protocol of each connection on which the request may have been sent, in order.
        var sendings: [HTTPVersion] = []
        /// The number of times that libcurl repeated the request.
        var repeats: Int { max(0, sendings.count - 1) }
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
        /// The request may have been sent already, and is not repeatable, or libcurl has repeated it already.
        case mayHaveBeenSent
        /// libcurl has repeated the request already, after a stream of an HTTP/2 connection that ended without a response.
        case wasRefused
    }

    /// The protocol of a connection.
    enum HTTPVersion: Sendable {
        case http1
        case http2
    }

    /// The maximum number of times that libcurl may repeat a request. It repeats one if a kept HTTP/1.1 connection ends before the first
    /// byte of the response, since a server may close an idle connection at any time, and if an HTTP/2 server refuses its stream
    /// (`REFUSED_STREAM`). A server that ends a connection with GOAWAY refuses all later streams, so one repeat must be allowed.
    private static let maximumRepeats = 1

    /// Records that the request is about to be sent.
    ///
    /// libcurl itself repeats a request up to five times. The second repeat fails here, so that the limits and the retry budget above
    /// count its retry.
    ///
    /// - Parameter version: The protocol of the connection that libcurl picked.
    /// - Returns: The reason why it must not be sent; `nil` if it may.
    func markAboutToSend(over version: HTTPVersion) -> SendObstacle? {
        state.withLockedValue { state in
            if case .ended = state.phase { return .hasEnded }
            if let last = state.sendings.last {
                if !request.isRepeatable { return .mayHaveBeenSent }
                if state.repeats >= Self.maximumRepeats { return last == .http2 ? .wasRefused : .mayHaveBeenSent }
            }
            state.sendings.append(version)
            return nil
        }
    }

    /// The number of times that libcurl repeated the request.
    var repeats: Int { state.withLockedValue { $0.repeats } }

    func succeed(_ response: HTTPResponse) {
        end { _ in .success(response) }
    }

    func fail(_ code: TransportError.Code, curlCode: UInt32? = nil, cause: TransportError.Cause? = nil) {
        end { state in
            let wasSent = !state.sendings.isEmpty
            let isTimeout = code == .timedOut || code == .deadlineExceeded
            return .failure(
                TransportError(
                    code, requestMayHaveBeenSent: wasSent, curlCode: curlCode, repeats: state.repeats,
                    cause: cause ?? (isTimeout && !wasSent ? .notConnectedInTime : nil)))
        }
    }

    private func end(with outcome: (State) -> Outcome) {
        let resumption: (Waiter, Outcome)? = state.withLockedValue { state in
            let waiter: Waiter?
            switch state.phase {
            case .ended: return nil
            case .idle: waiter = nil
            case .waiting(let waiting): waiter = waiting
            }
            let outcome = outcome(state)
            state.phase = .ended(outcome)
            return waiter.map { ($0, outcome) }
        }
        if let (waiter, outcome) = resumption {
            waiter.resume(returning: outcome)
        }
    }
}
