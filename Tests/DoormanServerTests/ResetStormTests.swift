import DoormanServer
import TestKit
import Testing

@Suite("A storm of resets")
struct ResetStormTests {
    @Test("at any moment leaves neither connections nor work behind, and others are served")
    func storm() async throws {
        let provider = ScriptedProvider.held()
        try await withServer(provider) { server, port in
            let frame = try Frames.verify("remembered", streamID: 1)
            var misses = 0
            for round in 0..<(TestSize.isFull ? 20_000 : 400) {
                let peer = try RawPeer.connect(port: port)
                switch round % 4 {
                case 0:
                    // In the middle of a frame.
                    try await peer.send(Array(frame.prefix(round % (frame.count - 1) + 1)))
                case 1:
                    // In the middle of answers, which nobody reads.
                    let many = try (0..<200).flatMap { try Frames.verify("remembered", streamID: UInt32($0 * 2 + 1)) }
                    try await peer.send(many)
                    if round % 8 == 1 { _ = try await peer.readFrame() }
                case 2:
                    // While the provider is being asked.
                    try await peer.send(Frames.verify("new", streamID: 1))
                    misses += 1
                    try await eventually("the provider is asked") { provider.asked == misses }
                default:
                    // Before a word.
                    break
                }
                try peer.reset()
            }
            let survivor = try RawPeer.connect(port: port)
            try await survivor.send(frame)
            #expect(try await survivor.readFrame().identity == .someone)
            try await eventually("only one is left") { server.connectionCount == 1 }
            try await eventually("work for those who are gone has ended") { provider.cancelled == misses }
            survivor.close()
            try await eventually("none is left") { server.connectionCount == 0 }
        }
    }
}
