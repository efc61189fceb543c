import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import TestKit

extension ScriptedProvider {
    /// Tokens that name their own account, so that an answer shows whose call it belongs to.
    ///
    /// - Parameter delays: How long an answer may take, in microseconds.
    static func echoing(microseconds delays: ClosedRange<Int64>) -> ScriptedProvider {
        let provider = ScriptedProvider(syntaxCheck: { _ in nil })
        provider.verifications.script { request in
            // A call that is cancelled is answered all the same: late answers are what this is for.
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
    /// Tokens that begin with `m` are cached, all others are asked for.
    static func echoing(microseconds delays: ClosedRange<Int64> = 0...3_000) -> ScriptedBackend {
        var cache = Cache()
        cache.response = { token in
            guard token.bytes.first == UInt8(ascii: "m") else { return nil }
            return EncodedResponse(bytes: ResponseEncoder.encode(Identity.echo(of: token)))
        }
        return ScriptedBackend(provider: ScriptedProvider.echoing(microseconds: delays), cache: cache)
    }
}
