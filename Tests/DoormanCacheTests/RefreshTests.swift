import DoormanCache
import DoormanCore
import DoormanSupport
import TestKit
import Testing

@Suite("Refresh-ahead")
struct RefreshTests {
    /// A scene whose cache holds the token, `age` after its provider request.
    private func scene(
        aged age: Duration = .seconds(50), _ change: (inout CacheSettings) -> Void = { _ in }
    ) async throws -> Scene {
        let scene = try Scene(change)
        scene.provider.respondsAlways(.valid(.sample()))
        _ = try await scene.verify()
        scene.clock.advance(by: age)
        return scene
    }

    @Test("a hit in the last fifth of the TTL refreshes the entry once")
    func lastFifth() async throws {
        let scene = try await scene(aged: .seconds(48) - .nanoseconds(1))
        #expect(scene.cachedResponse() != nil)
        scene.clock.advance(by: .nanoseconds(1))
        for _ in 0..<100 { #expect(scene.cachedResponse() != nil) }
        try await eventually("the entry is refreshed") {
            scene.provider.verifyRequests.count == 2 && scene.verifier.statistics.inFlightLookups == 0
        }
        #expect(scene.provider.verifyRequests[1].purpose == .refresh)
        scene.clock.advance(by: .seconds(47))
        #expect(scene.cachedResponse() == "1011166682335378 cached")
        #expect(scene.provider.verifyRequests.count == 2)
        #expect(scene.verifier.statistics.refreshed == 1)
    }

    @Test("a hit of an asynchronous call refreshes the entry")
    func asynchronous() async throws {
        let scene = try await scene()
        #expect(try await scene.verify().identity?.freshness == .cached)
        try await eventually("the entry is refreshed") { scene.provider.verifyRequests.count == 2 }
    }

    @Test("the request of a call carries its caller, and the request of a refresh carries no caller")
    func payingCaller() async throws {
        let scene = try Scene()
        scene.provider.respondsAlways(.valid(.sample()))
        let caller = Caller(name: "uid:1")
        func call() -> VerifyCall {
            VerifyCall(validated: scene.token, key: scene.verifier.key(of: scene.token.bytes.span), caller: caller)
        }
        _ = try await scene.verifier.verify(call(), deadline: scene.deadline)
        scene.verifier.refresh(call())
        try await eventually("the entry is refreshed") { scene.provider.verifyRequests.count == 2 }
        #expect(scene.provider.verifyRequests.map(\.caller) == [caller, nil])
    }

    @Test("an entry without a hit is not refreshed")
    func unusedEntry() async throws {
        let unused = try await scene(aged: .seconds(59))
        #expect(unused.verifier.statistics.refreshed == 0)
    }

    @Test("no entry is refreshed when refresh-ahead is off")
    func switchedOff() async throws {
        let off = try await scene { $0.refreshAhead = 0 }
        off.clock.advance(by: .seconds(10) - .nanoseconds(1))
        #expect(off.cachedResponse() != nil)
        #expect(off.verifier.statistics.refreshed == 0)
    }

    @Test("a failed refresh leaves the entry for the next attempt a second later")
    func failure() async throws {
        let scene = try await scene()
        scene.provider.script { _ in .failure(VerificationError(.providerUnavailable, "down")) }
        #expect(scene.cachedResponse() != nil)
        try await eventually("the refresh fails") {
            scene.provider.verifyRequests.count == 2 && scene.verifier.statistics.inFlightLookups == 0
        }
        #expect(scene.cachedResponse() == "1011166682335378 cached")
        #expect(scene.provider.verifyRequests.count == 2)
        scene.clock.advance(by: .seconds(1))
        #expect(scene.cachedResponse() != nil)
        try await eventually("the refresh is repeated") { scene.provider.verifyRequests.count == 3 }
    }

    @Test("a refresh that is rejected replaces the entry")
    func rejection() async throws {
        let scene = try await scene()
        scene.provider.respondsAlways(.rejectedToken)
        #expect(scene.cachedResponse() != nil)
        try await eventually("the token is rejected") { scene.cachedResponse() == "tokenRejected" }
    }

    @Test("a refresh from before a revocation does not restore the entry")
    func revoked() async throws {
        let scene = try Scene()
        let first = Task { try await scene.verify() }
        try await scene.provider.respondNext(.success(.valid(.sample())))
        _ = try await first.value
        scene.clock.advance(by: .seconds(50))
        #expect(scene.cachedResponse() != nil)
        try await eventually("the refresh begins") { scene.provider.verifyRequests.count == 2 }
        try await scene.verifier.revoke(RevocationRequest(.token(scene.token)), deadline: scene.deadline)
        try await scene.provider.respondNext(.success(.valid(.sample())))
        try await eventually("the lookup completes") { scene.verifier.statistics.inFlightLookups == 0 }
        #expect(scene.cachedResponse() == "tokenRejected")
    }

    @Test("a call past the TTL joins the refresh in flight")
    func joins() async throws {
        let scene = try Scene()
        let first = Task { try await scene.verify() }
        try await scene.provider.respondNext(.success(.valid(.sample())))
        _ = try await first.value
        scene.clock.advance(by: .seconds(59))
        #expect(scene.cachedResponse() != nil)
        scene.clock.advance(by: .seconds(1))
        let late = Task { try await scene.verify() }
        try await eventually("the call joins") { scene.verifier.statistics.joined == 1 }
        try await scene.provider.respondNext(.success(.valid(.sample())))
        #expect(try await late.value.identity?.freshness == .fresh)
        #expect(scene.provider.verifyRequests.count == 2)
    }
}
