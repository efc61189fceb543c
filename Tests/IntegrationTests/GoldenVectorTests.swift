import DoormanWire
import TestKit
import Testing

@testable import DoormanDaemon

/// Sends the malformed vectors to a running server, as a client in another language would.
@Suite("Golden vectors over a socket")
struct GoldenVectorTests {
    @Test(
        "each malformed vector has the effect that its file states",
        arguments: try GoldenVector.all(.malformed))
    func malformed(vector: GoldenVector) async throws {
        let health = try GoldenVector.named("request-health-server")
        // The vectors are those of ttrpc. A server with further protocols answers HTTP.
        try await Stack.run(settings: { $0.server.protocols = [.ttrpc] }) { stack in
            let neighbour = try RawPeer.connect(port: stack.port)
            let peer = try RawPeer.connect(port: stack.port)
            try await peer.send(vector.bytes)
            switch try #require(vector.expectation) {
            case .close:
                #expect(try await peer.readUntilEnd().isEmpty)
            case .skip:
                try await peer.send(health.bytes)
                let response = try await peer.readFrame()
                #expect(response.type == 2)
            case .answer(let code, let reason):
                let response = try await peer.readFrame()
                guard case .failure(let status) = ResponseDecoder.identity(response.data.span, in: MessageArena()) else {
                    Issue.record("not a failure")
                    return
                }
                #expect(status.code.description == code)
                #expect(status.reason == reason)
            }
            try await neighbour.send(health.bytes)
            let response = try await neighbour.readFrame()
            #expect(response.type == 2)
        }
    }
}
