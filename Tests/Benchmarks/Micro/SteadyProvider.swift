internal import DoormanCore
internal import DoormanSupport
internal import TestKit

extension ScriptedProvider {
    /// Returns a provider that accepts every token at once. It records nothing, so that only the cache uses memory.
    static func steady() -> ScriptedProvider {
        let provider = ScriptedProvider(recordsRequests: false)
        provider.verifications.script { .success(.valid(.steady(of: $0.token))) }
        return provider
    }
}

extension Identity {
    /// Returns the identity of an account for this token, with a phone number: about ninety bytes on the wire.
    static func steady(of token: Token) -> Identity {
        let number = token.bytes.reduce(UInt64(5381)) { ($0 &* 33) ^ UInt64($1) } % 10_000_000_000
        let digits = String(10_000_000_000 + number).dropFirst()
        return Identity(
            accountID: "101116\(digits)", applicationID: "5432154321543210",
            phone: PhoneNumber(number: "+1\(digits)", countryPrefix: "1", nationalNumber: String(digits)), provider: "account-kit",
            verifiedAt: Timestamp(millisecondsSince1970: 1_500_000_000_000))
    }
}
