import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import TestKit

/// Tokens that name their own account, so that an answer shows whose call it belongs to.
struct EchoingProvider: TokenProvider {
    /// How long an answer may take: now this, now that.
    let delays: ClosedRange<Int64>

    static func identity(of token: Token) -> Identity {
        Identity(
            accountID: String(decoding: token.bytes, as: UTF8.self), applicationID: "5432154321543210",
            phone: PhoneNumber(number: "+15551234567", countryPrefix: "1", nationalNumber: "5551234567"), provider: "account-kit",
            verifiedAt: Timestamp(millisecondsSince1970: 1_500_000_000_000)
        )
        .valid(until: Timestamp(millisecondsSince1970: 1_500_000_060_000), freshness: .cached)
    }

    func validateSyntax(of token: Token) -> Rejection? { nil }

    func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        // One that is cancelled answers all the same: late answers are what this is for.
        try? await Task.sleep(for: .microseconds(Int64.random(in: delays)))
        return .valid(Self.identity(of: request.token))
    }

    func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        throw VerificationError(.providerUnavailable, "it only echoes")
    }

    func revoke(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError) {}
}

extension ScriptedBackend {
    /// Tokens that begin with `m` are cached, all others are asked for.
    static func echoing(microseconds delays: ClosedRange<Int64> = 0...3_000) -> ScriptedBackend {
        var cache = Cache()
        cache.response = { token in
            guard token.bytes.first == UInt8(ascii: "m") else { return nil }
            return EncodedResponse(bytes: ResponseEncoder.encode(EchoingProvider.identity(of: token)))
        }
        return ScriptedBackend(provider: EchoingProvider(delays: delays), cache: cache)
    }
}
