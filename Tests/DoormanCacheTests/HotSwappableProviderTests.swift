import DoormanCore
import DoormanSupport
import ProviderRouting
import TestKit
import Testing

@testable import DoormanCache

@Suite("A provider that gives way to another")
struct HotSwappableProviderTests {
    private let clock = SteppedClock()
    private let first = ScriptedProvider.withAccounts()
    private let second = ScriptedProvider.withAccounts()
    private let provider: HotSwappableProvider
    private let verifier: CachingVerifier

    init() throws {
        provider = HotSwappableProvider(first)
        verifier = try CachingVerifier(
            upstream: provider, settings: CacheSettings(), timeSource: clock.timeSource,
            encode: encodeForTests)
    }

    private func verify(_ token: String) async throws -> Verdict {
        try await verifier.verify(
            VerificationRequest(token: Token(token)), deadline: Deadline(clock.now.advanced(by: .seconds(3600))))
    }

    @Test("is asked from then on, while calls under way end with the old one, and memory stays")
    func replaced() async throws {
        first.answersAlways(.valid(.sample(account: "1")))
        #expect(try await verify("EMAWknown").identity?.accountID == "1")
        first.asksByHand()
        async let underWay = verify("EMAWunderway")
        try await eventually("it is asked") { first.verifyRequests.count == 2 }
        second.answersAlways(.valid(.sample(account: "2")))
        provider.replace(with: second)
        #expect(try await verify("EMAWnew").identity?.accountID == "2")
        // One question, whoever is asked: this call joins it.
        async let joining = verify("EMAWunderway")
        try await eventually("it joins") { verifier.statistics.joined == 1 }
        try await first.answerNext(.success(.valid(.sample(account: "3"))))
        #expect(try await underWay.identity?.accountID == "3")
        #expect(try await joining.identity?.accountID == "3")
        #expect(try await verify("EMAWknown").identity?.accountID == "1")
        #expect(first.verifyRequests.count == 2)
        #expect(second.verifyRequests.count == 1)
    }

    @Test("is asked everything else as well")
    func everythingElse() async throws {
        provider.replace(with: second)
        let deadline = Deadline(clock.now.advanced(by: .seconds(3600)))
        #expect(provider.validateSyntax(of: Token(""))?.reason == .malformedToken)
        try await provider.revoke(RevocationRequest(.token(Token("EMAW"))), deadline: deadline)
        try await provider.deleteAccount(AccountDeletionRequest(accountID: "1"), deadline: deadline)
        #expect(second.revokeRequests.count == 1)
        #expect(second.deleteRequests.count == 1)
        await #expect(throws: VerificationError.self) {
            try await provider.accounts(AccountListRequest(pageSize: 1), deadline: deadline)
        }
        async let exchange = provider.exchange(ExchangeRequest(code: AuthorizationCode("AQ")), deadline: deadline)
        try await second.answerNextExchange(.success(.rejected(Rejection(.tokenRejected, "used"))))
        _ = try await exchange
        #expect(second.exchangeRequests.count == 1)
        #expect(first.exchangeRequests.isEmpty)
    }
}
