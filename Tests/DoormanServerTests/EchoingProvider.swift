import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import TestKit

extension ScriptedProvider {
    /// Creates a provider whose tokens name their own account, so that a response shows which call it belongs to.
    ///
    /// - Parameter delays: The range of response times, in microseconds.
    static func echoing(microseconds delays: ClosedRange<Int64>) -> ScriptedProvider {
        let provider = ScriptedProvider(syntaxCheck: { _ in nil })
        provider.verifications.script { request in
            // A cancelled call returns a result as well, because the tests need late results.
            try? await Task.sleep(for: .microseconds(Int64.random(in: delays)))
            return .success(.valid(.echo(of: request.token)))
        }
        provider.exchanges.answerAlways(.failure(VerificationError(.providerUnavailable, "it only echoes")))
        return provider
    }
}

extension Identity {
    static func echo(of token: Token) -> Identity {
        Identity(
            accountID: String(decoding: token.bytes, as: UTF8.self), applicationID: "5432154321543210",
            phone: PhoneNumber(number: "+15551234567", countryPrefix: "1", nationalNumber: "5551234567"), provider: "account-kit",
            verifiedAt: Timestamp(millisecondsSince1970: 1_500_000_000_000)
        )
        .valid(until: Timestamp(millisecondsSince1970: 1_500_000_060_000), freshness: .cached)
    }
}

extension ScriptedBackend {
    /// Creates a backend that has cached all tokens that begin with `m`. All others need the provider.
    static func echoing(microseconds delays: ClosedRange<Int64> = 0...3_000) -> ScriptedBackend {
        var cache = Cache()
        cache.response = { token in
            guard token.bytes.first == UInt8(ascii: "m") else { return nil }
            return EncodedResponse(bytes: ResponseEncoder.encode(Identity.echo(of: token)))
        }
        return ScriptedBackend(provider: ScriptedProvider.echoing(microseconds: delays), cache: cache)
    }
}
