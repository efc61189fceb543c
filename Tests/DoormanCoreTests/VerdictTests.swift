import DoormanCore
import Testing

@Suite("Verdicts")
struct VerdictTests {
    @Test(
        "only what the provider itself said of a token may be said again from memory",
        arguments: zip(
            [Rejection.Reason.tokenRejected, .wrongApplication, .proofRejected, .malformedToken], [true, true, false, false]))
    func cacheable(_ reason: Rejection.Reason, _ isCacheable: Bool) {
        #expect(Rejection(reason, "no").isCacheable == isCacheable)
    }

    @Test("an identity is fresh and without an end unless said otherwise")
    func identityDefaults() {
        let identity = Identity(
            accountID: "1", applicationID: "2", provider: "account-kit", verifiedAt: Timestamp(millisecondsSince1970: 0))
        #expect(identity.freshness == .fresh)
        #expect(identity.validUntil == .distantFuture)
        #expect(identity.phone == nil)
        #expect(identity.email == nil)
    }
}
