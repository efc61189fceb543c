import DoormanCache
import DoormanCore
import DoormanSupport
import TestKit
import Testing

@Suite("What a call requires of a valid token")
struct RequirementsTests {
    private func identity(_ change: (inout Identity) -> Void = { _ in }) -> Identity {
        var identity = Identity.sample(account: "jane", application: "orders-api")
        identity.provider = "corp"
        identity.scopes = ["orders:read", "openid"]
        identity.audiences = ["orders-api", "billing-api"]
        change(&identity)
        return identity
    }

    private func warmScene() async throws -> Scene {
        let scene = try Scene()
        let identity = identity()
        scene.provider.script { _ in .success(.valid(identity)) }
        _ = try await scene.verify()
        return scene
    }

    /// Returns the response of the cache to a call, as the event loop gets it; `nil` for a miss.
    private func cached(_ scene: Scene, _ requirements: TokenRequirements) -> (response: String, denial: VerdictDenial?)? {
        let call = VerifyCall(
            validated: scene.token, key: scene.verifier.key(of: scene.token.bytes.span), requirements: requirements)
        var response = EncodedResponse()
        let hit = scene.verifier.lookup(call, now: scene.clock.now, into: &response)
        return hit.map { (String(decoding: response.bytes, as: UTF8.self), $0.denial) }
    }

    @Test(
        "one cached entry answers calls with any requirements, without a provider request",
        arguments: [
            (TokenRequirements(), nil), (TokenRequirements(provider: "corp"), nil),
            (TokenRequirements(provider: "corp2"), .rejected(.wrongProvider)),
            (TokenRequirements(provider: "cor"), .rejected(.wrongProvider)),
            (TokenRequirements(applicationID: "orders-api"), nil), (TokenRequirements(applicationID: "billing-api"), nil),
            (TokenRequirements(applicationID: "billing"), .rejected(.wrongApplication)),
            (TokenRequirements(scopes: ["orders:read"]), nil), (TokenRequirements(scopes: ["openid", "orders:read"]), nil),
            (TokenRequirements(scopes: ["orders:write"]), .forbidden(.insufficientScope)),
            (TokenRequirements(scopes: ["orders:read", "orders"]), .forbidden(.insufficientScope)),
            (TokenRequirements(scopes: [""]), .forbidden(.insufficientScope)),
            // Whose token it is comes before what it may do.
            (TokenRequirements(provider: "x", applicationID: "x", scopes: ["x"]), .rejected(.wrongProvider)),
            (TokenRequirements(applicationID: "x", scopes: ["x"]), .rejected(.wrongApplication)),
        ] as [(TokenRequirements, VerdictDenial?)])
    func judged(requirements: TokenRequirements, denial: VerdictDenial?) async throws {
        let scene = try await warmScene()
        let hit = try #require(cached(scene, requirements))
        #expect(hit.denial == denial)
        #expect((hit.response == "jane cached") == (denial == nil))
        let verdict = try await scene.verifier.verify(
            VerificationRequest(token: scene.token, requirements: requirements), deadline: scene.deadline)
        #expect(verdict.denial == denial)
        #expect(scene.provider.verifyRequests.count == 1)
        #expect(cached(scene, .none)?.denial == nil, "a denial of one call is not kept for others")
    }

    @Test("a call that names another accepted audience gets an identity with that audience")
    func otherAudience() async throws {
        let scene = try await warmScene()
        let request = VerificationRequest(token: scene.token, applicationID: "billing-api")
        guard case .valid(let identity) = try await scene.verifier.verify(request, deadline: scene.deadline) else {
            Issue.record("the token is valid for this audience")
            return
        }
        #expect(identity.applicationID == "billing-api")
        #expect(identity.accountID == "jane")
    }

    @Test("a call that names another provider costs the others neither their entry nor a request to that provider")
    func otherProviderPastTTL() async throws {
        let scene = try await warmScene()
        let identity = identity()
        scene.provider.script { $0.provider == "partner" ? .success(.rejectedToken) : .success(.valid(identity)) }
        scene.clock.advance(by: CacheSettings().ttl * 2)
        let named = VerificationRequest(token: scene.token, requirements: TokenRequirements(provider: "partner"))
        #expect(try await scene.verifier.verify(named, deadline: scene.deadline).denial == .rejected(.wrongProvider))
        #expect(scene.provider.verifyRequests.map(\.provider) == [nil, "corp"])
        #expect(cached(scene, .none)?.denial == nil)
        #expect(cached(scene, .none)?.response == "jane cached")
    }

    @Test("a call that names an id longer than any server has misses, so that the server refuses it")
    func longApplication() async throws {
        let scene = try await warmScene()
        #expect(scene.cachedResponse(application: String(repeating: "a", count: 1024)) == "wrongApplication")
        #expect(scene.cachedResponse(application: String(repeating: "a", count: 1025)) == nil)
    }

    @Test("scopes and audiences are compared byte for byte")
    func bytes() async throws {
        // The Kelvin sign is canonically equivalent to K.
        let identity = identity { ($0.scopes, $0.audiences) = (["\u{212a}"], ["orders-api", "\u{212a}"]) }
        #expect(TokenRequirements(scopes: ["K"]).judge(identity)?.denial == .forbidden(.insufficientScope))
        #expect(TokenRequirements(applicationID: "K").judge(identity)?.denial == .rejected(.wrongApplication))
        #expect(TokenRequirements(scopes: ["\u{212a}"]).judge(identity) == nil)
    }

    @Test("a miss is judged by the requirements of its own call")
    func missJudged() async throws {
        let scene = try Scene()
        let identity = identity()
        scene.provider.script { _ in .success(.valid(identity)) }
        let strict = VerificationRequest(token: scene.token, requirements: TokenRequirements(scopes: ["admin"]))
        #expect(try await scene.verifier.verify(strict, deadline: scene.deadline).denial == .forbidden(.insufficientScope))
        #expect(cached(scene, .none)?.response == "jane cached")
        #expect(scene.provider.verifyRequests.first?.requiredScopes.isEmpty == true, "no provider looks at scopes")
    }

    @Test("a rejection answers only calls that name the same provider")
    func narrow() async throws {
        let scene = try Scene()
        scene.provider.script { $0.provider == "partner" ? .success(.rejectedToken) : .success(.valid(.sample())) }
        let named = VerificationRequest(token: scene.token, requirements: TokenRequirements(provider: "partner"))
        #expect(try await scene.verifier.verify(named, deadline: scene.deadline).denial == .rejected(.tokenRejected))
        #expect(cached(scene, TokenRequirements(provider: "partner"))?.denial == .rejected(.tokenRejected))
        #expect(cached(scene, .none) == nil)
        #expect(cached(scene, TokenRequirements(provider: "corp")) == nil)
        #expect(scene.cachedResponse() == nil)
    }

    @Test("calls that name different providers share no lookup")
    func lookupsApart() async throws {
        let scene = try Scene()
        let calls = ["one", "two", nil].map { name in
            Task {
                try await scene.verifier.verify(
                    VerificationRequest(token: scene.token, requirements: TokenRequirements(provider: name)),
                    deadline: scene.deadline)
            }
        }
        try await eventually("each call has a request") { scene.provider.verifyRequests.count == 3 }
        for _ in calls { try await scene.provider.respondNext(.success(.rejectedToken)) }
        for call in calls { _ = try await call.value }
    }
}

@Suite("Entries of a withdrawn key or provider")
struct RemovedEntriesTests {
    private func identity(_ account: String, key: UInt64) -> Identity {
        var identity = Identity.sample(account: account)
        identity.signingKey = key
        return identity
    }

    @Test("only the entries that fulfil the condition are removed")
    func removed() async throws {
        let scene = try Scene()
        scene.provider.script { request in
            let number = UInt64(request.token.bytes.last ?? 0)
            return .success(.valid(self.identity("\(number)", key: number % 2)))
        }
        let tokens = (0..<2000).map { Token("EMAW\($0)") }
        for token in tokens { _ = try await scene.verify(token) }
        scene.verifier.removeEntries { $0.signingKey == 1 }
        for token in tokens {
            let isOdd = (token.bytes.last ?? 0) % 2 == 1
            #expect((scene.cachedResponse(token) == nil) == isOdd)
        }
    }

    @Test("a verdict that was reached before the removal is neither used nor stored after it")
    func lateVerdict() async throws {
        let scene = try Scene()
        let call = Task { try await scene.verify() }
        try await eventually("a request") { scene.provider.verifyRequests.count == 1 }
        scene.clock.advance(by: .milliseconds(1))
        scene.verifier.removeEntries { $0.signingKey == 7 }
        try await scene.provider.respondNext(.success(.valid(identity("jane", key: 7))))
        try await eventually("the call looks up again") { scene.provider.verifyRequests.count == 2 }
        #expect(scene.cachedResponse() == nil)
        // A later verdict counts again: another provider may use the same key.
        try await scene.provider.respondNext(.success(.valid(identity("jane", key: 7))))
        #expect(try await call.value.denial == nil)
        #expect(scene.cachedResponse() == "jane cached")
    }
}

@Suite("Revocations that only Doorman can carry out")
struct LocalRevocationTests {
    private func revoke(_ scene: Scene, until end: Timestamp?) async throws {
        scene.provider.revocations.script { _ in .success(.deniedLocally(until: end)) }
        try await scene.verifier.revoke(RevocationRequest(.token(scene.token)), deadline: scene.deadline)
    }

    @Test("the token is denied until its own end, though the provider goes on accepting it")
    func untilItsEnd() async throws {
        let scene = try Scene()
        let end = scene.clock.wallTime.advanced(by: .seconds(86_400))
        scene.provider.script { _ in .success(.valid(Identity.sample().valid(until: end))) }
        _ = try await scene.verify()
        try await revoke(scene, until: end)
        for hours in 0..<24 {
            #expect(scene.cachedResponse() == "tokenRejected", "after \(hours) hours")
            #expect(try await scene.verify().denial == .rejected(.tokenRejected))
            scene.clock.advance(by: .seconds(3600))
        }
        #expect(scene.provider.verifyRequests.count == 1)
        #expect(scene.verifier.statistics.localDenials == 1)
        // The local clock may have been set back a little, so the denial lasts a little longer than the token.
        #expect(scene.cachedResponse() == "tokenRejected")
        scene.clock.advance(by: .seconds(3600))
        #expect(scene.cachedResponse() == nil)
    }

    @Test("a token without an end is denied for cache.local-denial-time")
    func withoutEnd() async throws {
        let scene = try Scene { $0.localDenialTime = .seconds(7 * 86_400) }
        try await revoke(scene, until: nil)
        scene.clock.advance(by: .seconds(7 * 86_400 - 1))
        #expect(scene.cachedResponse() == "tokenRejected")
        scene.clock.advance(by: .seconds(2))
        #expect(scene.cachedResponse() == nil)
    }

    @Test("tokens that everyone can make of the token are denied with it")
    func equivalents() async throws {
        let scene = try Scene()
        let other = Token("EMAWother")
        scene.provider.equivalentTokens.withLockedValue { $0 = [other] }
        try await revoke(scene, until: scene.clock.wallTime.advanced(by: .seconds(86_400)))
        #expect(scene.cachedResponse() == "tokenRejected")
        #expect(scene.cachedResponse(other) == "tokenRejected")
        #expect(scene.verifier.statistics.denials == 2)
    }

    @Test("a full list has room for a denial that it holds")
    func repeatedDenial() throws {
        let scene = try Scene { $0.maximumDenials = 1 }
        func apply(_ token: String, _ time: Duration) -> Bool {
            let key = scene.verifier.key(of: Token(token).bytes.span)
            return scene.verifier.apply(.token([key], .at(scene.clock.wallTime.advanced(by: time))))
        }
        #expect(apply("EMAWone", .seconds(60)))
        #expect(apply("EMAWone", .seconds(60)))
        #expect(apply("EMAWone", .seconds(30)))
        #expect(!apply("EMAWtwo", .seconds(60)))
        #expect(!apply("EMAWone", .seconds(3600)), "the longer denial needs a slot while it is made")
    }

    @Test("a token is not revoked if the list has no room for the tokens that are denied with it")
    func noRoomForEquivalents() async throws {
        let scene = try Scene { $0.maximumDenials = 1 }
        scene.provider.equivalentTokens.withLockedValue { $0 = [Token("EMAWother")] }
        let error = await #expect(throws: VerificationError.self) { try await revoke(scene, until: nil) }
        #expect(error?.code == .tooManyDenials)
        #expect(scene.provider.revocations.count == 0)
        #expect(scene.verifier.statistics.denials == 0)
    }

    @Test("an end in the far future or the past does no harm", arguments: [Int64.max, .min, 0])
    func extremes(milliseconds: Int64) async throws {
        let scene = try Scene()
        try await revoke(scene, until: Timestamp(millisecondsSince1970: milliseconds))
        #expect(scene.cachedResponse() == "tokenRejected")
    }
}
