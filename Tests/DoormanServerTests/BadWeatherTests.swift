import DoormanServer
import DoormanWire
import TestKit
import Testing

/// Sends malformed input over real sockets while the server keeps serving another connection.
@Suite("Resilience against misbehaving peers")
struct BadWeatherTests {
    /// Runs `body` beside a well-behaved connection that the server must serve before and after it.
    private func beside(_ port: Int, _ body: () async throws -> Void) async throws {
        let neighbour = try RawPeer.connect(port: port)
        try await neighbour.send(Frames.verify("cached", streamID: 1))
        #expect(try await neighbour.readFrame().identity == .someone)
        try await body()
        try await neighbour.send(Frames.verify("cached", streamID: 3))
        #expect(try await neighbour.readFrame().identity == .someone)
    }

    @Test(
        "the log names the protocol of a peer that the server does not speak",
        arguments: [
            (Array("GET / HTTP/1.1\r\nHost: doorman\r\n\r\n".utf8), "HTTP"), ([0x16, 0x03, 0x01, 0x02, 0x00, 0x01], "TLS"),
            (Array("SSH-2.0-OpenSSH_9.2\r\n".utf8), "SSH"), ([0xFF, 0xFF, 0xFF, 0xFF], "255"),
        ] as [([UInt8], String)])
    func otherProtocols(bytes: [UInt8], name: String) async throws {
        let log = LogRecorder()
        try await withServer(log: log) { _, port in
            try await beside(port) {
                let stranger = try RawPeer.connect(port: port)
                try await stranger.send(bytes)
                #expect(try await stranger.readUntilEnd().isEmpty)
            }
        }
        #expect(log.lines.contains { $0.contains("closed a connection") && $0.contains(name) })
    }

    @Test("a frame length above 4 MiB closes the connection", arguments: [0x40_0001, 0xFF_FFFF] as [UInt32])
    func tooLong(length: UInt32) async throws {
        try await withServer { _, port in
            try await beside(port) {
                let stranger = try RawPeer.connect(port: port)
                try await stranger.send((0..<4).reversed().map { UInt8(truncatingIfNeeded: length >> (8 * $0)) })
                #expect(try await stranger.readUntilEnd().isEmpty)
            }
        }
    }

    @Test("a connection goes on after a frame above the length limit")
    func oversizedFrame() async throws {
        try await withServer { _, port in
            try await beside(port) {
                let peer = try RawPeer.connect(port: port)
                try await peer.send(RawFrame(streamID: 1, type: 1, data: Array(repeating: 0, count: 65_537)).bytes)
                let response = try await peer.readFrame()
                #expect(response.streamID == 1)
                #expect(response.failure == .frameTooLong)
                try await peer.send(Frames.verify("cached", streamID: 3))
                #expect(try await peer.readFrame().identity == .someone)
            }
        }
    }

    @Test("a frame without data gets a failure response")
    func emptyFrame() async throws {
        try await withServer { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(RawFrame(streamID: 1, type: 1, data: []).bytes)
            #expect(try await peer.readFrame().failure == .malformedRequest)
        }
    }

    @Test("a peer that sends single bytes is closed after the frame timeout")
    func slowLoris() async throws {
        try await withServer(settings: { $0.connection.frameTimeout = .milliseconds(300) }) { _, port in
            try await beside(port) {
                let peer = try RawPeer.connect(port: port)
                let frame = try Frames.verify("cached", streamID: 1)
                let closed = ContinuousClock.now.advanced(by: .seconds(20))
                var sent = 0
                // A write fails after the server has closed its side.
                while ContinuousClock.now < closed, sent < frame.count - 1 {
                    do { try await peer.send([frame[sent]]) } catch { break }
                    sent += 1
                    _ = try? await peer.isSilent(for: .milliseconds(60))
                }
                #expect(sent < frame.count - 1)
            }
        }
    }

    @Test("5,000 calls in one write all get a response")
    func manyFramesInOneWrite() async throws {
        try await withServer { _, port in
            try await beside(port) {
                let peer = try RawPeer.connect(port: port)
                var bytes: [UInt8] = []
                for index in 0..<5000 { bytes += try Frames.verify("cached", streamID: UInt32(index * 2 + 1)) }
                try await peer.send(bytes)
                var answered: Set<UInt32> = []
                for _ in 0..<5000 {
                    let frame = try await peer.readFrame()
                    #expect(frame.identity == .someone)
                    answered.insert(frame.streamID)
                }
                #expect(answered.count == 5000)
            }
        }
    }

    @Test("an unknown method or service fails with UNIMPLEMENTED")
    func unknownMethods() async throws {
        try await withServer { _, port in
            let peer = try RawPeer.connect(port: port)
            // service "a", method "b"; then service "doorman.v1.Auth", method "Verif"
            try await peer.send(RawFrame(streamID: 1, type: 1, data: [0x0A, 1, 0x61, 0x12, 1, 0x62]).bytes)
            #expect(try await peer.readFrame().failure == .unimplemented)
            let service = Array("doorman.v1.Auth".utf8)
            try await peer.send(
                RawFrame(streamID: 3, type: 1, data: [0x0A, UInt8(service.count)] + service + [0x12, 5] + Array("Verif".utf8)).bytes
            )
            #expect(try await peer.readFrame().failure == .unimplemented)
        }
    }

    @Test("an even stream id fails on that stream")
    func evenStreamID() async throws {
        try await withServer { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("cached", streamID: 2))
            let response = try await peer.readFrame()
            #expect(response.streamID == 2)
            #expect(response.failure == .malformedRequest)
        }
    }

    @Test("a second request on a stream in flight fails without disturbing the first")
    func streamIDInFlight() async throws {
        let provider = ScriptedProvider.held()
        try await withServer(provider) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("new", streamID: 5))
            try await eventually("the provider request starts") { provider.callCount == 1 }
            try await peer.send(Frames.verify("new", streamID: 5))
            #expect(try await peer.readFrame().failure == .malformedRequest)
            provider.release()
            let response = try await peer.readFrame()
            #expect(response.streamID == 5)
            #expect(response.identity == .someone)
        }
    }

    @Test("a client that does not read is closed after the write timeout")
    func clientThatDoesNotRead() async throws {
        let log = LogRecorder()
        try await withServer(log: log, settings: { $0.connection.writeTimeout = .milliseconds(400) }) { _, port in
            try await beside(port) {
                let peer = try RawPeer.connect(port: port, receiveBuffer: 4096)
                var bytes: [UInt8] = []
                for index in 0..<2000 { bytes += try Frames.verify("cached", streamID: UInt32(index * 2 + 1)) }
                // Many times the size of all buffers in between: the server must stop reading.
                await #expect(throws: (any Error).self) {
                    for _ in 0..<2000 { try await peer.send(bytes, within: .seconds(10)) }
                }
                try await eventually("the log says why") { log.lines.contains { $0.contains("server.write-timeout") } }
            }
        }
    }

    @Test("a slow client that half-closed gets every response whole")
    func slowReaderOfManyResponses() async throws {
        try await withServer { _, port in
            let peer = try RawPeer.connect(port: port, receiveBuffer: 4096)
            var bytes: [UInt8] = []
            for index in 0..<20_000 { bytes += try Frames.verify("cached", streamID: UInt32(index * 2 + 1)) }
            let requests = bytes
            async let sent: Void = {
                try await peer.send(requests)
                try peer.halfClose()
            }()
            var responses = 0
            while responses < 20_000 {
                #expect(try await peer.readFrame().streamID == UInt32(responses * 2 + 1))
                responses += 1
            }
            try await sent
            #expect(try await peer.readUntilEnd().isEmpty)
        }
    }

    @Test("connections above the limit are closed until others end")
    func connectionLimit() async throws {
        try await withServer(settings: { $0.maximumConnections = 2 }) { server, port in
            let first = try RawPeer.connect(port: port)
            try await first.send(Frames.health(streamID: 1))
            _ = try await first.readFrame()
            let second = try RawPeer.connect(port: port)
            try await second.send(Frames.health(streamID: 1))
            _ = try await second.readFrame()
            let third = try RawPeer.connect(port: port)
            do {
                #expect(try await third.readUntilEnd().isEmpty)
            } catch RawPeer.Failure.reset {
                // A reset is as good as a close.
            }
            first.close()
            try await eventually("the limit allows a connection") { server.connectionCount < 2 }
            let fourth = try RawPeer.connect(port: port)
            try await fourth.send(Frames.health(streamID: 1))
            #expect(try await fourth.readFrame().servingStatus == .serving)
        }
    }
}
