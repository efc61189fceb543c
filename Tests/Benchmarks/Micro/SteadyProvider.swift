internal import DoormanCore
internal import DoormanSupport

/// A provider that knows every token, at once: each has an account of its own, with a phone number.
struct SteadyProvider: TokenProvider {
    func validateSyntax(of token: Token) -> Rejection? { nil }

    func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        .valid(Self.identity(of: request.token))
    }

    func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        throw VerificationError(.unsupported, "This provider only verifies.")
    }

    func revoke(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError) {}

    /// About ninety bytes on the wire.
    static func identity(of token: Token) -> Identity {
        let number = token.bytes.reduce(UInt64(5381)) { ($0 &* 33) ^ UInt64($1) } % 10_000_000_000
        let digits = String(10_000_000_000 + number).dropFirst()
        return Identity(
            accountID: "101116\(digits)", applicationID: "5432154321543210",
            phone: PhoneNumber(number: "+1\(digits)", countryPrefix: "1", nationalNumber: String(digits)), provider: "account-kit",
            verifiedAt: Timestamp(millisecondsSince1970: 1_500_000_000_000))
    }
}
