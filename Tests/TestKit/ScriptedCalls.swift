package import DoormanCore
package import DoormanSupport
internal import NIOConcurrencyHelpers

/// The calls of one method of a ``ScriptedProvider``: a record of them, and their outcomes.
///
/// A call without a script waits until the test responds to it by hand. A held call waits until it is released, and then follows the
/// script.
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
            // A cancelled call still waits, because tests need late responses.
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

    /// Makes later calls follow the script. Waiting calls continue to wait.
    package func script(_ script: @escaping Script) {
        state.withLockedValue { $0.script = script }
    }

    /// Gives every later call this outcome.
    package func answerAlways(_ outcome: Outcome) {
        script { _ in outcome }
    }

    /// Makes later calls wait for ``answerNext(_:)``.
    package func answerByHand() {
        state.withLockedValue { $0.script = nil }
    }

    /// Completes the call that has waited longest, or the next call.
    package func answerNext(_ outcome: Outcome) async throws {
        try await eventually("a waiting call") { state.withLockedValue { !$0.waiting.isEmpty } }
        state.withLockedValue { $0.waiting.removeFirst() }.resume(returning: .byHand(outcome))
    }

    /// Makes later calls wait for ``release()``.
    package func hold() {
        state.withLockedValue { $0.isHolding = true }
    }

    /// Continues all held calls, and holds no later call.
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
