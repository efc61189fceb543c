import DoormanServer
import DoormanWire
import TestKit
import Testing

/// What strangers send, over real sockets, while another connection goes on being served.
@Suite("A server among strangers")
struct BadWeatherTests {
    /// Runs `body` beside a well-behaved connection that must be served before and after it.
    private func beside(_ port: Int, _ body: () async throws -> Void) async throws {
        let neighbour = try RawPeer.connect(port: port)
        try await neighbour.send(Frames.verify("remembered", streamID: 1))
        #expect(try await neighbour.readFrame().identity == .someone)
        try await body()
        try await neighbour.send(Frames.verify("remembered", streamID: 3))
        #expect(try await neighbour.readFrame().identity == .someone)
    }

    @Test(
        "ends a connection that speaks another protocol, and says in the log which",
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
        #expect(log.lines.contains { $0.contains(name) })
    }

    @Test("ends a connection that declares more than 4 MiB, allocating none of it", arguments: [0x40_0001, 0xFF_FFFF] as [UInt32])
    func tooLong(length: UInt32) async throws {
        try await withServer { _, port in
            try await beside(port) {
                let stranger = try RawPeer.connect(port: port)
                try await stranger.send((0..<4).reversed().map { UInt8(truncatingIfNeeded: length >> (8 * $0)) })
                #expect(try await stranger.readUntilEnd().isEmpty)
            }
        }
    }

    @Test("refuses a frame of 65,537 bytes and goes on serving the connection")
    func oversizedFrame() async throws {
        try await withServer { _, port in
            try await beside(port) {
                let peer = try RawPeer.connect(port: port)
                try await peer.send(RawFrame(streamID: 1, type: 1, data: Array(repeating: 0, count: 65_537)).bytes)
                let answer = try await peer.readFrame()
                #expect(answer.streamID == 1)
                #expect(answer.failure == .frameTooLong)
                try await peer.send(Frames.verify("remembered", streamID: 3))
                #expect(try await peer.readFrame().identity == .someone)
            }
        }
    }

    @Test("answers a frame without data")
    func emptyFrame() async throws {
        try await withServer { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(RawFrame(streamID: 1, type: 1, data: []).bytes)
            #expect(try await peer.readFrame().failure == .malformedRequest)
        }
    }

    @Test("closes on a peer that sends a byte now and then")
    func slowLoris() async throws {
        try await withServer(settings: { $0.connection.frameTimeout = .milliseconds(300) }) { _, port in
            try await beside(port) {
                let peer = try RawPeer.connect(port: port)
                let frame = try Frames.verify("remembered", streamID: 1)
                let closed = ContinuousClock.now.advanced(by: .seconds(20))
                var sent = 0
                // A write fails once the server's side is gone.
                while ContinuousClock.now < closed, sent < frame.count - 1 {
                    do { try await peer.send([frame[sent]]) } catch { break }
                    sent += 1
                    _ = try? await peer.isSilent(for: .milliseconds(60))
                }
                #expect(sent < frame.count - 1)
            }
        }
    }

    @Test("answers 5,000 calls that come in one write")
    func manyFramesInOneWrite() async throws {
        try await withServer { _, port in
            try await beside(port) {
                let peer = try RawPeer.connect(port: port)
                var bytes: [UInt8] = []
                for index in 0..<5000 { bytes += try Frames.verify("remembered", streamID: UInt32(index * 2 + 1)) }
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

    @Test("answers an unknown method and an unknown service with UNIMPLEMENTED")
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

    @Test("refuses an even stream id, and one that is in flight, on that stream")
    func streamIDs() async throws {
        let provider = ScriptedProvider.held()
        try await withServer(provider) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("remembered", streamID: 2))
            #expect(try await peer.readFrame().failure == .malformedRequest)
            try await peer.send(Frames.verify("new", streamID: 5))
            try await eventually("the provider is asked") { provider.asked == 1 }
            try await peer.send(Frames.verify("new", streamID: 5))
            #expect(try await peer.readFrame().failure == .malformedRequest)
            provider.release()
            let answer = try await peer.readFrame()
            #expect(answer.streamID == 5)
            #expect(answer.identity == .someone)
        }
    }

    @Test("stops reading from a client that does not read, closes it in the end, and serves the others meanwhile")
    func clientThatDoesNotRead() async throws {
        let log = LogRecorder()
        try await withServer(log: log, settings: { $0.connection.writeTimeout = .milliseconds(400) }) { _, port in
            try await beside(port) {
                let peer = try RawPeer.connect(port: port, receiveBuffer: 4096)
                var bytes: [UInt8] = []
                for index in 0..<2000 { bytes += try Frames.verify("remembered", streamID: UInt32(index * 2 + 1)) }
                // Many times what all buffers between the two hold: the server must stop taking it.
                await #expect(throws: (any Error).self) {
                    for _ in 0..<2000 { try await peer.send(bytes, within: .seconds(10)) }
                }
                try await eventually("the log says why") { log.lines.contains { $0.contains("server.write-timeout") } }
            }
        }
    }

    @Test("gives a client that closed its side and reads slowly every answer, whole")
    func slowReaderOfManyAnswers() async throws {
        try await withServer { _, port in
            let peer = try RawPeer.connect(port: port, receiveBuffer: 4096)
            var bytes: [UInt8] = []
            for index in 0..<20_000 { bytes += try Frames.verify("remembered", streamID: UInt32(index * 2 + 1)) }
            let requests = bytes
            async let sent: Void = {
                try await peer.send(requests)
                try peer.halfClose()
            }()
            var answers = 0
            while answers < 20_000 {
                #expect(try await peer.readFrame().streamID == UInt32(answers * 2 + 1))
                answers += 1
            }
            try await sent
            #expect(try await peer.readUntilEnd().isEmpty)
        }
    }

    @Test("closes connections above the limit, and takes new ones when others are gone")
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
                // As good an end as the other.
            }
            first.close()
            try await eventually("a place is free") { server.connectionCount < 2 }
            let fourth = try RawPeer.connect(port: port)
            try await fourth.send(Frames.health(streamID: 1))
            #expect(try await fourth.readFrame().servingStatus == .serving)
        }
    }
}
