import DoormanCache
import DoormanCore
import DoormanSupport
import TestKit
import Testing

@Suite("Account deletion")
struct AccountDeletionTests {
    private func delete(_ scene: Scene, _ account: String, application: String? = nil) async throws {
        try await scene.verifier.deleteAccount(
            AccountDeletionRequest(accountID: account, applicationID: application), deadline: scene.deadline)
    }

    @Test(
        "only the tokens of the deleted account are denied, even if no answer arrives", arguments: [true, false])
    func invalidates(succeeds: Bool) async throws {
        let scene = try Scene()
        let other = Token("EMAWother")
        scene.provider.script { .success(.valid(.sample(account: $0.token == other ? "bob" : "alice"))) }
        _ = try await scene.verify()
        _ = try await scene.verify(other)
        if succeeds {
            try await delete(scene, "alice")
        } else {
            let error = VerificationError(.providerUnavailable, "down")
            scene.provider.failsToRevoke(error)
            await #expect(throws: error) { try await delete(scene, "alice") }
        }
        #expect(scene.provider.deleteRequests == [AccountDeletionRequest(accountID: "alice")])
        #expect(scene.cachedResponse() == "tokenRejected")
        #expect(scene.cachedResponse(other) != nil)
    }

    @Test("an invalid deletion leaves the cache as it is")
    func invalid() async throws {
        let scene = try Scene()
        scene.provider.respondsAlways(.valid(.sample()))
        _ = try await scene.verify()
        scene.provider.failsToRevoke(VerificationError(.invalidRequest, "no account id"))
        await #expect(throws: VerificationError.self) { try await delete(scene, "1011166682335378") }
        #expect(scene.cachedResponse() != nil)
    }

    @Test("a lookup from before the deletion of its account is no answer to any call")
    func duringLookup() async throws {
        let scene = try Scene()
        let call = Task { try await scene.verify() }
        try await eventually("the request is sent") { scene.provider.verifyRequests.count == 1 }
        try await delete(scene, "1011166682335378")
        try await scene.provider.respondNext(.success(.valid(.sample())))
        let error = await #expect(throws: VerificationError.self) { try await call.value }
        #expect(error?.code == .providerUnavailable)
        #expect(scene.cachedResponse() == nil)
    }

    @Test("a provider without account lists is reported as unsupported")
    func unsupported() async throws {
        let scene = try Scene()
        let error = await #expect(throws: VerificationError.self) {
            try await scene.verifier.accounts(AccountListRequest(), deadline: scene.deadline)
        }
        #expect(error?.code == .unsupported)
    }
}
