import DoormanCore
import DoormanSupport
import ProviderRouting
import TestKit
import Testing

@testable import DoormanCache

@Suite("Hot-swappable provider")
struct HotSwappableProviderTests {
    private let clock = SteppedClock()
    private let first = ScriptedProvider.withAccounts()
    private let second = ScriptedProvider.withAccounts()
    private let provider: HotSwappableProvider
    private let verifier: CachingVerifier

    init() throws {
        provider = HotSwappableProvider(first)
        verifier = try CachingVerifier(
            provider: provider, settings: CacheSettings(), timeSource: clock.timeSource,
            coding: VerdictCoding(encode: encodeForTests))
    }

    private func verify(_ token: String) async throws -> Verdict {
        try await verifier.verify(
            VerificationRequest(token: Token(token)), deadline: Deadline(clock.now.advanced(by: .seconds(3600))))
    }

    @Test("a replacement serves later calls, while a call in flight ends with the old provider")
    func replaced() async throws {
        first.respondsAlways(.valid(.sample(account: "1")))
        #expect(try await verify("EMAWknown").identity?.accountID == "1")
        first.respondsByHand()
        async let inFlight = verify("EMAWinflight")
        try await eventually("the first provider gets the request") { first.verifyRequests.count == 2 }
        second.respondsAlways(.valid(.sample(account: "2")))
        provider.replace(with: second)
        #expect(try await verify("EMAWnew").identity?.accountID == "2")
        // A call with the same token joins the lookup at the old provider.
        async let joining = verify("EMAWinflight")
        try await eventually("the call joins") { verifier.statistics.joined == 1 }
        try await first.respondNext(.success(.valid(.sample(account: "3"))))
        #expect(try await inFlight.identity?.accountID == "3")
        #expect(try await joining.identity?.accountID == "3")
        #expect(try await verify("EMAWknown").identity?.accountID == "1")
        #expect(first.verifyRequests.count == 2)
        #expect(second.verifyRequests.count == 1)
    }

    @Test("a replacement says which providers there are, and which of them see no revocation")
    func names() {
        let pool = ProviderRouter.Pool(
            names: ["offline"], pattern: .prefix("off"), operations: [], seesNoRevocation: true,
            provider: ScriptedProvider { _ in Rejection(.malformedToken, "That is no token of offline.") })
        provider.replace(with: ProviderRouter([pool], unverifiedIssuer: { _ in nil }))
        #expect(provider.knows(provider: "offline"))
        #expect(!provider.knows(provider: "online"))
        #expect(provider.seesNoRevocation(provider: "offline"))
        #expect(provider.seesNoRevocation(of: Token("off1"), naming: nil))
        #expect(!provider.seesNoRevocation(of: Token("off1"), naming: "online"))
        #expect(provider.validateSyntax(of: Token("off1"), naming: "offline")?.reason == .malformedToken)
        #expect(provider.validateSyntax(of: Token("off1"), naming: "online") == nil)
    }

    @Test("a replacement serves every method")
    func everyMethod() async throws {
        provider.replace(with: second)
        let deadline = Deadline(clock.now.advanced(by: .seconds(3600)))
        #expect(provider.validateSyntax(of: Token(""))?.reason == .malformedToken)
        _ = try await provider.revoke(RevocationRequest(.token(Token("EMAW"))), deadline: deadline)
        try await provider.deleteAccount(AccountDeletionRequest(accountID: "1"), deadline: deadline)
        #expect(second.revokeRequests.count == 1)
        #expect(second.deleteRequests.count == 1)
        await #expect(throws: VerificationError.self) {
            try await provider.accounts(AccountListRequest(pageSize: 1), deadline: deadline)
        }
        async let exchange = provider.exchange(ExchangeRequest(code: AuthorizationCode("AQ")), deadline: deadline)
        try await second.respondNextExchange(.success(.rejected(Rejection(.tokenRejected, "used"))))
        _ = try await exchange
        #expect(second.exchangeRequests.count == 1)
        #expect(first.exchangeRequests.isEmpty)
    }
}
