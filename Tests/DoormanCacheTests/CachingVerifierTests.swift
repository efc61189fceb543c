import DoormanCache
import DoormanCore
import DoormanSupport
import TestKit
import Testing

@Suite("Caching verifier")
struct CachingVerifierTests {
    @Test("a lookup that times out is unavailable, since the caller's own deadline has not passed")
    func slowProvider() async throws {
        let scene = try Scene()
        scene.provider.script { _ in .failure(VerificationError(.deadlineExceeded, "too slow")) }
        await #expect(throws: VerificationError(.providerUnavailable, "too slow")) { try await scene.verify() }
    }

    @Test("a result requested too long before a call is too old for it, even if the call joined the lookup")
    func maxAgeOfLookup() async throws {
        let scene = try Scene()
        let early = Task { try await scene.verify() }
        try await eventually("the request is sent") { scene.provider.verifyRequests.count == 1 }
        scene.clock.advance(by: .seconds(2))
        let strict = Task { try await scene.verify(maxAge: .seconds(1)) }
        try await eventually("the strict call joins") { scene.verifier.statistics.joined == 1 }
        try await scene.provider.respondNext(.success(.valid(.sample())))
        _ = try await early.value
        try await scene.provider.respondNext(.success(.valid(.sample(account: "2"))))
        #expect(try await strict.value.identity?.accountID == "2")
    }

    @Test("the first result is fresh, and every later result comes from the cache")
    func caches() async throws {
        let scene = try Scene()
        scene.provider.respondsAlways(.valid(.sample()))
        #expect(scene.cachedResponse() == nil)
        let first = try await scene.verify()
        #expect(first.identity?.freshness == .fresh)
        #expect(first.identity?.validUntil == scene.clock.wallTime.advanced(by: .seconds(60)))
        let second = try await scene.verify()
        #expect(second.identity?.freshness == .cached)
        #expect(second.identity?.validUntil == first.identity?.validUntil)
        #expect(scene.cachedResponse() == "1011166682335378 cached")
        #expect(scene.provider.verifyRequests.count == 1)
        let statistics = scene.verifier.statistics
        #expect(statistics.hits == 2)
        #expect(statistics.misses == 1)
        #expect(statistics.valid.entries == 1)
    }

    @Test("a thousand calls with one new token cause one provider request")
    func oneRequest() async throws {
        let scene = try Scene()
        let calls = (0..<1_000).map { _ in Task { try await scene.verify() } }
        try await eventually("all calls wait") { scene.verifier.statistics.joined == 999 }
        try await scene.provider.respondNext(.success(.valid(.sample())))
        for call in calls { #expect(try await call.value.identity?.freshness == .fresh) }
        #expect(scene.provider.verifyRequests.count == 1)
    }

    @Test("a thousand calls cause one request even if the provider responds before all have arrived")
    func oneRequestToFastProvider() async throws {
        for _ in 0..<20 {
            let scene = try Scene()
            scene.provider.respondsAlways(.valid(.sample()))
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<1_000 {
                    group.addTask { #expect((try? await scene.verify())?.identity != nil) }
                }
            }
            #expect(scene.provider.verifyRequests.count == 1)
        }
    }

    @Test("a provider request has the deadline of the lookup, not of its first caller")
    func lookupDeadline() async throws {
        let scene = try Scene { $0.lookupTimeout = .seconds(5) }
        scene.provider.respondsAlways(.valid(.sample()))
        _ = try await scene.verify()
        #expect(scene.provider.verifyDeadlines == [Deadline(scene.clock.now.advanced(by: .seconds(5)))])
    }

    @Test("an identity is cached for exactly its TTL")
    func expires() async throws {
        let scene = try Scene() { $0.refreshAhead = 0 }
        scene.provider.respondsAlways(.valid(.sample()))
        _ = try await scene.verify()
        scene.clock.advance(by: .seconds(60) - .nanoseconds(1))
        #expect(scene.cachedResponse() != nil)
        scene.clock.advance(by: .nanoseconds(1))
        #expect(scene.cachedResponse() == nil)
        #expect(try await scene.verify().identity?.freshness == .fresh)
        #expect(scene.provider.verifyRequests.count == 2)
    }

    @Test("an identity is not cached past the provider's expiry")
    func expiresWithProvider() async throws {
        let scene = try Scene() { $0.refreshAhead = 0 }
        let expiry = scene.clock.wallTime.advanced(by: .seconds(7))
        scene.provider.respondsAlways(.valid(.sample(validUntil: expiry)))
        #expect(try await scene.verify().identity?.validUntil == expiry.advanced(by: .milliseconds(-1)))
        scene.clock.advance(by: .seconds(6))
        #expect(scene.cachedResponse() != nil)
        scene.clock.advance(by: .seconds(1))
        #expect(scene.cachedResponse() == nil)
        _ = try await scene.verify()
        #expect(scene.cachedResponse() == nil, "an expired token is not cached")
    }

    @Test("a token that expires before its response arrives is rejected")
    func expiredInFlight() async throws {
        let scene = try Scene()
        let call = Task { try await scene.verify() }
        try await eventually("the request is sent") { scene.provider.verifyRequests.count == 1 }
        let expiry = scene.clock.wallTime.advanced(by: .milliseconds(1))
        scene.clock.advance(by: .milliseconds(1))
        try await scene.provider.respondNext(.success(.valid(.sample(validUntil: expiry))))
        #expect(try await call.value.reason == .tokenRejected)
        #expect(scene.cachedResponse() == nil)
    }

    @Test("a rejection is cached for ten seconds")
    func cachesRejections() async throws {
        let scene = try Scene()
        scene.provider.respondsAlways(.rejectedToken)
        #expect(try await scene.verify() == .rejectedToken)
        #expect(try await scene.verify() == .rejectedToken)
        #expect(scene.cachedResponse(application: "any other") == nil, "the rejection answers only calls like its own")
        #expect(scene.provider.verifyRequests.count == 1)
        scene.clock.advance(by: .seconds(10))
        #expect(scene.cachedResponse() == nil)
        #expect(try await scene.verify() == .rejectedToken)
        #expect(scene.provider.verifyRequests.count == 2)
    }

    @Test("a rejected proof removes the cached identity without being cached itself")
    func proofRejection() async throws {
        let scene = try Scene()
        scene.provider.respondsAlways(.valid(.sample()))
        _ = try await scene.verify()
        scene.clock.advance(by: .seconds(2))
        scene.provider.respondsAlways(.rejected(Rejection(.proofRejected, "The proof was rejected.")))
        #expect(try await scene.verify(maxAge: .seconds(1)).reason == .proofRejected)
        #expect(scene.cachedResponse() == nil)
        #expect(try await scene.verify().reason == .proofRejected)
        #expect(scene.provider.verifyRequests.count == 3)
    }

    @Test("a malformed token is rejected without a provider request or a cached entry")
    func rejectsMalformedTokens() async throws {
        let scene = try Scene()
        #expect(try await scene.verify(Token("")).reason == .malformedToken)
        #expect(scene.provider.verifyRequests.isEmpty)
        #expect(scene.verifier.statistics.negative.entries == 0)
    }

    @Test("an error is never cached, so a cached entry stays")
    func errorsAreNotCached() async throws {
        let scene = try Scene()
        scene.provider.script { _ in .failure(VerificationError(.providerUnavailable, "down")) }
        for _ in 0..<2 {
            await #expect(throws: VerificationError(.providerUnavailable, "down")) { try await scene.verify() }
        }
        #expect(scene.provider.verifyRequests.count == 2)
        scene.provider.respondsAlways(.valid(.sample()))
        _ = try await scene.verify()
        scene.clock.advance(by: .seconds(2))
        scene.provider.script { _ in .failure(VerificationError(.providerUnavailable, "down")) }
        await #expect(throws: VerificationError.self) { try await scene.verify(maxAge: .seconds(1)) }
        #expect(scene.cachedResponse() != nil)
    }

    @Test("an entry older than the call allows is replaced for all calls")
    func maxAge() async throws {
        let scene = try Scene()
        scene.provider.respondsAlways(.valid(.sample()))
        _ = try await scene.verify()
        scene.clock.advance(by: .seconds(5))
        #expect(scene.cachedResponse(maxAgeSeconds: 5) != nil)
        #expect(try await scene.verify(maxAge: .seconds(5)).identity?.freshness == .cached)
        #expect(scene.cachedResponse(maxAgeSeconds: 4) == nil)
        #expect(scene.cachedResponse() != nil)
        #expect(try await scene.verify(maxAge: .seconds(4)).identity?.freshness == .fresh)
        #expect(scene.cachedResponse(maxAgeSeconds: 4) != nil)
        #expect(scene.provider.verifyRequests.count == 2)
    }

    @Test("a token of another application is rejected for this call only")
    func audience() async throws {
        let scene = try Scene()
        scene.provider.respondsAlways(.valid(.sample(application: "111")))
        #expect(try await scene.verify(application: "222").reason == .wrongApplication)
        let request = VerificationRequest(token: scene.token, applicationID: "222")
        #expect(scene.provider.verifyRequests == [request], "the request does not restrict the application")
        #expect(scene.cachedResponse(application: "222") == "wrongApplication")
        #expect(scene.cachedResponse(application: "11") == "wrongApplication")
        #expect(try await scene.verify(application: "222").reason == .wrongApplication)
        #expect(scene.cachedResponse(application: "111") == "1011166682335378 cached")
        #expect(scene.cachedResponse() != nil)
        #expect(try await scene.verify(application: "111").identity?.applicationID == "111")
        #expect(scene.provider.verifyRequests.count == 1)
    }

    @Test("with a TTL of zero nothing is cached")
    func switchedOff() async throws {
        let scene = try Scene {
            $0.ttl = .zero
            $0.negativeTTL = .zero
        }
        scene.provider.respondsAlways(.valid(.sample()))
        #expect(try await scene.verify().identity?.validUntil == scene.clock.wallTime)
        #expect(scene.cachedResponse() == nil)
        scene.provider.respondsAlways(.rejectedToken)
        _ = try await scene.verify()
        #expect(scene.cachedResponse() == nil)
    }

    @Test("the random bits decide the jitter of a TTL", arguments: [(UInt64.min, 54), (UInt64.max, 66)])
    func jitter(roll: UInt64, seconds: Int) async throws {
        let scene = try Scene(roll: roll) { $0.refreshAhead = 0 }
        scene.provider.respondsAlways(.valid(.sample()))
        _ = try await scene.verify()
        scene.clock.advance(by: .seconds(seconds) - .milliseconds(10))
        #expect(scene.cachedResponse() != nil)
        scene.clock.advance(by: .milliseconds(20))
        #expect(scene.cachedResponse() == nil)
    }
}
