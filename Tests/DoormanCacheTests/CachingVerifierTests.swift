import DoormanCache
import DoormanCore
import DoormanSupport
import TestKit
import Testing

@Suite("Answers from memory")
struct CachingVerifierTests {
    @Test("a provider that does not answer within a flight's time is unavailable: the caller's own deadline has not passed")
    func slowProvider() async throws {
        let scene = try Scene()
        scene.provider.script { _ in .failure(VerificationError(.deadlineExceeded, "too slow")) }
        await #expect(throws: VerificationError(.providerUnavailable, "too slow")) { try await scene.verify() }
    }

    @Test("an answer that was asked for too long before a call came is too old for it, though it was still under way")
    func maxAgeOfAFlight() async throws {
        let scene = try Scene()
        let early = Task { try await scene.verify() }
        try await eventually("the question is put") { scene.provider.verifyRequests.count == 1 }
        scene.clock.advance(by: .seconds(2))
        let strict = Task { try await scene.verify(maxAge: .seconds(1)) }
        try await eventually("it waits for the same answer") { scene.verifier.statistics.joined == 1 }
        try await scene.provider.answerNext(.success(.valid(.sample())))
        _ = try await early.value
        try await scene.provider.answerNext(.success(.valid(.sample(account: "2"))))
        #expect(try await strict.value.identity?.accountID == "2")
    }

    @Test("the first answer is fresh, later ones come from memory, synchronously too")
    func remembers() async throws {
        let scene = try Scene()
        scene.provider.answersAlways(.valid(.sample()))
        #expect(scene.reply() == nil)
        let first = try await scene.verify()
        #expect(first.identity?.freshness == .fresh)
        #expect(first.identity?.validUntil == scene.clock.wallTime.advanced(by: .seconds(60)))
        let second = try await scene.verify()
        #expect(second.identity?.freshness == .cached)
        #expect(second.identity?.validUntil == first.identity?.validUntil)
        #expect(scene.reply() == "1011166682335378 cached")
        #expect(scene.provider.verifyRequests.count == 1)
        let statistics = scene.verifier.statistics
        #expect(statistics.hits == 2)
        #expect(statistics.misses == 1)
        #expect(statistics.valid.entries == 1)
    }

    @Test("a thousand calls with one new token ask the provider once")
    func oneQuestion() async throws {
        let scene = try Scene()
        let calls = (0..<1_000).map { _ in Task { try await scene.verify() } }
        try await eventually("all wait") { scene.verifier.statistics.joined == 999 }
        try await scene.provider.answerNext(.success(.valid(.sample())))
        for call in calls { #expect(try await call.value.identity?.freshness == .fresh) }
        #expect(scene.provider.verifyRequests.count == 1)
    }

    @Test("a thousand calls ask once, too, if the provider answers before all have come")
    func oneQuestionToFastProvider() async throws {
        for _ in 0..<20 {
            let scene = try Scene()
            scene.provider.answersAlways(.valid(.sample()))
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<1_000 {
                    group.addTask { #expect((try? await scene.verify())?.identity != nil) }
                }
            }
            #expect(scene.provider.verifyRequests.count == 1)
        }
    }

    @Test("the question has its own deadline, however little time its first caller has")
    func flightDeadline() async throws {
        let scene = try Scene { $0.lookupTimeout = .seconds(5) }
        scene.provider.answersAlways(.valid(.sample()))
        _ = try await scene.verify()
        #expect(scene.provider.verifyDeadlines == [Deadline(scene.clock.now.advanced(by: .seconds(5)))])
    }

    @Test("an identity lives for its time, to the nanosecond")
    func expires() async throws {
        let scene = try Scene() { $0.refreshAhead = 0 }
        scene.provider.answersAlways(.valid(.sample()))
        _ = try await scene.verify()
        scene.clock.advance(by: .seconds(60) - .nanoseconds(1))
        #expect(scene.reply() != nil)
        scene.clock.advance(by: .nanoseconds(1))
        #expect(scene.reply() == nil)
        #expect(try await scene.verify().identity?.freshness == .fresh)
        #expect(scene.provider.verifyRequests.count == 2)
    }

    @Test("an identity lives no longer than its provider says")
    func expiresWithProvider() async throws {
        let scene = try Scene() { $0.refreshAhead = 0 }
        let expiry = scene.clock.wallTime.advanced(by: .seconds(7))
        scene.provider.answersAlways(.valid(.sample(validUntil: expiry)))
        #expect(try await scene.verify().identity?.validUntil == expiry.advanced(by: .milliseconds(-1)))
        scene.clock.advance(by: .seconds(6))
        #expect(scene.reply() != nil)
        scene.clock.advance(by: .seconds(1))
        #expect(scene.reply() == nil)
        _ = try await scene.verify()
        #expect(scene.reply() == nil, "what has expired is not remembered")
    }

    @Test("a token that expired while its answer was on the way is refused")
    func expiredOnTheWay() async throws {
        let scene = try Scene()
        let call = Task { try await scene.verify() }
        try await eventually("it asks") { scene.provider.verifyRequests.count == 1 }
        let expiry = scene.clock.wallTime.advanced(by: .milliseconds(1))
        scene.clock.advance(by: .milliseconds(1))
        try await scene.provider.answerNext(.success(.valid(.sample(validUntil: expiry))))
        #expect(try await call.value.reason == .tokenRejected)
        #expect(scene.reply() == nil)
    }

    @Test("a refusal is remembered for ten seconds")
    func remembersRefusals() async throws {
        let scene = try Scene()
        scene.provider.answersAlways(.refused)
        #expect(try await scene.verify() == .refused)
        #expect(try await scene.verify() == .refused)
        #expect(scene.reply(application: "any other") == "tokenRejected")
        #expect(scene.provider.verifyRequests.count == 1)
        scene.clock.advance(by: .seconds(10))
        #expect(scene.reply() == nil)
        #expect(try await scene.verify() == .refused)
        #expect(scene.provider.verifyRequests.count == 2)
    }

    @Test("a refusal of our proof is not remembered, and takes the identity that was")
    func forgetsProofRefusals() async throws {
        let scene = try Scene()
        scene.provider.answersAlways(.valid(.sample()))
        _ = try await scene.verify()
        scene.clock.advance(by: .seconds(2))
        scene.provider.answersAlways(.rejected(Rejection(.proofRejected, "The proof was refused.")))
        #expect(try await scene.verify(maxAge: .seconds(1)).reason == .proofRejected)
        #expect(scene.reply() == nil)
        #expect(try await scene.verify().reason == .proofRejected)
        #expect(scene.provider.verifyRequests.count == 3)
    }

    @Test("a token that can't be one is refused without asking, and not remembered")
    func refusesByForm() async throws {
        let scene = try Scene()
        #expect(try await scene.verify(Token("")).reason == .malformedToken)
        #expect(scene.provider.verifyRequests.isEmpty)
        #expect(scene.verifier.statistics.negative.entries == 0)
    }

    @Test("a failure to ask is never remembered, and leaves what was")
    func errorsAreNotRemembered() async throws {
        let scene = try Scene()
        scene.provider.script { _ in .failure(VerificationError(.providerUnavailable, "down")) }
        for _ in 0..<2 {
            await #expect(throws: VerificationError(.providerUnavailable, "down")) { try await scene.verify() }
        }
        #expect(scene.provider.verifyRequests.count == 2)
        scene.provider.answersAlways(.valid(.sample()))
        _ = try await scene.verify()
        scene.clock.advance(by: .seconds(2))
        scene.provider.script { _ in .failure(VerificationError(.providerUnavailable, "down")) }
        await #expect(throws: VerificationError.self) { try await scene.verify(maxAge: .seconds(1)) }
        #expect(scene.reply() != nil)
    }

    @Test("an answer older than the call allows is asked for again, and serves the others from then on")
    func maxAge() async throws {
        let scene = try Scene()
        scene.provider.answersAlways(.valid(.sample()))
        _ = try await scene.verify()
        scene.clock.advance(by: .seconds(5))
        #expect(scene.reply(maxAgeSeconds: 5) != nil)
        #expect(try await scene.verify(maxAge: .seconds(5)).identity?.freshness == .cached)
        #expect(scene.reply(maxAgeSeconds: 4) == nil)
        #expect(scene.reply() != nil)
        #expect(try await scene.verify(maxAge: .seconds(4)).identity?.freshness == .fresh)
        #expect(scene.reply(maxAgeSeconds: 4) != nil)
        #expect(scene.provider.verifyRequests.count == 2)
    }

    @Test("another application's token is refused to this call alone, from memory and from the provider alike")
    func audience() async throws {
        let scene = try Scene()
        scene.provider.answersAlways(.valid(.sample(application: "111")))
        #expect(try await scene.verify(application: "222").reason == .wrongApplication)
        let question = VerificationRequest(token: scene.token, likelyApplicationID: "222")
        #expect(scene.provider.verifyRequests == [question], "the provider is asked for facts")
        #expect(scene.reply(application: "222") == nil)
        #expect(scene.reply(application: "11") == nil)
        #expect(try await scene.verify(application: "222").reason == .wrongApplication)
        #expect(scene.reply(application: "111") == "1011166682335378 cached")
        #expect(scene.reply() != nil)
        #expect(try await scene.verify(application: "111").identity?.applicationID == "111")
        #expect(scene.provider.verifyRequests.count == 1)
    }

    @Test("with a time to live of zero nothing is remembered")
    func memorySwitchedOff() async throws {
        let scene = try Scene {
            $0.ttl = .zero
            $0.negativeTTL = .zero
        }
        scene.provider.answersAlways(.valid(.sample()))
        #expect(try await scene.verify().identity?.validUntil == scene.clock.wallTime)
        #expect(scene.reply() == nil)
        scene.provider.answersAlways(.refused)
        _ = try await scene.verify()
        #expect(scene.reply() == nil)
    }

    @Test("the time to live is jittered by the source of randomness", arguments: [(UInt64.min, 54), (UInt64.max, 66)])
    func jitter(roll: UInt64, seconds: Int) async throws {
        let scene = try Scene(roll: roll) { $0.refreshAhead = 0 }
        scene.provider.answersAlways(.valid(.sample()))
        _ = try await scene.verify()
        scene.clock.advance(by: .seconds(seconds) - .milliseconds(10))
        #expect(scene.reply() != nil)
        scene.clock.advance(by: .milliseconds(20))
        #expect(scene.reply() == nil)
    }
}
