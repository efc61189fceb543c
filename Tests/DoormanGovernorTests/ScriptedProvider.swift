import DoormanCore
import DoormanSupport
import NIOConcurrencyHelpers
import TestKit

/// A provider whose answers the test gives by hand, or by a script for all questions to come.
final class ScriptedProvider: TokenProvider {
    typealias Answer<Value> = Result<Value, VerificationError>

    private let state = NIOLockedValueBox(State())

    private struct State {
        var script: (@Sendable () -> Answer<Verdict>)?
        var verifyRequests: [VerificationRequest] = []
        var exchangeCount = 0
        var exchangeAnswer: Answer<ExchangeVerdict> = .success(.issued(Token("EMAW"), nil))
        var revokeCount = 0
        var waiting: [CheckedContinuation<Answer<Verdict>, Never>] = []
    }

    func validateSyntax(of token: Token) -> Rejection? {
        token.bytes.isEmpty ? Rejection(.malformedToken, "The token is empty.") : nil
    }

    func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        let answer = await withCheckedContinuation { continuation in
            let scripted = state.withLockedValue { state -> Answer<Verdict>? in
                state.verifyRequests.append(request)
                if let script = state.script { return script() }
                state.waiting.append(continuation)
                return nil
            }
            if let scripted { continuation.resume(returning: scripted) }
        }
        return try answer.get()
    }

    func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        try state.withLockedValue { state in
            state.exchangeCount += 1
            return state.exchangeAnswer
        }.get()
    }

    func revoke(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError) {
        state.withLockedValue { $0.revokeCount += 1 }
    }

    // MARK: - The test's side

    /// The tokens asked about, in the order they were.
    var tokens: [Token] { state.withLockedValue { $0.verifyRequests.map(\.token) } }
    var verifyCount: Int { state.withLockedValue { $0.verifyRequests.count } }
    var exchangeCount: Int { state.withLockedValue { $0.exchangeCount } }
    var revokeCount: Int { state.withLockedValue { $0.revokeCount } }

    /// From now on, questions are answered at once.
    func script(_ script: @escaping @Sendable () -> Answer<Verdict>) {
        state.withLockedValue { $0.script = script }
    }

    /// From now on, the test answers by hand again.
    func asksByHand() {
        state.withLockedValue { $0.script = nil }
    }

    func answersExchanges(_ answer: Answer<ExchangeVerdict>) {
        state.withLockedValue { $0.exchangeAnswer = answer }
    }

    /// Answers the question that has waited longest, or else the next that comes.
    func answerNext(_ answer: Answer<Verdict>) async throws {
        try await eventually("a question waits") { state.withLockedValue { !$0.waiting.isEmpty } }
        state.withLockedValue { $0.waiting.removeFirst() }.resume(returning: answer)
    }
}
