import DoormanCore
import DoormanServer
import TestKit
import Testing

/// Requests about whose end or meaning two servers could differ (request smuggling), and requests beyond the limits.
@Suite("Violations of HTTP/1.1")
struct HTTP1ViolationTests {
    private static let auth = "Authorization: Bearer cached\r\n"

    /// Sends a valid request, and then this text. Expects one more response, which ends the connection.
    private func expectEnd(_ text: String, status: Int, reason: String) async throws {
        try await withHTTPServer(settings: { $0.connection.maximumFrameLength = 4096 }) { server, port in
            let peer = try RawPeer.connect(port: port)
            try? await peer.send(HTTP1ConnectionTests.hit + text)
            #expect(try await peer.readResponse().status == 200)
            let response = try await peer.readResponse()
            #expect(response.status == status && response.headers["connection"] == "close")
            #expect(try await peer.readUntilEnd().isEmpty, "what follows is never taken for a request")
            peer.close()
            try await eventually("the connection ends") { await server.closed(reason) == 1 }
        }
    }

    static let malformed: [String] = [
        // Two lengths, or two ways to find the end.
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5, 5\r\n\r\nhello",
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: +5\r\n\r\nhello",
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\nhello",
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x5\r\n\r\nhello",
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST /v1/verify HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        // Chunks.
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "ffffffffffffffffff\r\n",
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        // Lines.
        "GET /auth HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
        "GET /auth HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        "GET /auth HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        "GET /auth HTTP/1.1\r\nHost: a\r\nX: \u{1}\r\n\r\n",
        "GET /auth HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n",
        "GET /auth HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
        "GET /auth HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        "GET /auth\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /auth HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET /auth HTTP/1.1x\r\nHost: a\r\n\r\n",
        "GET /auth\r\n\r\n",
        "get /auth HTTP/1.1\r\nHost: a\r\n\r\n",
        "\u{16}\u{3}\u{1}\r\n\r\n",
        "GET /auth HTTP/1.1\nHost: a\n\n",
        "GET /auth HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
        "GET /auth HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n",
        "GET /auth HTTP/1.1\r\nHost: a\r\nX\u{b}: a\r\n\r\n",
        "GET\t/auth HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /auth HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\r\n",
        // Hosts.
        "GET /auth HTTP/1.1\r\n\(auth)\r\n",
        "GET /auth HTTP/1.1\r\nHost: a\r\nHost: b\r\n\(auth)\r\n",
    ]

    @Test("a request that violates HTTP gets 400, and nothing behind it is read", arguments: malformed)
    func violation(text: String) async throws {
        try await expectEnd(text + HTTP1ConnectionTests.hit, status: 400, reason: "http_malformed")
    }

    @Test("what a peer sends after a malformed chunk is in no log, and gets 400")
    func bytesAfterViolation() async throws {
        let log = LogRecorder()
        try await withHTTPServer(log: log) { server, port in
            for _ in 0..<40 {
                let peer = try RawPeer.connect(port: port)
                try? await peer.send(
                    "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\n"
                )
                for _ in 0..<3 { try? await peer.send("token=planted-secret") }
                #expect(try await peer.readResponse().status == 400)
                peer.close()
            }
            try await eventually("the connections end") { await server.closed("http_malformed") == 40 }
            let hexadecimal = "planted".utf8.map { String($0, radix: 16) }.joined()
            #expect(!log.lines.contains { $0.contains("planted") || $0.contains(hexadecimal) })
        }
    }

    @Test(
        "headers beyond 32 KiB get 431",
        arguments: [
            "GET /auth HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "x", count: 33 << 10) + "\r\n\r\n",
            "GET /" + String(repeating: "x", count: 33 << 10) + " HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /auth HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X: " + String(repeating: "x", count: 1000) + "\r\n", count: 33)
                + "\r\n",
            "GET /auth HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X:\r\n", count: 200) + "\r\n",
            "GET /auth HTTP/1.1\r\nHost: a\r\n" + String(repeating: "x", count: 33 << 10) + ": a\r\n\r\n",
        ])
    func headTooLong(text: String) async throws {
        try await expectEnd(text, status: 431, reason: "http_head_too_long")
    }

    @Test("a token of 16 KiB fits")
    func longToken() async throws {
        try await withHTTPServer { _, port in
            let peer = try RawPeer.connect(port: port)
            let token = String(repeating: "a", count: 16 << 10)
            for _ in 0..<2 {
                try await peer.send("GET /auth HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(token)\r\n\r\n")
                #expect(try await peer.readResponse().status == 200)
            }
        }
    }

    @Test(
        "a body beyond server.max-frame-length gets 413",
        arguments: [
            "Content-Length: 4097\r\n\r\n", "Content-Length: 4097\r\n\r\n" + String(repeating: "x", count: 4097),
            "Transfer-Encoding: chunked\r\n\r\n1001\r\n" + String(repeating: "x", count: 4097) + "\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n" + String(repeating: "1\r\nx\r\n", count: 4097),
        ])
    func bodyTooLong(text: String) async throws {
        try await expectEnd(
            "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + text, status: 413,
            reason: "http_body_too_long")
    }

    @Test("a body of server.max-frame-length is read")
    func longestBody() async throws {
        try await withHTTPServer(settings: { $0.connection.maximumFrameLength = 4096 }) { _, port in
            let peer = try RawPeer.connect(port: port)
            let body = #"{"token":"cached""# + String(repeating: " ", count: 4096 - 18) + "}"
            try await peer.send(HTTP1ConnectionTests.post(body))
            #expect(try await peer.readResponse().status == 200)
        }
    }

    @Test("the peer's end within a request is no violation")
    func end() async throws {
        try await withHTTPServer { server, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(HTTP1ConnectionTests.hit + "GET /auth HTT")
            #expect(try await peer.readResponse().status == 200)
            try peer.halfClose()
            #expect(try await peer.readUntilEnd().isEmpty)
            try await eventually("the connection ends") { await server.closed("peer_closed") == 1 }
        }
    }
}
