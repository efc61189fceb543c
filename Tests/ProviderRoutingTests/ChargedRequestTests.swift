import CallerLimits
import DoormanCore
import DoormanSupport
import NIOConcurrencyHelpers
import ProviderRouting
import Testing

@Suite("The provider requests that a caller pays for")
struct ChargedRequestTests {
    private let caller = Caller(name: "uid:1")
    private let charged = NIOLockedValueBox<[Caller]>([])

    private func router(_ credentials: ScriptedCredentials, _ names: String) -> ApplicationRouter {
        credentials.router(names, chargeExtraRequest: { [charged] caller in charged.withLockedValue { $0.append(caller) } })
    }

    private func takeCharged() -> Int {
        charged.withLockedValue { charged in
            #expect(charged.allSatisfy { $0 == caller })
            defer { charged = [] }
            return charged.count
        }
    }

    @Test(
        "a caller that sends foreign tokens causes no more provider requests than its limit on cache misses allows",
        arguments: [("1a", 1), ("1a 1b", 2), ("1a 2a 3a", 3), ("1a 1b 2a 2b", 4)])
    func foreignTokens(names: String, requestsPerToken: Int) async throws {
        let names = names.split(separator: " ").map(String.init)
        let rejection: ScriptedCredentials.Response = names.contains("1b") ? .proofRejected : .wrongApplication
        let credentials = ScriptedCredentials(Dictionary(uniqueKeysWithValues: names.map { ($0, rejection) }))
        let limiter = CallerRateLimiter<Caller>(settings: CallerRateLimiterSettings(perSecond: 10, burst: 50))
        let router = credentials.router(
            names.joined(separator: " "),
            chargeExtraRequest: { limiter.chargeAfterwards(1, to: $0, at: credentials.clock.now) })
        // Each round comes when the check of the credentials is due, which calls wait for otherwise.
        var (tokens, requests) = (0, 0)
        for _ in 0..<10 {
            while limiter.charge(caller, at: credentials.clock.now) == nil {
                tokens += 1
                _ = try? await router.verify(VerificationRequest(token: Sample.token, caller: caller), deadline: Sample.deadline())
                requests += credentials.takeCalls().count
            }
            credentials.clock.advance(by: .seconds(5))
        }
        // The burst and 45 s. The last token of each round can exceed the limit, and the next round pays for that.
        let allowed = 50 + 10 * 45
        #expect(requests >= allowed && requests < allowed + 2 * requestsPerToken)
        #expect(tokens <= allowed / requestsPerToken + requestsPerToken)
    }

    @Test(
        "with one secret, no token costs more than its cache miss", arguments: [ScriptedCredentials.Response.valid, .invalidToken])
    func oneSecret(response: ScriptedCredentials.Response) async throws {
        let credentials = ScriptedCredentials(["1a": response])
        let router = router(credentials, "1a")
        for _ in 0..<5 {
            _ = try await router.verify(VerificationRequest(token: Sample.token, caller: caller), deadline: Sample.deadline())
        }
        #expect(credentials.takeCalls().count == 5)
        #expect(takeCharged() == 0)
    }

    @Test("a request that the governor of an application turned down is not charged")
    func busy() async throws {
        let credentials = ScriptedCredentials(["1a": .failure(.providerBusy), "2a": .valid])
        let verdict = try await router(credentials, "1a 2a").verify(
            VerificationRequest(token: Sample.token, caller: caller), deadline: Sample.deadline())
        #expect(verdict != .rejected(.anotherApplication))
        #expect(takeCharged() == 0)
    }

    @Test("no caller pays for a refresh")
    func refresh() async throws {
        let credentials = ScriptedCredentials(["1a": .wrongApplication, "2a": .valid])
        _ = try await router(credentials, "1a 2a").verify(
            VerificationRequest(token: Sample.token, purpose: .refresh), deadline: Sample.deadline())
        #expect(takeCharged() == 0)
    }

    @Test("an exchange pays for the request that verifies the new token")
    func exchange() async throws {
        let credentials = ScriptedCredentials(["1a": .valid])
        let router = router(credentials, "1a")
        let request = ExchangeRequest(code: Sample.code, caller: caller)
        _ = try await router.exchange(request, deadline: Sample.deadline())
        #expect(takeCharged() == 1)
        credentials.change("1a", to: .invalidToken)
        _ = try await router.exchange(request, deadline: Sample.deadline())
        #expect(takeCharged() == 0)
    }

    @Test("the revocation of a token pays for each secret that was tried")
    func revocation() async throws {
        let credentials = ScriptedCredentials(["1a": .proofRejected, "1b": .proofRejected, "2a": .valid])
        let request = RevocationRequest(.token(Sample.token), caller: caller)
        _ = try await router(credentials, "1a 1b 2a").revoke(request, deadline: Sample.deadline())
        #expect(takeCharged() == 2)
    }

    /// A call about accounts, with the credentials of one application.
    enum AccountCall: CaseIterable {
        case list, delete, revoke

        func make(with router: ApplicationRouter, as caller: Caller) async throws(VerificationError) {
            let deadline = Sample.deadline()
            switch self {
            case .list: _ = try await router.accounts(AccountListRequest(caller: caller), deadline: deadline)
            case .delete: try await router.deleteAccount(AccountDeletionRequest(accountID: "1", caller: caller), deadline: deadline)
            case .revoke: _ = try await router.revoke(RevocationRequest(.account("1"), caller: caller), deadline: deadline)
            }
        }
    }

    @Test("a call about accounts pays for each secret after the first", arguments: AccountCall.allCases)
    func accounts(call: AccountCall) async throws {
        let refused = ScriptedCredentials.Response.failure(.providerMisconfigured, .credential)
        let credentials = ScriptedCredentials(["1a": refused, "1b": refused, "1c": .valid])
        try await call.make(with: router(credentials, "1a 1b 1c"), as: caller)
        #expect(credentials.takeCalls().count == 3)
        #expect(takeCharged() == 2)
    }

    @Test("a call about accounts that the first secret can make costs one request", arguments: AccountCall.allCases)
    func accountsWithFirstSecret(call: AccountCall) async throws {
        let credentials = ScriptedCredentials(["1a": .valid, "1b": .valid])
        try await call.make(with: router(credentials, "1a 1b"), as: caller)
        #expect(credentials.takeCalls().count == 1)
        #expect(takeCharged() == 0)
    }
}
