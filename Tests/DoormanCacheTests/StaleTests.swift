import DoormanCache
import DoormanCore
import DoormanSupport
import TestKit
import Testing

@Suite("Stale entries while the provider is unavailable")
struct StaleTests {
    private static let down = VerificationError(.providerUnavailable, "down")

    /// A scene whose cache holds the token, `past` after the end of its TTL.
    private func scene(
        past: Duration = .seconds(1), expiry: Duration? = nil, _ change: (inout CacheSettings) -> Void = { _ in }
    ) async throws -> Scene {
        let scene = try Scene(change)
        let validUntil = expiry.map { scene.clock.wallTime.advanced(by: $0) } ?? .distantFuture
        scene.provider.respondsAlways(.valid(.sample(validUntil: validUntil)))
        _ = try await scene.verify()
        scene.clock.advance(by: .seconds(60) + past)
        return scene
    }

    @Test(
        "a stale entry is served with the time of its verification",
        arguments: [Self.down, VerificationError(.providerBusy, "busy")])
    func served(error: VerificationError) async throws {
        let scene = try await scene()
        scene.provider.script { _ in .failure(error) }
        let identity = try await scene.verify().identity
        #expect(identity?.freshness == .stale)
        #expect(identity?.verifiedAt == Identity.sample().verifiedAt)
        #expect(identity?.validUntil == scene.clock.wallTime.advanced(by: .seconds(1)))
        #expect(scene.verifier.statistics.stale == 1)
    }

    @Test("a stale entry is served from the cache for a second before the next provider request")
    func fromCache() async throws {
        let scene = try await scene()
        scene.provider.script { _ in .failure(Self.down) }
        _ = try await scene.verify()
        for _ in 0..<10 { #expect(scene.cachedResponse() == "1011166682335378 stale") }
        #expect(scene.provider.verifyRequests.count == 2)
        scene.clock.advance(by: .seconds(1))
        #expect(scene.cachedResponse() == nil)
        #expect(try await scene.verify().identity?.freshness == .stale)
        #expect(scene.provider.verifyRequests.count == 3)
        scene.provider.respondsAlways(.valid(.sample()))
        scene.clock.advance(by: .seconds(1))
        #expect(try await scene.verify().identity?.freshness == .fresh)
        #expect(scene.cachedResponse() == "1011166682335378 cached")
    }

    @Test("a stale entry is served for five minutes at most")
    func maximum() async throws {
        let scene = try await scene(past: .seconds(300) - .milliseconds(300))
        scene.provider.script { _ in .failure(Self.down) }
        #expect(try await scene.verify().identity?.freshness == .stale)
        #expect(scene.cachedResponse() != nil)
        scene.clock.advance(by: .milliseconds(300))
        #expect(scene.cachedResponse() == nil)
        await #expect(throws: Self.down) { try await scene.verify() }
    }

    @Test("no stale entry is served past the provider's expiry")
    func expiry() async throws {
        let scene = try await scene(expiry: .seconds(62))
        scene.provider.script { _ in .failure(Self.down) }
        #expect(try await scene.verify().identity?.freshness == .stale)
        scene.clock.advance(by: .seconds(1))
        #expect(scene.cachedResponse() == nil)
        await #expect(throws: Self.down) { try await scene.verify() }
    }

    @Test("no stale entry is served when stale-if-error is off")
    func switchedOff() async throws {
        let off = try await scene { $0.staleIfError = .zero }
        off.provider.script { _ in .failure(Self.down) }
        await #expect(throws: Self.down) { try await off.verify() }
    }

    @Test("no stale entry is served to a call with a lower maximum age")
    func maxAge() async throws {
        let scene = try await scene()
        scene.provider.script { _ in .failure(Self.down) }
        await #expect(throws: Self.down) { try await scene.verify(maxAge: .seconds(60)) }
        #expect(try await scene.verify(maxAge: .seconds(61)).identity?.freshness == .stale)
        #expect(scene.cachedResponse(maxAgeSeconds: 60) == nil)
    }

    @Test("no stale entry is served in place of a rejection or a misconfiguration")
    func rejected() async throws {
        let scene = try await scene()
        let misconfigured = VerificationError(.providerMisconfigured, "wrong secret")
        scene.provider.script { _ in .failure(misconfigured) }
        await #expect(throws: misconfigured) { try await scene.verify() }
        scene.provider.respondsAlways(.rejectedToken)
        #expect(try await scene.verify() == .rejectedToken)
        scene.clock.advance(by: .seconds(11))
        scene.provider.script { _ in .failure(Self.down) }
        await #expect(throws: Self.down) { try await scene.verify() }
    }

    @Test("no stale entry is served after a revocation, even if the failing lookup began before it")
    func revoked() async throws {
        for subject in [RevocationRequest.Subject.token(Token("EMAWtesttoken0001")), .account("1011166682335378")] {
            let scene = try await scene()
            scene.provider.respondsByHand()
            let call = Task { try await scene.verify() }
            try await eventually("the request is sent") { scene.provider.verifyRequests.count == 2 }
            try await scene.verifier.revoke(RevocationRequest(subject), deadline: scene.deadline)
            try await scene.provider.respondNext(.failure(Self.down))
            #expect(try await call.value.reason == .tokenRejected)
        }
    }

    @Test("a call to a hanging provider gets a stale entry shortly before its deadline")
    func hanging() async throws {
        let scene = try RealTimeScene()
        scene.provider.respondsAlways(.valid(.sample()))
        _ = try await scene.verify(within: .seconds(60))
        try await eventually("the entry is past its TTL") { scene.cachedResponse() == nil }
        scene.provider.respondsByHand()
        #expect(try await scene.verify(within: .milliseconds(400)).identity?.freshness == .stale)
        // The lookup is still in flight, and serves later calls.
        try await scene.provider.respondNext(.success(.rejectedToken))
        try await eventually("the lookup completes") { scene.verifier.statistics.inFlightLookups == 0 }
        #expect(scene.cachedResponse() == "tokenRejected")
    }

    @Test("a call whose stale entry is evicted waits until its deadline")
    func evicted() async throws {
        let scene = try RealTimeScene(reserve: .milliseconds(500))
        scene.provider.respondsAlways(.valid(.sample()))
        _ = try await scene.verify(within: .seconds(60))
        try await eventually("the entry is past its TTL") { scene.cachedResponse() == nil }
        scene.provider.respondsByHand()
        // The entry has to be evicted while the call waits, half a second before its deadline.
        let call = Task { try await scene.verify(within: .milliseconds(2500)) }
        try await eventually("the request is sent") { scene.provider.verifyRequests.count == 2 }
        scene.verifier.limit(valid: SegmentBounds(entries: 0, bytes: 0), negative: SegmentBounds(entries: 0, bytes: 0))
        let began = TimeSource.system.now()
        await #expect(throws: VerificationError.self) { try await call.value }
        #expect(began.duration(to: TimeSource.system.now()) >= .milliseconds(300))
        try await scene.provider.respondNext(.success(.rejectedToken))
        try await eventually("the lookup completes") { scene.verifier.statistics.inFlightLookups == 0 }
    }

    @Test("a failed refresh does not make an entry within its TTL stale")
    func refreshFails() async throws {
        let scene = try await scene(past: .seconds(-5))
        scene.provider.script { _ in .failure(Self.down) }
        #expect(scene.cachedResponse() == "1011166682335378 cached")
        try await eventually("the refresh fails") {
            scene.provider.verifyRequests.count == 2 && scene.verifier.statistics.inFlightLookups == 0
        }
        #expect(scene.cachedResponse() == "1011166682335378 cached")
        await #expect(throws: Self.down) { try await scene.verify(maxAge: .seconds(1)) }
    }
}

/// A caching verifier in real time, with a TTL of 100 ms.
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
            provider: provider, settings: settings, timeSource: .system, coding: VerdictCoding(encode: encodeForTests))
    }

    func verify(within timeout: Duration) async throws(VerificationError) -> Verdict {
        let deadline = Deadline(TimeSource.system.now().advanced(by: timeout))
        return try await verifier.verify(VerificationRequest(token: token), deadline: deadline)
    }

    func cachedResponse() -> String? {
        let bytes = token.bytes
        let none: [UInt8] = []
        var response = EncodedResponse()
        let now = TimeSource.system.now()
        let hit = verifier.lookup(
            verifier.key(of: bytes.span), applicationID: none.span, maxAgeSeconds: 0, now: now, into: &response)
        return hit.map { _ in String(decoding: response.bytes, as: UTF8.self) }
    }
}
