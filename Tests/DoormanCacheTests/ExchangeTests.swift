import DoormanCache
import DoormanCore
import DoormanSupport
import TestKit
import Testing

@Suite("Exchanges")
struct ExchangeTests {
    private let code = AuthorizationCode("AQcode")

    private func exchange(_ scene: Scene, application: String? = nil) -> Task<ExchangeVerdict, any Error> {
        let request = ExchangeRequest(code: code, applicationID: application)
        return Task { try await scene.verifier.exchange(request, deadline: scene.deadline) }
    }

    @Test("simultaneous calls with one code share one exchange")
    func mergesExchanges() async throws {
        let scene = try Scene()
        let calls = (0..<50).map { _ in exchange(scene) }
        try await eventually("all calls wait") {
            scene.verifier.statistics.joined == 49 && scene.provider.exchangeRequests.count == 1
        }
        try await scene.provider.respondNextExchange(.success(.issued(scene.token, .sample())))
        for call in calls {
            guard case .issued(let token, let identity?) = try await call.value else {
                Issue.record("no token")
                continue
            }
            #expect(token == scene.token)
            #expect(identity.freshness == .fresh)
            #expect(identity.validUntil == scene.clock.wallTime.advanced(by: .seconds(60)))
        }
        #expect(scene.provider.exchangeRequests.count == 1)
        #expect(scene.cachedResponse() == "1011166682335378 cached")
    }

    @Test("a call that leaves out the only application joins a call that names it")
    func onlyApplication() async throws {
        let scene = try Scene()
        scene.provider.onlyTarget.withLockedValue { $0.applicationID = "1" }
        let calls = [exchange(scene), exchange(scene, application: "1")]
        try await eventually("both calls wait") {
            scene.verifier.statistics.joined == 1 && scene.provider.exchangeRequests.count == 1
        }
        try await scene.provider.respondNextExchange(.success(.issued(scene.token, nil)))
        for call in calls { #expect(try await call.value == .issued(scene.token, nil)) }
    }

    @Test("the same code for another application is another exchange")
    func applicationsApart() async throws {
        let scene = try Scene()
        let calls = [exchange(scene), exchange(scene, application: "2")]
        try await eventually("both requests are sent") { scene.provider.exchangeRequests.count == 2 }
        for _ in calls { try await scene.provider.respondNextExchange(.success(.issued(scene.token, nil))) }
        for call in calls { #expect(try await call.value == .issued(scene.token, nil)) }
        #expect(scene.cachedResponse() == nil)
    }

    @Test("cancelling the first caller leaves the token to the second")
    func firstCallerCancels() async throws {
        let scene = try Scene()
        let first = exchange(scene)
        try await eventually("the exchange is in flight") { scene.provider.exchangeRequests.count == 1 }
        let second = exchange(scene)
        try await eventually("the second joins") { scene.verifier.statistics.joined == 1 }
        first.cancel()
        await #expect(throws: VerificationError.self) { try await first.value }
        try await scene.provider.respondNextExchange(.success(.issued(scene.token, nil)))
        #expect(try await second.value == .issued(scene.token, nil))
    }

    @Test("an account that is revoked during the exchange is not cached")
    func revokedDuringExchange() async throws {
        let scene = try Scene()
        let call = exchange(scene)
        try await eventually("the exchange is in flight") { scene.provider.exchangeRequests.count == 1 }
        try await scene.verifier.revoke(RevocationRequest(.account("1011166682335378")), deadline: scene.deadline)
        try await scene.provider.respondNextExchange(.success(.issued(scene.token, .sample())))
        #expect(try await call.value == .issued(scene.token, nil), "the code is spent, so the token must not be lost")
        #expect(scene.cachedResponse() == nil)
    }

    @Test("a log-in after the revocation of its account works once the provider's lag is over")
    func logInAfterRevocation() async throws {
        let scene = try Scene()
        try await scene.verifier.revoke(RevocationRequest(.account("1011166682335378")), deadline: scene.deadline)
        scene.provider.exchanges.answerAlways(.success(.issued(scene.token, .sample())))
        #expect(try await exchange(scene).value == .issued(scene.token, nil))
        scene.clock.advance(by: .seconds(5))
        guard case .issued(_, let identity?) = try await exchange(scene).value else { return #expect(Bool(false), "no identity") }
        #expect(identity.accountID == "1011166682335378")
        #expect(scene.cachedResponse() != nil)
    }

    @Test("a rejected code is not cached")
    func rejectedCode() async throws {
        let scene = try Scene()
        let rejection = ExchangeVerdict.rejected(Rejection(.tokenRejected, "The code was rejected."))
        for round in 1...2 {
            let call = exchange(scene)
            try await eventually("the exchange is in flight") { scene.provider.exchangeRequests.count == round }
            try await scene.provider.respondNextExchange(.success(rejection))
            #expect(try await call.value == rejection)
        }
        #expect(scene.verifier.statistics.negative.entries == 0)
    }
}
