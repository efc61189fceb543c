import DoormanCache
import DoormanCore
import DoormanSupport
import TestKit
import Testing

@Suite("Answers past their time, while the provider can't be asked")
struct StaleTests {
    private static let down = VerificationError(.providerUnavailable, "down")

    /// A scene whose memory knows the token, whose time was up a second ago.
    private func scene(
        past: Duration = .seconds(1), expiry: Duration? = nil, _ change: (inout CacheSettings) -> Void = { _ in }
    ) async throws -> Scene {
        let scene = try Scene(change)
        let validUntil = expiry.map { scene.clock.wallTime.advanced(by: $0) } ?? .distantFuture
        scene.provider.answersAlways(.valid(.sample(validUntil: validUntil)))
        _ = try await scene.verify()
        scene.clock.advance(by: .seconds(60) + past)
        return scene
    }

    @Test(
        "are given, marked, with the time of their verification", arguments: [Self.down, VerificationError(.providerBusy, "busy")])
    func given(error: VerificationError) async throws {
        let scene = try await scene()
        scene.provider.script { _ in .failure(error) }
        let identity = try await scene.verify().identity
        #expect(identity?.freshness == .stale)
        #expect(identity?.verifiedAt == Identity.sample().verifiedAt)
        #expect(identity?.validUntil == scene.clock.wallTime.advanced(by: .seconds(1)))
        #expect(scene.verifier.statistics.stale == 1)
    }

    @Test("come from memory for a second, then the provider is tried again")
    func fromMemory() async throws {
        let scene = try await scene()
        scene.provider.script { _ in .failure(Self.down) }
        _ = try await scene.verify()
        for _ in 0..<10 { #expect(scene.reply() == "1011166682335378 stale") }
        #expect(scene.provider.verifyRequests.count == 2)
        scene.clock.advance(by: .seconds(1))
        #expect(scene.reply() == nil)
        #expect(try await scene.verify().identity?.freshness == .stale)
        #expect(scene.provider.verifyRequests.count == 3)
        scene.provider.answersAlways(.valid(.sample()))
        scene.clock.advance(by: .seconds(1))
        #expect(try await scene.verify().identity?.freshness == .fresh)
        #expect(scene.reply() == "1011166682335378 cached")
    }

    @Test("are given for five minutes and no longer")
    func maximum() async throws {
        let scene = try await scene(past: .seconds(300) - .milliseconds(300))
        scene.provider.script { _ in .failure(Self.down) }
        #expect(try await scene.verify().identity?.freshness == .stale)
        #expect(scene.reply() != nil)
        scene.clock.advance(by: .milliseconds(300))
        #expect(scene.reply() == nil)
        await #expect(throws: Self.down) { try await scene.verify() }
    }

    @Test("are not given past the provider's expiry")
    func expiry() async throws {
        let scene = try await scene(expiry: .seconds(62))
        scene.provider.script { _ in .failure(Self.down) }
        #expect(try await scene.verify().identity?.freshness == .stale)
        scene.clock.advance(by: .seconds(1))
        #expect(scene.reply() == nil)
        await #expect(throws: Self.down) { try await scene.verify() }
    }

    @Test("are not given if that is switched off, and not to a call that wants a younger answer")
    func notGiven() async throws {
        let off = try await scene { $0.staleIfError = .zero }
        off.provider.script { _ in .failure(Self.down) }
        await #expect(throws: Self.down) { try await off.verify() }
        let scene = try await scene()
        scene.provider.script { _ in .failure(Self.down) }
        await #expect(throws: Self.down) { try await scene.verify(maxAge: .seconds(60)) }
        #expect(try await scene.verify(maxAge: .seconds(61)).identity?.freshness == .stale)
        #expect(scene.reply(maxAgeSeconds: 60) == nil)
    }

    @Test("are not given if the provider refuses, or our settings are wrong: both are answers")
    func refused() async throws {
        let scene = try await scene()
        let misconfigured = VerificationError(.providerMisconfigured, "wrong secret")
        scene.provider.script { _ in .failure(misconfigured) }
        await #expect(throws: misconfigured) { try await scene.verify() }
        scene.provider.answersAlways(.refused)
        #expect(try await scene.verify() == .refused)
        scene.clock.advance(by: .seconds(11))
        scene.provider.script { _ in .failure(Self.down) }
        await #expect(throws: Self.down) { try await scene.verify() }
    }

    @Test("are not given once the token or its account is revoked, even while the flight that fails is in the air")
    func revoked() async throws {
        for subject in [RevocationRequest.Subject.token(Token("EMAWtesttoken0001")), .account("1011166682335378")] {
            let scene = try await scene()
            scene.provider.asksByHand()
            let call = Task { try await scene.verify() }
            try await eventually("it asks") { scene.provider.verifyRequests.count == 2 }
            try await scene.verifier.revoke(RevocationRequest(subject), deadline: scene.deadline)
            try await scene.provider.answerNext(.failure(Self.down))
            await #expect(throws: Self.down) { try await call.value }
        }
    }

    @Test("are given shortly before the deadline to a call that a provider lets wait")
    func hanging() async throws {
        let scene = try RealTimeScene()
        scene.provider.answersAlways(.valid(.sample()))
        _ = try await scene.verify(within: .seconds(60))
        try await eventually("its time is up") { scene.reply() == nil }
        scene.provider.asksByHand()
        #expect(try await scene.verify(within: .milliseconds(400)).identity?.freshness == .stale)
        // The flight is still in the air, and brings the truth to those who come after.
        try await scene.provider.answerNext(.success(.refused))
        try await eventually("it has landed") { scene.verifier.statistics.inFlightLookups == 0 }
        #expect(scene.reply() == "tokenRejected")
    }

    @Test("a call that stopped waiting early for one that is gone by then goes on waiting")
    func gone() async throws {
        let scene = try RealTimeScene(reserve: .milliseconds(500))
        scene.provider.answersAlways(.valid(.sample()))
        _ = try await scene.verify(within: .seconds(60))
        try await eventually("its time is up") { scene.reply() == nil }
        scene.provider.asksByHand()
        let call = Task { try await scene.verify(within: .milliseconds(900)) }
        try await eventually("it asks") { scene.provider.verifyRequests.count == 2 }
        scene.verifier.limit(valid: SegmentBounds(entries: 0, bytes: 0), negative: SegmentBounds(entries: 0, bytes: 0))
        let began = TimeSource.system.now()
        await #expect(throws: VerificationError.self) { try await call.value }
        #expect(began.duration(to: TimeSource.system.now()) >= .milliseconds(300))
        try await scene.provider.answerNext(.success(.refused))
        try await eventually("it has landed") { scene.verifier.statistics.inFlightLookups == 0 }
    }

    @Test("a refresh that fails gives nothing past its time that is within it")
    func refreshFails() async throws {
        let scene = try await scene(past: .seconds(-5))
        scene.provider.script { _ in .failure(Self.down) }
        #expect(scene.reply() == "1011166682335378 cached")
        try await eventually("it failed") {
            scene.provider.verifyRequests.count == 2 && scene.verifier.statistics.inFlightLookups == 0
        }
        #expect(scene.reply() == "1011166682335378 cached")
        await #expect(throws: Self.down) { try await scene.verify(maxAge: .seconds(1)) }
    }
}

/// A caching verifier whose answers are within their time for a moment of real time only.
private struct RealTimeScene {
    let provider = ScriptedProvider()
    let verifier: CachingVerifier
    let token = Token("EMAWtesttoken0001")

    init(reserve: Duration = .milliseconds(50)) throws {
        var settings = CacheSettings()
        settings.staleReserve = reserve
        settings.ttl = .milliseconds(100)
        settings.refreshAhead = 0
        verifier = try CachingVerifier(
            upstream: provider, settings: settings, timeSource: .system, encode: encodeForTests)
    }

    func verify(within patience: Duration) async throws(VerificationError) -> Verdict {
        let deadline = Deadline(TimeSource.system.now().advanced(by: patience))
        return try await verifier.verify(VerificationRequest(token: token), deadline: deadline)
    }

    func reply() -> String? {
        let bytes = token.bytes
        let none: [UInt8] = []
        var reply = EncodedResponse()
        let now = TimeSource.system.now()
        let hit = verifier.lookup(
            verifier.key(of: bytes.span), applicationID: none.span, maxAgeSeconds: 0, now: now, into: &reply)
        return hit.map { _ in String(decoding: reply.bytes, as: UTF8.self) }
    }
}
