import DoormanServer
import DoormanWire
import NIOConcurrencyHelpers
import TestKit
import Testing

@Suite("A caller's share of what memory can't answer")
struct CallerMissTests {
    @Test("is taken by misses alone, and once it is used up they are refused at once, with when to come back; hits go on")
    func usedUp() async throws {
        let provider = ScriptedProvider.held()
        provider.release()
        let taken = NIOLockedValueBox<[String]>([])
        try await withServer(
            provider,
            backend: {
                ScriptedBackend(
                    $0,
                    chargeMiss: { caller, _, _ in
                        taken.withLockedValue { taken in
                            taken.append(caller.name)
                            return taken.count > 2 ? .milliseconds(1500) : nil
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
                let refusal = try await peer.readFrame()
                #expect(refusal.failure == .tooManyMisses)
                #expect(refusal.status?.retryAfter == .milliseconds(1500))
                #expect(refusal.status?.message.contains("authorization.misses-per-second") == true)
            }
            try await peer.send(Frames.verify("remembered", streamID: 7))
            #expect(try await peer.readFrame().identity == .someone)
            try await peer.send(Frames.health(streamID: 9))
            #expect(try await peer.readFrame().failure == nil)
            #expect(await server.failures(.tooManyMisses) == 2)
        }
        #expect(taken.withLockedValue { $0 } == Array(repeating: "ip:127.0.0.1", count: 4))
        #expect(provider.asked == 2)
    }

    @Test("is not touched by a call that joins a question, nor by one that what memory has past its time will do for")
    func joinersAndStale() async throws {
        let provider = ScriptedProvider.held()
        provider.release()
        let taken = NIOLockedValueBox(0)
        try await withServer(
            provider,
            backend: {
                ScriptedBackend(
                    $0,
                    chargeMiss: { _, _, _ in
                        taken.withLockedValue { $0 += 1 }
                        return .seconds(1)
                    })
            }
        ) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("busy", streamID: 1))
            #expect(try await peer.readFrame().failure == .providerBusy)
            #expect(taken.withLockedValue { $0 } == 0)
            try await peer.send(Frames.verify("outdated", streamID: 3))
            #expect(try await peer.readFrame().identity == .someone)
            #expect(taken.withLockedValue { $0 } == 0)
            try await peer.send(Frames.verify("recovering", streamID: 5))
            #expect(try await peer.readFrame().identity == .someone)
            #expect(taken.withLockedValue { $0 } == 1)
        }
        #expect(provider.asked == 1)
    }

    @Test("is not touched by what can't be a token, which is refused on the spot")
    func malformed() async throws {
        let provider = ScriptedProvider.held()
        let taken = NIOLockedValueBox(0)
        try await withServer(
            provider,
            backend: {
                ScriptedBackend(
                    $0,
                    chargeMiss: { _, _, _ in
                        taken.withLockedValue { $0 += 1 }
                        return nil
                    })
            }
        ) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("malformed", streamID: 1))
            #expect(try await peer.readFrame().failure == .malformedToken)
        }
        #expect(taken.withLockedValue { $0 } == 0)
        #expect(provider.asked == 0)
    }
}
