import DoormanServer
import DoormanWire
import Glibc
import TestKit
import Testing

@Suite("TLS on the TCP port")
struct TLSTests {
    @Test("a connection uses TLS 1.3 unless the client is limited to 1.2")
    func versions() async throws {
        let authority = try await TestAuthority()
        let tls = try ServerTLS.test(try await authority.leaf())
        try await withServer(tls: tls) { _, port in
            let modern = try await TLSPeer.connect(port: port, trusting: authority)
            #expect(modern.version == .tlsv13)
            let old = try await TLSPeer.connect(port: port, trusting: authority, maximumVersion: .tlsv12)
            #expect(old.version == .tlsv12)
            for peer in [modern, old] {
                try await peer.send(Frames.verify("cached", streamID: 1))
                #expect(try await peer.readFrame().identity == .someone)
                try await peer.send(Frames.listAccounts(streamID: 3))
                #expect(try await peer.readFrame().status?.message.contains("ip:127.0.0.1") == true)
            }
        }
    }

    @Test("large output leaves early while more frames of a record wait")
    func earlyWrites() async throws {
        let authority = try await TestAuthority()
        let tls = try ServerTLS.test(try await authority.leaf())
        try await withServer(tls: tls) { _, port in
            let peer = try await TLSPeer.connect(port: port, trusting: authority)
            try await peer.send(Frames.verify("cached", streamID: 1))
            #expect(try await peer.readFrame().identity == .someone)
            _ = peer.takeRecordLengths()
            let ids = (1...200).map { UInt32($0 * 2 + 1) }
            let requests = try ids.flatMap { try Frames.verify("cached", streamID: $0) }
            try #require(requests.count <= 16_384, "they fit into a record")
            try await peer.send(requests)
            var responses = 0
            for id in ids {
                let frame = try await peer.readFrame()
                #expect(frame.streamID == id)
                responses += 10 + frame.data.count
            }
            let records = peer.takeRecordLengths()
            #expect(records.count >= responses / 4500 && responses > 9000, "\(responses) bytes in \(records)")
            #expect(records.allSatisfy { $0 < 4096 + 400 }, "\(records)")
        }
    }

    @Test("responses over TLS keep their order when the peer reads slowly")
    func slowReader() async throws {
        let authority = try await TestAuthority()
        let tls = try ServerTLS.test(try await authority.leaf())
        try await withServer(tls: tls) { _, port in
            let listener = try #require(SocketOptions.descriptor(port: port, isListening: true))
            #expect(SocketOptions.set(listener, SOL_SOCKET, SO_SNDBUF, 1))
            let peer = try await TLSPeer.connect(port: port, trusting: authority)
            let ids = (0..<2000).map { UInt32($0 * 2 + 1) }
            try await peer.send(try ids.flatMap { try Frames.verify("cached", streamID: $0) })
            for id in ids { #expect(try await peer.readFrame().streamID == id) }
        }
    }

    @Test(
        "an old protocol version or a weak cipher fails the handshake",
        arguments: [
            (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], "UNSUPPORTED_PROTOCOL"),
            (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384"], "NO_SHARED_CIPHER"),
        ])
    func outdated(options: [String], reason: String) async throws {
        let authority = try await TestAuthority()
        let log = LogRecorder()
        let tls = try ServerTLS.test(try await authority.leaf())
        try await withServer(log: log, tls: tls) { server, port in
            let client = try ChildProcess("openssl", ["s_client", "-connect", "127.0.0.1:\(port)"] + options)
            #expect(try await client.ending() != 0)
            try await eventually("the closed connection is counted") { await server.closed("tls_handshake_failed") == 1 }
        }
        #expect(log.lines.contains { $0.hasPrefix("notice") && $0.contains(reason) && !$0.contains(".cc") }, "\(log.lines)")
    }

    @Test("a client that renegotiates is closed")
    func renegotiation() async throws {
        let authority = try await TestAuthority()
        let log = LogRecorder()
        let tls = try ServerTLS.test(try await authority.leaf())
        try await withServer(log: log, tls: tls) { server, port in
            // A line with only R makes openssl renegotiate.
            let client = try ChildProcess(
                "openssl", ["s_client", "-tls1_2", "-connect", "127.0.0.1:\(port)"], input: "R\n")
            #expect(try await client.ending() != 0)
            #expect(client.errorOutput.contains("RENEGOTIATING"))
            try await eventually("the log says why") { log.lines.contains { $0.contains("NO_RENEGOTIATION") } }
            try await eventually("the connection is closed") { server.connectionCount == 0 }
        }
    }

    @Test("a handshake that never ends is closed after its timeout")
    func slowHandshake() async throws {
        let authority = try await TestAuthority()
        let log = LogRecorder()
        let tls = try ServerTLS.test(try await authority.leaf())
        try await withServer(
            log: log, tls: tls, settings: { $0.handshakeTimeout = .milliseconds(300) }
        ) { server, port in
            let silent = try RawPeer.connect(port: port)
            let halting = try RawPeer.connect(port: port)
            // The headers of a record and of a ClientHello of 512 bytes that never comes.
            try await halting.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03])
            for peer in [silent, halting] { _ = try? await peer.readUntilEnd() }
            try await eventually("both are counted") { await server.closed("tls_handshake_timeout") == 2 }
            try await eventually("both connections are closed") { server.connectionCount == 0 }
        }
        #expect(log.lines.contains { $0.hasPrefix("notice") && $0.contains("tls.handshake-timeout") })
    }

    @Test(
        "the log tells what a peer without TLS sent",
        arguments: [
            (Array("GET / HTTP/1.1\r\n\r\n".utf8), "not_tls", "HTTP"),
            (
                [0, 0, 0, 0x21, 0, 0, 0, 1, 1, 0] + [UInt8](repeating: 0x0A, count: 33), "not_tls",
                "does the client connect without TLS?"
            ),
            ([0x16, 0x03, 0x01, 0x00, 0x05, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], "tls_handshake_failed", "TLS handshake failed"),
        ] as [([UInt8], String, String)])
    func garbage(bytes: [UInt8], why: String, words: String) async throws {
        let authority = try await TestAuthority()
        let log = LogRecorder()
        let tls = try ServerTLS.test(try await authority.leaf())
        try await withServer(log: log, tls: tls) { server, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(bytes)
            _ = try? await peer.readUntilEnd()
            try await eventually("the closed connection is counted") { await server.closed(why) == 1 }
            try await eventually("the connection is closed") { server.connectionCount == 0 }
        }
        #expect(log.lines.filter { $0.hasPrefix("notice") && $0.contains(words) }.count == 1, "\(log.lines)")
    }

    @Test("a port scan is counted without a notice in the log")
    func portScan() async throws {
        let authority = try await TestAuthority()
        let log = LogRecorder()
        let tls = try ServerTLS.test(try await authority.leaf())
        try await withServer(log: log, tls: tls) { server, port in
            try RawPeer.connect(port: port).close()
            try RawPeer.connect(port: port).reset()
            try await eventually("both closed connections are counted") { await server.closed("tls_handshake_ended") == 2 }
            try await eventually("both connections are closed") { server.connectionCount == 0 }
        }
        #expect(!log.lines.contains { $0.hasPrefix("notice") })
    }

    @Test("the log names TLS on a plain port")
    func tlsOnPlainPort() async throws {
        let log = LogRecorder()
        let authority = try await TestAuthority()
        try await withServer(log: log) { _, port in
            await #expect(throws: (any Error).self) { _ = try await TLSPeer.connect(port: port, trusting: authority) }
            try await eventually("the log names TLS") { log.lines.contains { $0.contains("TLS on a port without TLS") } }
        }
    }

    @Test("a client that half-closed TLS gets all its responses")
    func halfClose() async throws {
        let authority = try await TestAuthority()
        let provider = ScriptedProvider.held()
        let tls = try ServerTLS.test(try await authority.leaf())
        try await withServer(provider, tls: tls) { server, port in
            let peer = try await TLSPeer.connect(port: port, trusting: authority)
            try await peer.send(Frames.verify("new", streamID: 1))
            try await peer.halfClose()
            try await eventually("the provider request starts") { provider.callCount == 1 }
            provider.release()
            #expect(try await peer.readFrame().identity == .someone)
            #expect(try await peer.readUntilEnd().isEmpty)
            try await eventually("the connection is closed") { server.connectionCount == 0 }
        }
    }

    @Test("a drain ends a TLS connection with close_notify")
    func drain() async throws {
        let authority = try await TestAuthority()
        let provider = ScriptedProvider.held()
        let tls = try ServerTLS.test(try await authority.leaf())
        try await withServer(provider, tls: tls) { server, port in
            let peer = try await TLSPeer.connect(port: port, trusting: authority)
            try await peer.send(Frames.verify("new", streamID: 1))
            try await eventually("the provider request starts") { provider.callCount == 1 }
            async let drained: Void = server.drain()
            try await eventually("new calls get DRAINING") {
                try await peer.send(Frames.verify("cached", streamID: 3))
                return try await peer.readFrame().failure == .draining
            }
            provider.release()
            #expect(try await peer.readFrame().identity == .someone)
            #expect(try await peer.readUntilEnd().isEmpty)
            #expect(peer.error == nil)
            await peer.close()
            await drained
            #expect(server.connectionCount == 0)
        }
    }

    @Test("the responses to one read leave in one TLS record if they are small")
    func oneWrite() async throws {
        let authority = try await TestAuthority()
        let tls = try ServerTLS.test(try await authority.leaf())
        try await withServer(tls: tls) { _, port in
            let calls = try (0..<30).flatMap { try Frames.verify("cached", streamID: UInt32(2 * $0 + 1)) }
            let client = try ChildProcess(
                "openssl", ["s_client", "-tls1_2", "-quiet", "-msg", "-connect", "127.0.0.1:\(port)"],
                input: String(decoding: calls, as: UTF8.self))
            func records() -> Int { client.output.matches(of: /<<< TLS 1.2, RecordHeader[^\n]*\n +17 03 03/).count }
            try await eventually("responses arrive") { records() > 0 }
            #expect(client.output.matches(of: />>> TLS 1.2, RecordHeader[^\n]*\n +17 03 03/).count == 1)
            #expect(records() == 1)
        }
    }
}
