import DoormanCore
import Testing

@Suite("Verdicts")
struct VerdictTests {
    @Test(
        "only a rejection of the token by the provider is cacheable",
        arguments: zip(
            [Rejection.Reason.tokenRejected, .wrongApplication, .proofRejected, .malformedToken], [true, true, false, false]))
    func cacheable(_ reason: Rejection.Reason, _ isCacheable: Bool) {
        #expect(Rejection(reason, "no").isCacheable == isCacheable)
    }

    @Test("a new identity is fresh and does not expire")
    func identityDefaults() {
        let identity = Identity(
            accountID: "1", applicationID: "2", provider: "account-kit", verifiedAt: Timestamp(millisecondsSince1970: 0))
        #expect(identity.freshness == .fresh)
        #expect(identity.validUntil == .distantFuture)
        #expect(identity.phone == nil)
        #expect(identity.email == nil)
    }
}
