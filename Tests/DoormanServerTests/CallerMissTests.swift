import DoormanServer
import DoormanWire
import NIOConcurrencyHelpers
import TestKit
import Testing

@Suite("A caller's rate limit for cache misses")
struct CallerMissTests {
    @Test("a cache miss above the limit fails at once with the time until the next permit")
    func usedUp() async throws {
        let provider = ScriptedProvider.held()
        provider.release()
        let charged = NIOLockedValueBox<[String]>([])
        try await withServer(
            provider,
            backend: {
                ScriptedBackend(
                    $0,
                    chargeMiss: { caller, _, _ in
                        charged.withLockedValue { charged in
                            charged.append(caller.name)
                            return charged.count > 2 ? .milliseconds(1500) : nil
                        }
                    })
            }
        ) { server, port in
            let peer = try RawPeer.connect(port: port)
            for streamID in [1, 3] as [UInt32] {
                try await peer.send(Frames.verify("unknown", streamID: streamID))
                #expect(try await peer.readFrame().identity == .someone)
            }
            for bytes in [try Frames.verify("unknown", streamID: 5), try Frames.revoke("unknown", streamID: 5)] {
                try await peer.send(bytes)
                let response = try await peer.readFrame()
                #expect(response.failure == .tooManyMisses)
                #expect(response.status?.retryAfter == .milliseconds(1500))
                #expect(response.status?.message.contains("authorization.misses-per-second") == true)
            }
            try await peer.send(Frames.verify("cached", streamID: 7))
            #expect(try await peer.readFrame().identity == .someone)
            try await peer.send(Frames.health(streamID: 9))
            #expect(try await peer.readFrame().failure == nil)
            #expect(await server.failures(.tooManyMisses) == 2)
        }
        #expect(charged.withLockedValue { $0 } == Array(repeating: "ip:127.0.0.1", count: 4))
        #expect(provider.callCount == 2)
    }

    @Test("a call that joins a lookup or gets a stale entry is not charged")
    func joinersAndStale() async throws {
        let provider = ScriptedProvider.held()
        provider.release()
        let charged = NIOLockedValueBox(0)
        try await withServer(
            provider,
            backend: {
                ScriptedBackend(
                    $0,
                    chargeMiss: { _, _, _ in
                        charged.withLockedValue { $0 += 1 }
                        return .seconds(1)
                    })
            }
        ) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("busy", streamID: 1))
            #expect(try await peer.readFrame().failure == .providerBusy)
            #expect(charged.withLockedValue { $0 } == 0)
            try await peer.send(Frames.verify("stale", streamID: 3))
            #expect(try await peer.readFrame().identity == .someone)
            #expect(charged.withLockedValue { $0 } == 0)
            try await peer.send(Frames.verify("recovering", streamID: 5))
            #expect(try await peer.readFrame().identity == .someone)
            #expect(charged.withLockedValue { $0 } == 1)
        }
        #expect(provider.callCount == 1)
    }

    @Test("a malformed token is not charged")
    func malformed() async throws {
        let provider = ScriptedProvider.held()
        let charged = NIOLockedValueBox(0)
        try await withServer(
            provider,
            backend: {
                ScriptedBackend(
                    $0,
                    chargeMiss: { _, _, _ in
                        charged.withLockedValue { $0 += 1 }
                        return nil
                    })
            }
        ) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("malformed", streamID: 1))
            #expect(try await peer.readFrame().failure == .malformedToken)
        }
        #expect(charged.withLockedValue { $0 } == 0)
        #expect(provider.callCount == 0)
    }
}
