import DoormanCache
import DoormanCore
import DoormanSupport
import TestKit
import Testing

@Suite("Revocation")
struct RevocationTests {
    private func revoke(_ scene: Scene, _ subject: RevocationRequest.Subject, application: String? = nil) async throws {
        try await scene.verifier.revoke(RevocationRequest(subject, applicationID: application), deadline: scene.deadline)
    }

    @Test("a revoked token leaves the cache at once, even if the provider fails", arguments: [true, false])
    func invalidates(succeeds: Bool) async throws {
        let scene = try Scene()
        scene.provider.respondsAlways(.valid(.sample()))
        _ = try await scene.verify()
        if succeeds {
            try await revoke(scene, .token(scene.token))
        } else {
            let error = VerificationError(.providerUnavailable, "down")
            scene.provider.failsToRevoke(error)
            await #expect(throws: error) { try await revoke(scene, .token(scene.token)) }
        }
        #expect(scene.provider.revokeRequests.count == 1)
        #expect(scene.cachedResponse() == nil)
        scene.provider.respondsAlways(.rejectedToken)
        #expect(try await scene.verify() == .rejectedToken)
    }

    @Test("a result requested before the revocation reaches only the calls that wait for it")
    func revokesDuringFlight() async throws {
        let scene = try Scene()
        let early = Task { try await scene.verify() }
        try await eventually("the request is sent") { scene.provider.verifyRequests.count == 1 }
        try await revoke(scene, .token(scene.token))
        let late = Task { try await scene.verify() }
        try await eventually("the later call sends a request") { scene.provider.verifyRequests.count == 2 }
        try await scene.provider.respondNext(.success(.valid(.sample())))
        #expect(try await early.value.identity != nil)
        #expect(scene.cachedResponse() == nil)
        try await scene.provider.respondNext(.success(.rejectedToken))
        #expect(try await late.value == .rejectedToken)
        #expect(scene.cachedResponse() == "tokenRejected")
    }

    @Test("a result from before the revocation does not replace a newer entry")
    func oldResultArrivesLast() async throws {
        let scene = try Scene()
        let early = Task { try await scene.verify() }
        try await eventually("the request is sent") { scene.provider.verifyRequests.count == 1 }
        try await revoke(scene, .token(scene.token))
        scene.provider.respondsAlways(.rejectedToken)
        #expect(try await scene.verify() == .rejectedToken)
        try await scene.provider.respondNext(.success(.valid(.sample())))
        #expect(try await early.value.identity != nil)
        #expect(scene.cachedResponse() == "tokenRejected")
    }

    @Test("revoking an account of an application removes its tokens without an application")
    func revokesTokensWithoutApplication() async throws {
        let scene = try Scene()
        scene.provider.respondsAlways(.valid(.sample(application: "")))
        _ = try await scene.verify()
        try await revoke(scene, .account("1011166682335378"), application: "5432154321543210")
        #expect(scene.cachedResponse() == nil)
    }

    @Test("an invalid revocation leaves lookups in flight as they are")
    func invalidRevocation() async throws {
        let scene = try Scene()
        scene.provider.failsToRevoke(VerificationError(.invalidRequest, "no account id"))
        let call = Task { try await scene.verify() }
        try await eventually("the request is sent") { scene.provider.verifyRequests.count == 1 }
        await #expect(throws: VerificationError.self) { try await revoke(scene, .account("x")) }
        try await scene.provider.respondNext(.success(.valid(.sample())))
        _ = try await call.value
        #expect(scene.cachedResponse() != nil)
    }

    @Test("revoking an account removes exactly its tokens")
    func revokesAccount() async throws {
        let scene = try Scene()
        scene.provider.script { request in
            let number = request.token.bytes.last.map { $0 - UInt8(ascii: "0") } ?? 0
            return .success(.valid(.sample(account: number < 5 ? "alice" : "bob")))
        }
        let tokens = (0..<10).map { Token("EMAW\($0)") }
        for token in tokens { _ = try await scene.verify(token) }
        try await revoke(scene, .account("alice"))
        for token in tokens[..<5] { #expect(scene.cachedResponse(token) == nil) }
        for token in tokens[5...] { #expect(scene.cachedResponse(token) == "bob cached") }
        #expect(scene.verifier.statistics.valid.entries == 5)
    }

    @Test("revoking an account of one application leaves its tokens of another application")
    func revokesAccountOfApplication() async throws {
        let scene = try Scene()
        scene.provider.script { [token = scene.token] in
            .success(.valid(.sample(account: "alice", application: $0.token == token ? "1" : "2")))
        }
        let other = Token("EMAWother")
        _ = try await scene.verify()
        _ = try await scene.verify(other)
        try await revoke(scene, .account("alice"), application: "1")
        #expect(scene.cachedResponse() == nil)
        #expect(scene.cachedResponse(other) != nil)
    }

    @Test("a lookup from before the revocation of its account serves no later call")
    func revokesAccountDuringFlight() async throws {
        let scene = try Scene()
        let early = Task { try await scene.verify() }
        try await eventually("the request is sent") { scene.provider.verifyRequests.count == 1 }
        try await revoke(scene, .account("1011166682335378"))
        let late = Task { try await scene.verify() }
        try await eventually("the later call sends a request") { scene.provider.verifyRequests.count == 2 }
        try await scene.provider.respondNext(.success(.valid(.sample())))
        _ = try await early.value
        #expect(scene.cachedResponse() == nil)
        try await scene.provider.respondNext(.success(.rejectedToken))
        #expect(try await late.value == .rejectedToken)
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
