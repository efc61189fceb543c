import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import TestKit
import Testing

@Suite("Calls that name a revocation")
struct NotBeforeTests {
    private static let position = RevocationPosition(bytes: [0x01, 0x00, 0xff])

    private static func verify(_ token: String, notBefore position: RevocationPosition?, streamID: UInt32) throws -> [UInt8] {
        var request = VerificationRequest(token: Token(token))
        request.notBefore = position
        return RawFrame(streamID: streamID, type: 1, data: try RequestEncoder.encode(request, timeout: nil)).bytes
    }

    /// Runs a server whose cache has not applied the revocation.
    private func withServerBehind(
        _ provider: ScriptedProvider, chargeMiss: @escaping ScriptedBackend.ChargeMiss = { _, _, _ in nil },
        _ body: (RawPeer) async throws -> Void
    ) async throws {
        let someone = EncodedResponse(bytes: ResponseEncoder.encode(Identity.someone))
        var cache = ScriptedBackend.Cache()
        cache.isCaughtUp = { $0 != Self.position }
        cache.response = { $0 == Token("cached") ? someone : nil }
        cache.staleResponse = { token, _ in token == Token("stale") ? someone : nil }
        cache.isInFlight = { $0 == Token("busy") }
        cache.position = Self.position
        let backend = ScriptedBackend(provider: provider, cache: cache, chargeMiss: chargeMiss)
        try await withServer(backend: backend, beforeStop: provider.release) { _, port in
            try await body(try RawPeer.connect(port: port))
        }
    }

    private func provider() -> ScriptedProvider {
        let provider = ScriptedProvider.held()
        provider.release()
        return provider
    }

    @Test("an entry that may be older than the revocation does not answer")
    func cached() async throws {
        let provider = provider()
        try await withServerBehind(provider) { peer in
            for (streamID, position) in [(1, nil), (3, RevocationPosition(bytes: [7])), (5, Self.position)]
                as [(UInt32, RevocationPosition?)]
            {
                try await peer.send(Self.verify("cached", notBefore: position, streamID: streamID))
                #expect(try await peer.readFrame().identity == .someone)
            }
        }
        #expect(provider.verifications.requests.map(\.notBefore) == [Self.position])
    }

    @Test("a stale entry does not answer either")
    func stale() async throws {
        let provider = provider()
        try await withServerBehind(provider) { peer in
            for (streamID, position) in [(1, nil), (3, Self.position)] as [(UInt32, RevocationPosition?)] {
                try await peer.send(Self.verify("stale", notBefore: position, streamID: streamID))
                #expect(try await peer.readFrame().identity == .someone)
            }
        }
        #expect(provider.verifications.requests.map(\.notBefore) == [Self.position])
    }

    @Test("a call that cannot join a lookup in flight is charged as a cache miss")
    func inFlight() async throws {
        try await withServerBehind(provider(), chargeMiss: { _, _, _ in .seconds(1) }) { peer in
            try await peer.send(Self.verify("busy", notBefore: nil, streamID: 1))
            #expect(try await peer.readFrame().failure == .providerBusy)
            try await peer.send(Self.verify("busy", notBefore: Self.position, streamID: 3))
            #expect(try await peer.readFrame().failure == .tooManyMisses)
        }
    }

    @Test("a position above 64 bytes is malformed, and the message names the limit", arguments: [64, 65, 1000])
    func tooLong(count: Int) async throws {
        let provider = provider()
        try await withServerBehind(provider) { peer in
            let position = RevocationPosition(bytes: Array(repeating: 0, count: count))
            try await peer.send(Self.verify("cached", notBefore: position, streamID: 1))
            let response = try await peer.readFrame()
            #expect((response.failure == .malformedRequest) == (count > 64))
            if count > 64 { #expect(response.status?.message.contains("64 bytes") == true) }
        }
        #expect(provider.callCount == 0)
    }

    @Test("the response to a revocation has the backend's position")
    func revoked() async throws {
        try await withServerBehind(provider()) { peer in
            try await peer.send(Frames.revoke("cached", streamID: 1))
            #expect(try await peer.readFrame().data == ResponseEncoder.encodeRevoked(Self.position))
        }
    }
}
