import DoormanCore
import TestKit

/// Shorthands for the tests of this module.
extension ScriptedProvider {
    /// A provider that accepts every code.
    static func withCodes() -> ScriptedProvider {
        let provider = ScriptedProvider()
        provider.respondsToExchanges(.success(.issued(Token("EMAW"), nil)))
        return provider
    }

    /// The tokens of all verifications, in order of arrival.
    var tokens: [Token] { verifications.requests.map(\.token) }
    var verifyCount: Int { verifications.count }
    var exchangeCount: Int { exchanges.count }
    var revokeCount: Int { revocations.count }

    func script(_ script: @escaping @Sendable () -> Result<Verdict, VerificationError>) {
        verifications.script { _ in script() }
    }

    func respondsByHand() {
        verifications.answerByHand()
    }

    func respondsToExchanges(_ outcome: Result<ExchangeVerdict, VerificationError>) {
        exchanges.answerAlways(outcome)
    }

    func respondNext(_ outcome: Result<Verdict, VerificationError>) async throws {
        try await verifications.answerNext(outcome)
    }
}
