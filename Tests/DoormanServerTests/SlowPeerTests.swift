import DoormanServer
import TestKit
import Testing

@Suite("Slow peers")
struct SlowPeerTests {
    @Test("a slow TLS handshake is closed after its timeout")
    func handshake() async throws {
        let (log, authority) = (LogRecorder(), try await TestAuthority())
        let tls = try ServerTLS.test(try await authority.leaf())
        // Long enough for the handshake of the other client.
        try await withServer(log: log, tls: tls, settings: { $0.handshakeTimeout = .seconds(3) }) { server, port in
            let slow = try RawPeer.connect(port: port)
            // The headers of a record and of a ClientHello of 512 bytes, whose rest would take half an hour.
            let hello: [UInt8] =
                [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03] + Array(repeating: 7, count: 501)
            async let sent = Self.trickle(hello) { try await slow.send([$0]) }
            try await eventually("the client is connected") { server.connectionCount >= 1 }
            let other = try await TLSPeer.connect(port: port, trusting: authority)
            try await other.send(Frames.verify("cached", streamID: 1))
            #expect(try await other.readFrame().identity == .someone)
            #expect(await sent < hello.count)
            try await eventually("the connection is closed") { server.connectionCount == 1 }
            try await other.send(Frames.verify("cached", streamID: 3))
            #expect(try await other.readFrame().identity == .someone)
        }
        #expect(log.lines.contains { $0.contains("tls.handshake-timeout") })
    }

    @Test("a slow frame over TLS is closed after its timeout")
    func frame() async throws {
        let (log, authority) = (LogRecorder(), try await TestAuthority())
        let tls = try ServerTLS.test(try await authority.leaf())
        try await withServer(log: log, tls: tls, settings: { $0.connection.frameTimeout = .milliseconds(500) }) { server, port in
            let slow = try await TLSPeer.connect(port: port, trusting: authority)
            let frame = try Frames.verify(String(repeating: "t", count: 900), streamID: 1)
            #expect(await Self.trickle(frame) { try await slow.send([$0]) } < frame.count)
            #expect(try await slow.readUntilEnd().isEmpty)
            try await eventually("the connection is closed") { server.connectionCount == 0 }
        }
        #expect(log.lines.contains { $0.contains("server.frame-timeout") })
    }

    /// Sends bytes one by one with pauses, until a send fails because the server has closed the connection.
    ///
    /// - Returns: The number of bytes sent.
    private static func trickle(_ bytes: [UInt8], _ send: @Sendable (UInt8) async throws -> Void) async -> Int {
        for (count, byte) in bytes.enumerated() {
            guard (try? await send(byte)) != nil else { return count }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return bytes.count
    }
}
