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

    @Test("calls that bring one code at the same time exchange it once, and all get the token")
    func mergesExchanges() async throws {
        let scene = try Scene()
        let calls = (0..<50).map { _ in exchange(scene) }
        try await eventually("all wait") {
            scene.verifier.statistics.joined == 49 && scene.provider.exchangeRequests.count == 1
        }
        try await scene.provider.answerNextExchange(.success(.issued(scene.token, .sample())))
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
        #expect(scene.reply() == "1011166682335378 cached")
    }

    @Test("a call that names the only application and one that leaves it out bring the same code")
    func onlyApplication() async throws {
        let scene = try Scene { $0.defaultApplicationID = "1" }
        let calls = [exchange(scene), exchange(scene, application: "1")]
        try await eventually("both wait") {
            scene.verifier.statistics.joined == 1 && scene.provider.exchangeRequests.count == 1
        }
        try await scene.provider.answerNextExchange(.success(.issued(scene.token, nil)))
        for call in calls { #expect(try await call.value == .issued(scene.token, nil)) }
    }

    @Test("the same code for another application is another question")
    func applicationsApart() async throws {
        let scene = try Scene()
        let calls = [exchange(scene), exchange(scene, application: "2")]
        try await eventually("both are put") { scene.provider.exchangeRequests.count == 2 }
        for _ in calls { try await scene.provider.answerNextExchange(.success(.issued(scene.token, nil))) }
        for call in calls { #expect(try await call.value == .issued(scene.token, nil)) }
        #expect(scene.reply() == nil)
    }

    @Test("a first caller that leaves loses nobody the token")
    func firstCallerLeaves() async throws {
        let scene = try Scene()
        let first = exchange(scene)
        try await eventually("the exchange is under way") { scene.provider.exchangeRequests.count == 1 }
        let second = exchange(scene)
        try await eventually("the second waits") { scene.verifier.statistics.joined == 1 }
        first.cancel()
        await #expect(throws: VerificationError.self) { try await first.value }
        try await scene.provider.answerNextExchange(.success(.issued(scene.token, nil)))
        #expect(try await second.value == .issued(scene.token, nil))
    }

    @Test("an account that is revoked during the exchange is not remembered")
    func revokedDuringExchange() async throws {
        let scene = try Scene()
        let call = exchange(scene)
        try await eventually("the exchange is under way") { scene.provider.exchangeRequests.count == 1 }
        try await scene.verifier.revoke(RevocationRequest(.account("1011166682335378")), deadline: scene.deadline)
        try await scene.provider.answerNextExchange(.success(.issued(scene.token, .sample())))
        _ = try await call.value
        #expect(scene.reply() == nil)
    }

    @Test("a refused code is refused to all, and not remembered")
    func refusedCode() async throws {
        let scene = try Scene()
        let refusal = ExchangeVerdict.rejected(Rejection(.tokenRejected, "The code was refused."))
        for round in 1...2 {
            let call = exchange(scene)
            try await eventually("the exchange is under way") { scene.provider.exchangeRequests.count == round }
            try await scene.provider.answerNextExchange(.success(refusal))
            #expect(try await call.value == refusal)
        }
        #expect(scene.verifier.statistics.negative.entries == 0)
    }
}
