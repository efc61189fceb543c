import DoormanCache
import DoormanCore
import DoormanSupport
import TestKit
import Testing

@Suite("Deleting accounts")
struct AccountDeletionTests {
    private func delete(_ scene: Scene, _ account: String, application: String? = nil) async throws {
        try await scene.verifier.deleteAccount(
            AccountDeletionRequest(accountID: account, applicationID: application), deadline: scene.deadline)
    }

    @Test(
        "a deleted account's tokens are forgotten at once, whether or not that worked; others' are not", arguments: [true, false])
    func forgets(works: Bool) async throws {
        let scene = try Scene()
        let other = Token("EMAWother")
        scene.provider.script { .success(.valid(.sample(account: $0.token == other ? "bob" : "alice"))) }
        _ = try await scene.verify()
        _ = try await scene.verify(other)
        if works {
            try await delete(scene, "alice")
        } else {
            let error = VerificationError(.providerUnavailable, "down")
            scene.provider.refusesToRevoke(error)
            await #expect(throws: error) { try await delete(scene, "alice") }
        }
        #expect(scene.provider.deleteRequests == [AccountDeletionRequest(accountID: "alice")])
        #expect(scene.reply() == nil)
        #expect(scene.reply(other) != nil)
    }

    @Test("a deletion that makes no sense leaves memory as it is")
    func invalid() async throws {
        let scene = try Scene()
        scene.provider.answersAlways(.valid(.sample()))
        _ = try await scene.verify()
        scene.provider.refusesToRevoke(VerificationError(.invalidRequest, "no account id"))
        await #expect(throws: VerificationError.self) { try await delete(scene, "1011166682335378") }
        #expect(scene.reply() != nil)
    }

    @Test("an answer asked before its account was deleted is not remembered, and not joined")
    func duringFlight() async throws {
        let scene = try Scene()
        let early = Task { try await scene.verify() }
        try await eventually("the question is put") { scene.provider.verifyRequests.count == 1 }
        try await delete(scene, "1011166682335378")
        let late = Task { try await scene.verify() }
        try await eventually("the later call asks for itself") { scene.provider.verifyRequests.count == 2 }
        try await scene.provider.answerNext(.success(.valid(.sample())))
        _ = try await early.value
        #expect(scene.reply() == nil)
        try await scene.provider.answerNext(.success(.refused))
        #expect(try await late.value == .refused)
    }

    @Test("a provider that lists and deletes nothing says so")
    func unsupported() async throws {
        let scene = try Scene()
        let error = await #expect(throws: VerificationError.self) {
            try await scene.verifier.accounts(AccountListRequest(), deadline: scene.deadline)
        }
        #expect(error?.code == .unsupported)
    }
}
