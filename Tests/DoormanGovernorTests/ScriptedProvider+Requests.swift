import DoormanCore
import TestKit

/// The words of this module's tests.
extension ScriptedProvider {
    /// A provider that exchanges every code.
    static func withCodes() -> ScriptedProvider {
        let provider = ScriptedProvider()
        provider.answersExchanges(.success(.issued(Token("EMAW"), nil)))
        return provider
    }

    /// The tokens of all verifications, in the order they came.
    var tokens: [Token] { verifications.requests.map(\.token) }
    var verifyCount: Int { verifications.count }
    var exchangeCount: Int { exchanges.count }
    var revokeCount: Int { revocations.count }

    func script(_ script: @escaping @Sendable () -> Result<Verdict, VerificationError>) {
        verifications.script { _ in script() }
    }

    func asksByHand() {
        verifications.answerByHand()
    }

    func answersExchanges(_ outcome: Result<ExchangeVerdict, VerificationError>) {
        exchanges.answerAlways(outcome)
    }

    func answerNext(_ outcome: Result<Verdict, VerificationError>) async throws {
        try await verifications.answerNext(outcome)
    }
}
