import DoormanCore
import DoormanSupport
import NIOConcurrencyHelpers
import TestKit

/// A provider whose answers the test gives by hand, or by a script for all questions to come.
final class ScriptedProvider: TokenProvider {
    typealias Answer<Value> = Result<Value, VerificationError>

    private let state = NIOLockedValueBox(State())

    private struct State {
        var verifyScript: (@Sendable (VerificationRequest) -> Answer<Verdict>)?
        var revokeAnswer: Answer<Void> = .success(())
        var verifyRequests: [VerificationRequest] = []
        var verifyDeadlines: [Deadline] = []
        var exchangeRequests: [ExchangeRequest] = []
        var revokeRequests: [RevocationRequest] = []
        var deleteRequests: [AccountDeletionRequest] = []
        var verifyWaiting: [CheckedContinuation<Answer<Verdict>, Never>] = []
        var exchangeWaiting: [CheckedContinuation<Answer<ExchangeVerdict>, Never>] = []
    }

    func validateSyntax(of token: Token) -> Rejection? {
        token.bytes.isEmpty ? Rejection(.malformedToken, "The token is empty.") : nil
    }

    func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        let answer = await withCheckedContinuation { continuation in
            let scripted = state.withLockedValue { state -> Answer<Verdict>? in
                state.verifyRequests.append(request)
                state.verifyDeadlines.append(deadline)
                if let script = state.verifyScript { return script(request) }
                state.verifyWaiting.append(continuation)
                return nil
            }
            if let scripted { continuation.resume(returning: scripted) }
        }
        return try answer.get()
    }

    func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        let answer = await withCheckedContinuation { continuation in
            state.withLockedValue { state in
                state.exchangeRequests.append(request)
                state.exchangeWaiting.append(continuation)
            }
        }
        return try answer.get()
    }

    func revoke(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError) {
        try state.withLockedValue { state in
            state.revokeRequests.append(request)
            return state.revokeAnswer
        }.get()
    }

    func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) {
        try state.withLockedValue { state in
            state.deleteRequests.append(request)
            return state.revokeAnswer
        }.get()
    }

    // MARK: - The test's side

    var verifyRequests: [VerificationRequest] { state.withLockedValue { $0.verifyRequests } }
    var verifyDeadlines: [Deadline] { state.withLockedValue { $0.verifyDeadlines } }
    var exchangeRequests: [ExchangeRequest] { state.withLockedValue { $0.exchangeRequests } }
    var revokeRequests: [RevocationRequest] { state.withLockedValue { $0.revokeRequests } }

    var deleteRequests: [AccountDeletionRequest] { state.withLockedValue { $0.deleteRequests } }

    /// From now on, questions are answered at once.
    func script(_ script: @escaping @Sendable (VerificationRequest) -> Answer<Verdict>) {
        state.withLockedValue { $0.verifyScript = script }
    }

    /// From now on, the test answers by hand again.
    func asksByHand() {
        state.withLockedValue { $0.verifyScript = nil }
    }

    func answersAlways(_ verdict: Verdict) {
        script { _ in .success(verdict) }
    }

    /// Nor to delete.
    func refusesToRevoke(_ error: VerificationError) {
        state.withLockedValue { $0.revokeAnswer = .failure(error) }
    }

    /// Answers the question that has waited longest, or else the next that comes.
    func answerNext(_ answer: Answer<Verdict>) async throws {
        try await eventually("a question waits") { state.withLockedValue { !$0.verifyWaiting.isEmpty } }
        state.withLockedValue { $0.verifyWaiting.removeFirst() }.resume(returning: answer)
    }

    /// Answers the exchange that has waited longest, or else the next that comes.
    func answerNextExchange(_ answer: Answer<ExchangeVerdict>) async throws {
        try await eventually("an exchange waits") { state.withLockedValue { !$0.exchangeWaiting.isEmpty } }
        state.withLockedValue { $0.exchangeWaiting.removeFirst() }.resume(returning: answer)
    }
}
