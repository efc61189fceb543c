import DoormanCore
import DoormanSupport
import TestKit

/// Shorthands for the tests of this module.
extension ScriptedProvider {
    var verifyRequests: [VerificationRequest] { verifications.requests }
    var verifyDeadlines: [Deadline] { verifications.deadlines }
    var exchangeRequests: [ExchangeRequest] { exchanges.requests }
    var revokeRequests: [RevocationRequest] { revocations.requests }
    var deleteRequests: [AccountDeletionRequest] { accountDeletions.requests }

    /// A provider that supports account deletion.
    static func withAccounts() -> ScriptedProvider {
        let provider = ScriptedProvider()
        provider.accountDeletions.answerAlways(.success(()))
        return provider
    }

    func script(_ script: @escaping @Sendable (VerificationRequest) -> Result<Verdict, VerificationError>) {
        verifications.script(script)
    }

    func respondsByHand() {
        verifications.answerByHand()
    }

    func respondsAlways(_ verdict: Verdict) {
        verifications.answerAlways(.success(verdict))
    }

    /// Makes revocations and account deletions fail.
    func failsToRevoke(_ error: VerificationError) {
        revocations.answerAlways(.failure(error))
        accountDeletions.answerAlways(.failure(error))
    }

    func respondNext(_ outcome: Result<Verdict, VerificationError>) async throws {
        try await verifications.answerNext(outcome)
    }

    func respondNextExchange(_ outcome: Result<ExchangeVerdict, VerificationError>) async throws {
        try await exchanges.answerNext(outcome)
    }
}
