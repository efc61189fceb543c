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

    @Test("a revoked token is forgotten at once, whether or not the provider could be told", arguments: [true, false])
    func forgets(works: Bool) async throws {
        let scene = try Scene()
        scene.provider.answersAlways(.valid(.sample()))
        _ = try await scene.verify()
        if works {
            try await revoke(scene, .token(scene.token))
        } else {
            let error = VerificationError(.providerUnavailable, "down")
            scene.provider.refusesToRevoke(error)
            await #expect(throws: error) { try await revoke(scene, .token(scene.token)) }
        }
        #expect(scene.provider.revokeRequests.count == 1)
        #expect(scene.reply() == nil)
        scene.provider.answersAlways(.refused)
        #expect(try await scene.verify() == .refused)
    }

    @Test("an answer asked before the revocation reaches those who wait, but neither memory nor later calls")
    func revokesDuringFlight() async throws {
        let scene = try Scene()
        let early = Task { try await scene.verify() }
        try await eventually("the question is put") { scene.provider.verifyRequests.count == 1 }
        try await revoke(scene, .token(scene.token))
        let late = Task { try await scene.verify() }
        try await eventually("the later call asks for itself") { scene.provider.verifyRequests.count == 2 }
        try await scene.provider.answerNext(.success(.valid(.sample())))
        #expect(try await early.value.identity != nil)
        #expect(scene.reply() == nil)
        try await scene.provider.answerNext(.success(.refused))
        #expect(try await late.value == .refused)
        #expect(scene.reply() == "tokenRejected")
    }

    @Test("an old answer that lands last does not take the place of the new one")
    func oldAnswerLandsLast() async throws {
        let scene = try Scene()
        let early = Task { try await scene.verify() }
        try await eventually("the question is put") { scene.provider.verifyRequests.count == 1 }
        try await revoke(scene, .token(scene.token))
        scene.provider.answersAlways(.refused)
        #expect(try await scene.verify() == .refused)
        try await scene.provider.answerNext(.success(.valid(.sample())))
        #expect(try await early.value.identity != nil)
        #expect(scene.reply() == "tokenRejected")
    }

    @Test("revoking an account of an application forgets its tokens that name no application, too")
    func revokesNamelessApplication() async throws {
        let scene = try Scene()
        scene.provider.answersAlways(.valid(.sample(application: "")))
        _ = try await scene.verify()
        try await revoke(scene, .account("1011166682335378"), application: "5432154321543210")
        #expect(scene.reply() == nil)
    }

    @Test("a revocation that makes no sense leaves memory, and answers under way, as they are")
    func invalidRevocation() async throws {
        let scene = try Scene()
        scene.provider.refusesToRevoke(VerificationError(.invalidRequest, "no account id"))
        let call = Task { try await scene.verify() }
        try await eventually("the question is put") { scene.provider.verifyRequests.count == 1 }
        await #expect(throws: VerificationError.self) { try await revoke(scene, .account("x")) }
        try await scene.provider.answerNext(.success(.valid(.sample())))
        _ = try await call.value
        #expect(scene.reply() != nil)
    }

    @Test("revoking an account forgets all its tokens and no other's")
    func revokesAccount() async throws {
        let scene = try Scene()
        scene.provider.script { request in
            let number = request.token.bytes.last.map { $0 - UInt8(ascii: "0") } ?? 0
            return .success(.valid(.sample(account: number < 5 ? "alice" : "bob")))
        }
        let tokens = (0..<10).map { Token("EMAW\($0)") }
        for token in tokens { _ = try await scene.verify(token) }
        try await revoke(scene, .account("alice"))
        for token in tokens[..<5] { #expect(scene.reply(token) == nil) }
        for token in tokens[5...] { #expect(scene.reply(token) == "bob cached") }
        #expect(scene.verifier.statistics.valid.entries == 5)
    }

    @Test("revoking an account of one application leaves its tokens of another")
    func revokesAccountOfApplication() async throws {
        let scene = try Scene()
        scene.provider.script { [token = scene.token] in
            .success(.valid(.sample(account: "alice", application: $0.token == token ? "1" : "2")))
        }
        let other = Token("EMAWother")
        _ = try await scene.verify()
        _ = try await scene.verify(other)
        try await revoke(scene, .account("alice"), application: "1")
        #expect(scene.reply() == nil)
        #expect(scene.reply(other) != nil)
    }

    @Test("an answer asked before its account was revoked is not remembered, and not joined")
    func revokesAccountDuringFlight() async throws {
        let scene = try Scene()
        let early = Task { try await scene.verify() }
        try await eventually("the question is put") { scene.provider.verifyRequests.count == 1 }
        try await revoke(scene, .account("1011166682335378"))
        let late = Task { try await scene.verify() }
        try await eventually("the later call asks for itself") { scene.provider.verifyRequests.count == 2 }
        try await scene.provider.answerNext(.success(.valid(.sample())))
        _ = try await early.value
        #expect(scene.reply() == nil)
        try await scene.provider.answerNext(.success(.refused))
        #expect(try await late.value == .refused)
    }

    @Test("a refusal that was asked for before another account was revoked still ends what memory knew")
    func lateRefusal() async throws {
        let scene = try Scene()
        let first = Task { try await scene.verify() }
        try await scene.provider.answerNext(.success(.valid(.sample())))
        _ = try await first.value
        scene.clock.advance(by: .seconds(50))
        #expect(scene.reply() != nil, "which has it refreshed")
        try await eventually("it is being refreshed") { scene.provider.verifyRequests.count == 2 }
        try await revoke(scene, .account("somebody else"))
        try await scene.provider.answerNext(.success(.refused))
        try await eventually("the answer is there") { scene.verifier.statistics.inFlightLookups == 0 }
        #expect(scene.reply() == "tokenRejected")
    }
}
