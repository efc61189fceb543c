internal import DoormanCore
internal import DoormanSupport
internal import TestKit

extension ScriptedProvider {
    /// A provider that knows every token, at once. It records nothing, so that filling the cache takes no memory but the cache's.
    static func steady() -> ScriptedProvider {
        let provider = ScriptedProvider(recordsRequests: false)
        provider.verifications.script { .success(.valid(.steady(of: $0.token))) }
        return provider
    }
}

extension Identity {
    /// An account of the token's own, with a phone number: about ninety bytes on the wire.
    static func steady(of token: Token) -> Identity {
        let number = token.bytes.reduce(UInt64(5381)) { ($0 &* 33) ^ UInt64($1) } % 10_000_000_000
        let digits = String(10_000_000_000 + number).dropFirst()
        return Identity(
            accountID: "101116\(digits)", applicationID: "5432154321543210",
            phone: PhoneNumber(number: "+1\(digits)", countryPrefix: "1", nationalNumber: String(digits)), provider: "account-kit",
            verifiedAt: Timestamp(millisecondsSince1970: 1_500_000_000_000))
    }
}
