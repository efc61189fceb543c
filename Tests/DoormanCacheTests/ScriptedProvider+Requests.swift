import DoormanCore
import DoormanSupport
import TestKit

/// The words of this module's tests.
extension ScriptedProvider {
    var verifyRequests: [VerificationRequest] { verifications.requests }
    var verifyDeadlines: [Deadline] { verifications.deadlines }
    var exchangeRequests: [ExchangeRequest] { exchanges.requests }
    var revokeRequests: [RevocationRequest] { revocations.requests }
    var deleteRequests: [AccountDeletionRequest] { accountDeletions.requests }

    /// A provider that deletes accounts, too.
    static func withAccounts() -> ScriptedProvider {
        let provider = ScriptedProvider()
        provider.accountDeletions.answerAlways(.success(()))
        return provider
    }

    func script(_ script: @escaping @Sendable (VerificationRequest) -> Result<Verdict, VerificationError>) {
        verifications.script(script)
    }

    func asksByHand() {
        verifications.answerByHand()
    }

    func answersAlways(_ verdict: Verdict) {
        verifications.answerAlways(.success(verdict))
    }

    /// Nor to delete.
    func refusesToRevoke(_ error: VerificationError) {
        revocations.answerAlways(.failure(error))
        accountDeletions.answerAlways(.failure(error))
    }

    func answerNext(_ outcome: Result<Verdict, VerificationError>) async throws {
        try await verifications.answerNext(outcome)
    }

    func answerNextExchange(_ outcome: Result<ExchangeVerdict, VerificationError>) async throws {
        try await exchanges.answerNext(outcome)
    }
}
