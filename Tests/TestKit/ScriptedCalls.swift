package import DoormanCore
package import DoormanSupport
internal import NIOConcurrencyHelpers

/// The calls of one method of a ``ScriptedProvider``: a record of them, and their outcomes.
///
/// A call without a script waits until the test answers it by hand. A call that is held waits until it is released, and goes by
/// the script then.
package final class ScriptedCalls<Request: Sendable, Value: Sendable>: Sendable {
    package typealias Outcome = Result<Value, VerificationError>
    package typealias Script = @Sendable (Request) async -> Outcome

    private enum Turn {
        case byHand(Outcome)
        case by(Script)
    }

    private struct State {
        var script: Script?
        var isHolding = false
        var count = 0
        var cancelledCount = 0
        var requests: [Request] = []
        var deadlines: [Deadline] = []
        var waiting: [CheckedContinuation<Turn, Never>] = []
    }

    private let recordsRequests: Bool
    private let state: NIOLockedValueBox<State>

    init(recordsRequests: Bool, script: Script?) {
        self.recordsRequests = recordsRequests
        state = NIOLockedValueBox(State(script: script))
    }

    func call(_ request: Request, deadline: Deadline) async throws(VerificationError) -> Value {
        let turn = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let script = state.withLockedValue { state -> Script? in
                    state.count += 1
                    if recordsRequests {
                        state.requests.append(request)
                        state.deadlines.append(deadline)
                    }
                    if !state.isHolding, let script = state.script { return script }
                    state.waiting.append(continuation)
                    return nil
                }
                if let script { continuation.resume(returning: .by(script)) }
            }
        } onCancel: {
            // A call that waits stays: late answers are of interest.
            state.withLockedValue { $0.cancelledCount += 1 }
        }
        switch turn {
        case .byHand(let outcome): return try outcome.get()
        case .by(let script): return try await script(request).get()
        }
    }

    // MARK: - The record

    package var count: Int { state.withLockedValue { $0.count } }
    /// Calls whose task was cancelled while they waited.
    package var cancelledCount: Int { state.withLockedValue { $0.cancelledCount } }
    package var requests: [Request] { state.withLockedValue { $0.requests } }
    package var deadlines: [Deadline] { state.withLockedValue { $0.deadlines } }

    // MARK: - Outcomes

    /// Later calls go by the script. Calls that wait go on waiting.
    package func script(_ script: @escaping Script) {
        state.withLockedValue { $0.script = script }
    }

    /// Every later call has this outcome.
    package func answerAlways(_ outcome: Outcome) {
        script { _ in outcome }
    }

    /// Later calls wait for ``answerNext(_:)``.
    package func answerByHand() {
        state.withLockedValue { $0.script = nil }
    }

    /// Answers the call that has waited longest, or else the next that comes.
    package func answerNext(_ outcome: Outcome) async throws {
        try await eventually("a call waits for its answer") { state.withLockedValue { !$0.waiting.isEmpty } }
        state.withLockedValue { $0.waiting.removeFirst() }.resume(returning: .byHand(outcome))
    }

    /// Later calls wait for ``release()``.
    package func hold() {
        state.withLockedValue { $0.isHolding = true }
    }

    /// Lets every held call go on, and every later call too.
    package func release() {
        let (script, waiting) = state.withLockedValue { state in
            state.isHolding = false
            guard let script = state.script else { return (Script?.none, [CheckedContinuation<Turn, Never>]()) }
            defer { state.waiting = [] }
            return (script, state.waiting)
        }
        guard let script else { return }
        for continuation in waiting { continuation.resume(returning: .by(script)) }
    }
}
