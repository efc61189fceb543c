import DoormanCore
import DoormanSupport
import TestKit
import Testing

@testable import DoormanCache

@Suite("Revocation")
struct RevocationTests {
    private static let account = "1011166682335378"
    private static let down = VerificationError(.providerUnavailable, "down")
    /// Errors after which the provider may have carried out the revocation, or never received it.
    private static let openErrors = [
        down, VerificationError(.deadlineExceeded, "late"), VerificationError(.providerBusy, "busy"),
        VerificationError(.providerUnavailable, "malformed", scope: .request),
    ]
    /// Errors by which the provider or a layer says that nothing was revoked.
    private static let refusals = [
        VerificationError(.invalidRequest, "no account id"),
        VerificationError(.providerMisconfigured, "secret", scope: .credential),
        VerificationError(.providerUnavailable, "no such account", scope: .credential), VerificationError(.unsupported, "none"),
        VerificationError(.internal, "bug"),
    ]

    private func revoke(
        _ scene: Scene, _ subject: RevocationRequest.Subject, application: String? = nil, caller: Caller = .unknown
    ) async throws(VerificationError) {
        let request = RevocationRequest(subject, applicationID: application, caller: caller)
        try await scene.verifier.revoke(request, deadline: scene.deadline)
    }

    /// Returns a scene whose provider lags: it goes on calling the token valid.
    private func laggingScene(_ change: (inout CacheSettings) -> Void = { _ in }) async throws -> Scene {
        let scene = try Scene(change)
        scene.provider.respondsAlways(.valid(.sample()))
        _ = try await scene.verify()
        return scene
    }

    @Test("a revoked token is rejected though the provider lags, until no cached verdict could be left")
    func lag() async throws {
        let scene = try await laggingScene()
        try await revoke(scene, .token(scene.token))
        // TTL with its jitter, and stale-if-error.
        for step in [0, 1, 364] {
            scene.clock.advance(by: .seconds(step))
            #expect(scene.cachedResponse() == "tokenRejected")
            #expect(scene.cachedResponse(maxAgeSeconds: 1) == "tokenRejected")
            #expect(try await scene.verify() == .rejected(.denied))
        }
        #expect(scene.provider.verifyRequests.count == 1)
        scene.clock.advance(by: .seconds(1))
        #expect(try await scene.verify().identity != nil, "the provider's verdict counts again")
    }

    @Test("no entry is stored beside a denial under a previous secret, since a hit looks for none")
    func previousSecret() async throws {
        let (provider, clock, token) = (ScriptedProvider.withAccounts(), SteppedClock(), Token("EMAWtesttoken0001"))
        let previous = [UInt8](repeating: 1, count: 32)
        let verifier = try CachingVerifier(
            provider: provider, settings: CacheSettings(), timeSource: clock.timeSource,
            coding: VerdictCoding(encode: encodeForTests),
            randomness: CacheRandomness(secret: [UInt8](repeating: 2, count: 32), previousSecrets: [previous]))
        let deadline = Deadline(clock.now.advanced(by: .seconds(3600)))
        provider.respondsAlways(.valid(.sample()))
        provider.hold()
        let call = Task { try await verifier.verify(VerificationRequest(token: token, applicationID: nil), deadline: deadline) }
        try await eventually("the provider is asked") { provider.verifications.count == 1 }
        let key = try TokenKeyMaker(secret: previous).key(forToken: token.bytes.span)
        #expect(verifier.apply(.token([key], .after(.seconds(600)))))
        provider.release()
        #expect(try await call.value == .rejected(.denied))
        var response = EncodedResponse()
        let hit = verifier.lookup(
            verifier.key(of: token.bytes.span), applicationID: [UInt8]().span, maxAgeSeconds: 0, now: clock.now, into: &response)
        #expect(hit == nil)
    }

    @Test("a token is denied if no answer of the provider arrived", arguments: openErrors)
    func noAnswer(error: VerificationError) async throws {
        let scene = try await laggingScene()
        scene.provider.failsToRevoke(error)
        await #expect(throws: error) { try await revoke(scene, .token(scene.token)) }
        #expect(try await scene.verify() == .rejected(.denied))
    }

    @Test("a revocation that was not carried out costs nothing", arguments: refusals)
    func refused(error: VerificationError) async throws {
        let scene = try await laggingScene()
        scene.provider.failsToRevoke(error)
        await #expect(throws: error) { try await revoke(scene, .token(scene.token)) }
        await #expect(throws: error) { try await revoke(scene, .account(Self.account)) }
        #expect(scene.cachedResponse() == "\(Self.account) cached")
        #expect(scene.verifier.statistics.denials == 0)
    }

    @Test("a token that was invalid already is denied for the negative TTL only")
    func alreadyInvalid() async throws {
        let scene = try await laggingScene()
        scene.provider.revocations.answerAlways(.success(.alreadyInvalid))
        try await revoke(scene, .token(scene.token))
        #expect(scene.cachedResponse() == "tokenRejected")
        scene.clock.advance(by: .seconds(10))
        #expect(scene.cachedResponse() == nil)
        try await revoke(scene, .token(Token("EMAWother")))
        #expect(scene.verifier.statistics.denials == 1, "the ended denial has left the list")
    }

    @Test("a lookup from before the revocation is no answer to any call")
    func revokesDuringFlight() async throws {
        let scene = try Scene()
        let early = Task { try await scene.verify() }
        try await eventually("the request is sent") { scene.provider.verifyRequests.count == 1 }
        try await revoke(scene, .token(scene.token))
        #expect(try await scene.verify() == .rejected(.denied))
        try await scene.provider.respondNext(.success(.valid(.sample())))
        #expect(try await early.value == .rejected(.denied))
        #expect(scene.cachedResponse() == "tokenRejected")
        #expect(scene.provider.verifyRequests.count == 1)
    }

    @Test("a response that arrives long after its deadline is dropped")
    func tooLate() async throws {
        let scene = try Scene()
        let call = Task { try await scene.verify() }
        try await eventually("the request is sent") { scene.provider.verifyRequests.count == 1 }
        try await revoke(scene, .account(Self.account))
        scene.clock.advance(by: .seconds(60))
        // The denial of the account has ended, and leaves the list.
        try await revoke(scene, .token(Token("EMAWother")))
        #expect(scene.verifier.statistics.denials == 1)
        try await scene.provider.respondNext(.success(.valid(.sample())))
        let error = await #expect(throws: VerificationError.self) { try await call.value }
        #expect(error?.message == "The provider's response arrived too late to be used.")
        #expect(scene.cachedResponse() == nil)
    }

    @Test("after the revocation of an account its new tokens are unavailable while the provider may lag")
    func accountLag() async throws {
        let scene = try await laggingScene()
        let other = Token("EMAWother")
        try await revoke(scene, .account(Self.account))
        #expect(try await scene.verify() == .rejected(.denied), "its cached token is denied")
        for step in [0, 4] {
            scene.clock.advance(by: .seconds(step))
            let error = await #expect(throws: VerificationError.self) { try await scene.verify(other) }
            #expect(error?.code == .providerUnavailable)
            #expect(scene.cachedResponse(other) == nil)
        }
        scene.clock.advance(by: .seconds(1))
        #expect(try await scene.verify(other).identity?.accountID == Self.account)
        #expect(scene.cachedResponse(other) != nil)
    }

    @Test("a request from before the revocation of its account brings nothing back, whenever its response arrives")
    func accountDuringFlight() async throws {
        let scene = try Scene { $0.revocationLag = .zero }
        let early = Task { try await scene.verify() }
        try await eventually("the request is sent") { scene.provider.verifyRequests.count == 1 }
        scene.clock.advance(by: .milliseconds(1))
        try await revoke(scene, .account(Self.account))
        let late = Task { try await scene.verify() }
        try await eventually("the later call joins") { scene.verifier.statistics.joined == 1 }
        try await scene.provider.respondNext(.success(.valid(.sample())))
        for call in [early, late] {
            let error = await #expect(throws: VerificationError.self) { try await call.value }
            #expect(error?.code == .providerUnavailable)
        }
        #expect(scene.cachedResponse() == nil)
    }

    @Test("revoking an account denies exactly its tokens, of its application")
    func revokesAccount() async throws {
        let scene = try Scene()
        scene.provider.script { request in
            let number = request.token.bytes.last.map { $0 - UInt8(ascii: "0") } ?? 0
            return .success(.valid(.sample(account: number < 5 ? "alice" : "bob", application: number == 0 ? "2" : "1")))
        }
        let tokens = (0..<10).map { Token("EMAW\($0)") }
        for token in tokens { _ = try await scene.verify(token) }
        try await revoke(scene, .account("alice"), application: "1")
        #expect(scene.cachedResponse(tokens[0]) == "alice cached")
        for token in tokens[1..<5] { #expect(scene.cachedResponse(token) == "tokenRejected") }
        for token in tokens[5...] { #expect(scene.cachedResponse(token) == "bob cached") }
        #expect(scene.verifier.statistics.valid.entries == 6)
    }

    @Test("without a named application, an account is that of the only application")
    func onlyApplication() async throws {
        let scene = try await laggingScene()
        scene.provider.onlyTarget.withLockedValue { $0.applicationID = "5432154321543210" }
        try await revoke(scene, .account(Self.account))
        #expect(scene.cachedResponse() == "tokenRejected")
    }

    @Test("a thousand failed revocations of invented accounts leave a valid token a cache hit")
    func inventedAccounts() async throws {
        let scene = try await laggingScene()
        scene.provider.failsToRevoke(VerificationError(.providerUnavailable, "no such account", scope: .credential))
        for number in 0..<1_000 {
            await #expect(throws: VerificationError.self) { try await revoke(scene, .account("\(number)")) }
            #expect(scene.cachedResponse() != nil)
        }
        #expect(scene.provider.verifyRequests.count == 1)
        #expect(scene.verifier.statistics.denials == 0)
    }

    @Test("a rejection requested before the revocation of another account still replaces the entry")
    func lateRejection() async throws {
        let scene = try Scene()
        let first = Task { try await scene.verify() }
        try await scene.provider.respondNext(.success(.valid(.sample())))
        _ = try await first.value
        scene.clock.advance(by: .seconds(50))
        #expect(scene.cachedResponse() != nil, "the hit starts a refresh")
        try await eventually("the refresh begins") { scene.provider.verifyRequests.count == 2 }
        try await revoke(scene, .account("another account"))
        try await scene.provider.respondNext(.success(.rejectedToken))
        try await eventually("the lookup completes") { scene.verifier.statistics.inFlightLookups == 0 }
        #expect(scene.cachedResponse() == "tokenRejected")
    }
}

@Suite("The bounds of the denial list")
struct DenialBoundsTests {
    private func revoke(_ scene: Scene, _ token: String, by caller: String) async throws(VerificationError) {
        let request = RevocationRequest(.token(Token(token)), caller: Caller(name: caller))
        try await scene.verifier.revoke(request, deadline: scene.deadline)
    }

    @Test("without a free slot a revocation fails before the provider is asked")
    func full() async throws {
        let scene = try Scene {
            $0.maximumDenials = 3
            $0.maximumDenialsPerCaller = 2
        }
        for number in 0..<2 { try await revoke(scene, "EMAW\(number)", by: "loud") }
        let own = await #expect(throws: VerificationError.self) { try await revoke(scene, "EMAW2", by: "loud") }
        #expect(own?.code == .tooManyDenials)
        #expect(own?.retryAfter == .seconds(1))
        try await revoke(scene, "EMAW3", by: "other")
        let all = await #expect(throws: VerificationError.self) { try await revoke(scene, "EMAW4", by: "third") }
        #expect(all?.code == .tooManyDenials)
        #expect(all?.retryAfter == .seconds(366), "the next denial ends then")
        #expect(scene.provider.revokeRequests.count == 3)
        scene.clock.advance(by: .seconds(366))
        try await revoke(scene, "EMAW2", by: "loud")
        #expect(scene.verifier.statistics.denials == 1)
    }

    @Test("an account takes a slot for itself and for each of its cached tokens, as far as there is room")
    func account() async throws {
        let scene = try Scene { $0.maximumDenials = 4 }
        scene.provider.respondsAlways(.valid(.sample()))
        for number in 0..<8 { _ = try await scene.verify(Token("EMAW\(number)")) }
        try await scene.verifier.revoke(RevocationRequest(.account("1011166682335378")), deadline: scene.deadline)
        #expect(scene.verifier.statistics.denials == 4)
        #expect((0..<8).filter { scene.cachedResponse(Token("EMAW\($0)")) == "tokenRejected" }.count == 3)
        #expect(scene.verifier.statistics.valid.entries == 0)
        // The denial of the account covers the others while the provider may lag.
        for number in 0..<8 {
            let verdict = try? await scene.verify(Token("EMAW\(number)"))
            #expect(verdict == nil || verdict == .rejected(.denied))
        }
        let error = await #expect(throws: VerificationError.self) { try await revoke(scene, "EMAWother", by: "other") }
        #expect(error?.code == .tooManyDenials)
    }

    @Test("a caller that extends a denial pays for it")
    func extended() async throws {
        let scene = try Scene { $0.maximumDenialsPerCaller = 1 }
        try await revoke(scene, "EMAW0", by: "first")
        scene.clock.advance(by: .seconds(1))
        try await revoke(scene, "EMAW0", by: "second")
        #expect(scene.verifier.statistics.denials == 1)
        try await revoke(scene, "EMAW1", by: "first")
        let error = await #expect(throws: VerificationError.self) { try await revoke(scene, "EMAW2", by: "second") }
        #expect(error?.code == .tooManyDenials)
    }

    @Test("many denials that have ended leave the list a few at a time")
    func purge() async throws {
        let scene = try Scene { $0.maximumDenials = 1_000 }
        for number in 0..<1_000 { try await revoke(scene, "EMAW\(number)", by: "a") }
        scene.clock.advance(by: .seconds(366))
        try await revoke(scene, "EMAWnew", by: "a")
        #expect(scene.verifier.statistics.denials == 1_000 - 65 + 1)
        for number in 0..<20 { try await revoke(scene, "EMAWnew \(number)", by: "a") }
        #expect(scene.verifier.statistics.denials == 21)
    }

    @Test("a repeated revocation takes no further slot, and extends the denial")
    func repeated() async throws {
        let scene = try Scene { $0.maximumDenialsPerCaller = 2 }
        for _ in 0..<5 { try await revoke(scene, "EMAW0", by: "a") }
        #expect(scene.verifier.statistics.denials == 1)
        scene.clock.advance(by: .seconds(300))
        try await revoke(scene, "EMAW0", by: "a")
        scene.clock.advance(by: .seconds(300))
        #expect(scene.cachedResponse(Token("EMAW0")) == "tokenRejected")
    }

    @Test("revocations in flight hold their slots")
    func reserved() async throws {
        let scene = try Scene { $0.maximumDenialsPerCaller = 1 }
        scene.provider.revocations.hold()
        let first = Task { try await revoke(scene, "EMAW0", by: "a") }
        try await eventually("the request is sent") { scene.provider.revokeRequests.count == 1 }
        let error = await #expect(throws: VerificationError.self) { try await revoke(scene, "EMAW1", by: "a") }
        #expect(error?.code == .tooManyDenials)
        scene.provider.revocations.release()
        try await first.value
    }
}
