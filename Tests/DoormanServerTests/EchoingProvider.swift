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
            verifiedAt: Timestamp(millisecondsSince1970: 1_500_000_000_000),
            validUntil: Timestamp(millisecondsSince1970: 1_500_000_060_000), freshness: .cached)
    }
}

extension AuthBackend {
    /// Tokens that begin with `m` are in memory, all others are asked for.
    static func echoing(microseconds delays: ClosedRange<Int64> = 0...3_000) -> AuthBackend {
        AuthBackend(
            provider: ScriptedProvider.echoing(microseconds: delays), timeSource: .system,
            keyOfToken: Self.key(of:),
            replyFromMemory: { token, key, _, _, _, reply in
                precondition(key == Self.key(of: token), "the key is another token's")
                guard token.count > 0, token[0] == UInt8(ascii: "m") else { return false }
                let bytes = token.indices.map { token[$0] }
                reply = EncodedResponse(bytes: ResponseEncoder.encode(Identity.echo(of: Token(bytes: bytes))))
                return true
            })
    }

    /// Stands for the token as its key in memory does.
    static func key(of token: Span<UInt8>) -> TokenKey {
        let hash = token.indices.reduce(into: UInt64(token.count)) { $0 = ($0 ^ UInt64(token[$1])) &* 0x100_0000_01b3 }
        return TokenKey(words: (hash, 0, 0, 0))
    }
}
