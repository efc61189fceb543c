import DoormanWire
import NIOConcurrencyHelpers
import TestKit
import Testing

@testable import DoormanClient
@testable import DoormanCore

@Suite("requirements of a call", .timeLimit(.minutes(2)))
struct ClientRequirementsTests {
    private static let requirements = TokenRequirements(provider: "corp", scopes: ["orders:read"])

    /// Returns the identity that a server sends which knows scopes.
    private func identity(provider: String = "corp", scopes: [String] = ["openid", "orders:read"]) -> Identity {
        var identity = Identity.sample("jane")
        identity.provider = provider
        identity.scopes = scopes
        return identity
    }

    /// Verifies with the requirements, in both forms of a call, against a server that sends an identity.
    private func kinds(of sent: Identity) async throws -> [DoormanError.Kind?] {
        let peer = try ScriptedPeer()
        var configuration = DoormanClientConfiguration.patient
        configuration.nearCacheCapacity = 0
        let client = DoormanClient(target: peer.target, configuration: configuration)
        var kinds: [DoormanError.Kind?] = []
        async let verdict = client.outcome { () async throws(DoormanError) in
            try await client.verify(Token("eyJ"), requiring: Self.requirements)
        }
        let connection = try await peer.accept()
        try await connection.answer(connection.nextCall(), ResponseEncoder.encode(sent))
        kinds.append(await verdict)
        let completed = NIOLockedValueBox<Result<Identity, DoormanError>?>(nil)
        try client.verify(Token("eyJ"), requiring: Self.requirements) { outcome in completed.withLockedValue { $0 = outcome } }
        try await connection.answer(connection.nextCall(), ResponseEncoder.encode(sent))
        try await eventually("the completion is called") { completed.withLockedValue { $0 } != nil }
        if case .failure(let error)? = completed.withLockedValue({ $0 }) { kinds.append(error.kind) } else { kinds.append(nil) }
        await client.close()
        return kinds
    }

    @Test("an identity with the required facts is returned")
    func fulfilled() async throws {
        #expect(try await kinds(of: identity()) == [nil, nil])
    }

    @Test("the position of a revocation is sent, in both forms of a call, and the near cache does not answer")
    func notBefore() async throws {
        let peer = try ScriptedPeer()
        let client = DoormanClient(target: peer.target, configuration: .patientWithNearCache)
        let nearCache = try #require(client.nearCache)
        var known = identity()
        known.validUntil = Timestamp(millisecondsSince1970: .max)
        nearCache.store(
            known, for: NearCache.Key(token: Token("eyJ"), requirements: .none), revocations: nearCache.revocations,
            at: client.time.now, civil: .now)
        let position = RevocationPosition(bytes: [1, 0, 0xff])
        async let verdict = client.verify(Token("eyJ"), requiring: .none, notBefore: position)
        let connection = try await peer.accept()
        let first = try await connection.nextCall()
        #expect(first.notBefore == position.bytes)
        try await connection.answer(first, ResponseEncoder.encode(identity()))
        #expect(try await verdict.accountID == "jane")
        let completed = NIOLockedValueBox(false)
        try client.verify(Token("eyJ"), requiring: .none, notBefore: position) { _ in completed.withLockedValue { $0 = true } }
        let second = try await connection.nextCall()
        #expect(second.notBefore == position.bytes)
        try await connection.answer(second, ResponseEncoder.encode(identity()))
        try await eventually("the completion is called") { completed.withLockedValue { $0 } }
        await client.close()
    }

    @Test("an identity of a server that ignores required scopes is forbidden")
    func olderServer() async throws {
        let kind = DoormanError.Kind.forbidden(.insufficientScope)
        #expect(try await kinds(of: identity(scopes: [])) == [kind, kind])
        #expect(try await kinds(of: identity(scopes: ["orders"])) == [kind, kind])
    }

    @Test("an identity of a server that ignores the provider is rejected")
    func otherProvider() async throws {
        let kind = DoormanError.Kind.rejected(.wrongProvider)
        #expect(try await kinds(of: identity(provider: "account-kit")) == [kind, kind])
    }

    @Test(
        "a request with a NUL in a requirement is not sent",
        arguments: [TokenRequirements(provider: "a\0"), TokenRequirements(scopes: ["a\0"])])
    func nul(requirements: TokenRequirements) async throws {
        let peer = try ScriptedPeer()
        let client = DoormanClient(target: peer.target, configuration: .patient)
        let error = await #expect(throws: DoormanError.self) { try await client.verify(Token("eyJ"), requiring: requirements) }
        #expect(error?.kind == .unavailable(.malformedRequest))
        await client.close()
    }
}

extension DoormanClient {
    /// Returns the kind of the error of a call; `nil` for a success.
    fileprivate func outcome(_ call: () async throws(DoormanError) -> Identity) async -> DoormanError.Kind? {
        do throws(DoormanError) {
            _ = try await call()
            return nil
        } catch {
            return error.kind
        }
    }
}
