import DoormanServer
import TestKit
import Testing

@Suite("Reset storms")
struct ResetStormTests {
    @Test("connections that reset at any moment leave no connection or work behind")
    func storm() async throws {
        let provider = ScriptedProvider.held()
        try await withServer(provider) { server, port in
            let frame = try Frames.verify("cached", streamID: 1)
            var misses = 0
            for round in 0..<(TestSize.isFull ? 20_000 : 400) {
                let peer = try RawPeer.connect(port: port)
                switch round % 4 {
                case 0:
                    // In the middle of a frame.
                    try await peer.send(Array(frame.prefix(round % (frame.count - 1) + 1)))
                case 1:
                    // In the middle of responses that the client does not read.
                    let many = try (0..<200).flatMap { try Frames.verify("cached", streamID: UInt32($0 * 2 + 1)) }
                    try await peer.send(many)
                    if round % 8 == 1 { _ = try await peer.readFrame() }
                case 2:
                    // While a provider request is in flight.
                    try await peer.send(Frames.verify("new", streamID: 1))
                    misses += 1
                    try await eventually("the provider request starts") { provider.callCount == misses }
                default:
                    // Before the first byte.
                    break
                }
                try peer.reset()
            }
            let survivor = try RawPeer.connect(port: port)
            try await survivor.send(frame)
            #expect(try await survivor.readFrame().identity == .someone)
            try await eventually("one connection is left") { server.connectionCount == 1 }
            try await eventually("the work for closed connections is cancelled") { provider.cancelledCount == misses }
            survivor.close()
            try await eventually("no connection is left") { server.connectionCount == 0 }
        }
    }
}
