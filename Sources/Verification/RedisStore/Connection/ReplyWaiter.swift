internal import DoormanFleet
internal import NIOConcurrencyHelpers

/// A caller that waits for the replies to its commands.
///
/// The first outcome counts: the replies, the deadline, the cancellation of the caller's task, or the end of the connection.
final class ReplyWaiter: Sendable {
    typealias Outcome = Result<[RESPValue], StoreError>

    private enum State {
        case unfinished
        case waiting(CheckedContinuation<Outcome, Never>)
        case finished(Outcome)
    }

    private let state = NIOLockedValueBox(State.unfinished)

    /// Sets the outcome, unless there is one.
    func finish(_ outcome: Outcome) {
        let waiting = state.withLockedValue { state -> CheckedContinuation<Outcome, Never>? in
            switch state {
            case .unfinished:
                state = .finished(outcome)
                return nil
            case .waiting(let continuation):
                state = .finished(outcome)
                return continuation
            case .finished: return nil
            }
        }
        waiting?.resume(returning: outcome)
    }

    /// Waits for the outcome. To be called once.
    ///
    /// - Throws: ``StoreError/timedOut`` if the task is cancelled.
    func replies() async throws(StoreError) -> [RESPValue] {
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let known = state.withLockedValue { state -> Outcome? in
                    if case .finished(let outcome) = state { return outcome }
                    state = .waiting(continuation)
                    return nil
                }
                if let known { continuation.resume(returning: known) }
            }
        } onCancel: {
            finish(.failure(.timedOut))
        }
        return try outcome.get()
    }
}
