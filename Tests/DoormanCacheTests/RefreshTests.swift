import DoormanCache
import DoormanCore
import DoormanSupport
import TestKit
import Testing

@Suite("Refreshing before the time is up")
struct RefreshTests {
    /// A scene whose memory knows the token, `age` after it was asked about.
    private func scene(
        aged age: Duration = .seconds(50), _ change: (inout CacheSettings) -> Void = { _ in }
    ) async throws -> Scene {
        let scene = try Scene(change)
        scene.provider.answersAlways(.valid(.sample()))
        _ = try await scene.verify()
        scene.clock.advance(by: age)
        return scene
    }

    @Test("an answer used in the last fifth of its time is refreshed once, while calls go on being answered")
    func lastFifth() async throws {
        let scene = try await scene(aged: .seconds(48) - .nanoseconds(1))
        #expect(scene.reply() != nil)
        scene.clock.advance(by: .nanoseconds(1))
        for _ in 0..<100 { #expect(scene.reply() != nil) }
        try await eventually("it is refreshed") {
            scene.provider.verifyRequests.count == 2 && scene.verifier.statistics.inFlightLookups == 0
        }
        #expect(scene.provider.verifyRequests[1].isRefresh)
        scene.clock.advance(by: .seconds(47))
        #expect(scene.reply() == "1011166682335378 cached")
        #expect(scene.provider.verifyRequests.count == 2)
        #expect(scene.verifier.statistics.refreshed == 1)
    }

    @Test("the asynchronous way refreshes too")
    func asynchronous() async throws {
        let scene = try await scene()
        #expect(try await scene.verify().identity?.freshness == .cached)
        try await eventually("it is refreshed") { scene.provider.verifyRequests.count == 2 }
    }

    @Test("an answer that nobody uses is not refreshed, and one whose refreshing is switched off neither")
    func notRefreshed() async throws {
        let unused = try await scene(aged: .seconds(59))
        #expect(unused.verifier.statistics.refreshed == 0)
        let off = try await scene { $0.refreshAhead = 0 }
        off.clock.advance(by: .seconds(10) - .nanoseconds(1))
        #expect(off.reply() != nil)
        #expect(off.verifier.statistics.refreshed == 0)
    }

    @Test("a refresh that fails leaves the answer, and is tried again a second later")
    func failure() async throws {
        let scene = try await scene()
        scene.provider.script { _ in .failure(VerificationError(.providerUnavailable, "down")) }
        #expect(scene.reply() != nil)
        try await eventually("it failed") {
            scene.provider.verifyRequests.count == 2 && scene.verifier.statistics.inFlightLookups == 0
        }
        #expect(scene.reply() == "1011166682335378 cached")
        #expect(scene.provider.verifyRequests.count == 2)
        scene.clock.advance(by: .seconds(1))
        #expect(scene.reply() != nil)
        try await eventually("it is tried again") { scene.provider.verifyRequests.count == 3 }
    }

    @Test("a refresh that brings a refusal ends the token")
    func refusal() async throws {
        let scene = try await scene()
        scene.provider.answersAlways(.refused)
        #expect(scene.reply() != nil)
        try await eventually("it is refused") { scene.reply() == "tokenRejected" }
    }

    @Test("a refresh that began before a revocation can't put the token back")
    func revoked() async throws {
        let scene = try Scene()
        let first = Task { try await scene.verify() }
        try await scene.provider.answerNext(.success(.valid(.sample())))
        _ = try await first.value
        scene.clock.advance(by: .seconds(50))
        #expect(scene.reply() != nil)
        try await eventually("it is being refreshed") { scene.provider.verifyRequests.count == 2 }
        try await scene.verifier.revoke(RevocationRequest(.token(scene.token)), deadline: scene.deadline)
        try await scene.provider.answerNext(.success(.valid(.sample())))
        try await eventually("the answer is there") { scene.verifier.statistics.inFlightLookups == 0 }
        #expect(scene.reply() == nil)
    }

    @Test("a call that comes when the time is up joins the refresh that is under way")
    func joins() async throws {
        let scene = try Scene()
        let first = Task { try await scene.verify() }
        try await scene.provider.answerNext(.success(.valid(.sample())))
        _ = try await first.value
        scene.clock.advance(by: .seconds(59))
        #expect(scene.reply() != nil)
        scene.clock.advance(by: .seconds(1))
        let late = Task { try await scene.verify() }
        try await eventually("it joined") { scene.verifier.statistics.joined == 1 }
        try await scene.provider.answerNext(.success(.valid(.sample())))
        #expect(try await late.value.identity?.freshness == .fresh)
        #expect(scene.provider.verifyRequests.count == 2)
    }
}
