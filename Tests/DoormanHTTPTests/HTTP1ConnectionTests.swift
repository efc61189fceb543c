import DoormanCore
import DoormanHTTP
import DoormanServer
import DoormanSupport
import TestKit
import Testing

@Suite("HTTP/1.1 connections")
struct HTTP1ConnectionTests {
    static let hit = "GET /auth HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer cached\r\n\r\n"
    static let miss = "GET /auth HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer miss\r\n\r\n"

    static func post(_ body: String, target: String = "/v1/verify", _ headers: String = "") -> String {
        "POST \(target) HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    @Test("a connection serves one request after the other")
    func keepAlive() async throws {
        try await withHTTPServer { server, port in
            let peer = try RawPeer.connect(port: port)
            for request in [Self.hit, Self.miss, Self.post(#"{"token":"cached"}"#), Self.post(#"{"token":"miss"}"#), Self.hit] {
                try await peer.send(request)
                let response = try await peer.readResponse()
                #expect(response.status == 200 && response.headers["cache-control"] == "no-store")
                #expect(response.headers["connection"] == nil)
                if request == Self.hit { #expect(response.headers["content-length"] == "0") }
                if request == Self.hit { #expect(response.headers["x-doorman-freshness"] == "cached") }
                if request == Self.miss { #expect(response.headers["x-doorman-freshness"] == "fresh") }
            }
            #expect(server.connectionCount == 1)
        }
    }

    @Test("pipelined requests are answered in their order, also behind a call")
    func pipelining() async throws {
        let provider = ScriptedProvider.byToken()
        provider.hold()
        try await withHTTPServer(provider) { _, port in
            let peer = try RawPeer.connect(port: port)
            let requests = Self.hit + Self.miss + Self.hit + Self.post(#"{"token":"rejected"}"#) + Self.hit
            try await peer.send(requests)
            #expect(try await peer.readResponse().headers["x-doorman-freshness"] == "cached")
            #expect(try await peer.isSilent(for: .milliseconds(50)))
            try await eventually("the call begins") { provider.verifications.count == 1 }
            provider.release()
            var statuses: [Int] = []
            for _ in 0..<4 { statuses.append(try await peer.readResponse().status) }
            #expect(statuses == [200, 200, 401, 200])
        }
    }

    @Test("many pipelined requests get their responses")
    func manyPipelined() async throws {
        try await withHTTPServer { _, port in
            let peer = try RawPeer.connect(port: port)
            // The server takes the last requests when this slow reader has the first responses.
            async let sent: Void = peer.send(Array(String(repeating: Self.hit, count: 3000).utf8), within: .seconds(100))
            for _ in 0..<3000 { #expect(try await peer.readResponse().status == 200) }
            try await sent
        }
    }

    @Test("a request may arrive in any two parts")
    func split() async throws {
        try await withHTTPServer { _, port in
            let peer = try RawPeer.connect(port: port)
            for request in [Self.hit, Self.post(#"{"token":"cached"}"#)] {
                let bytes = Array(request.utf8)
                for position in 1..<bytes.count {
                    try await peer.send(Array(bytes[..<position]))
                    if position % 7 == 0 { try await Task.sleep(for: .milliseconds(1)) }
                    try await peer.send(Array(bytes[position...]))
                    #expect(try await peer.readResponse().status == 200)
                }
            }
        }
    }

    @Test("a body in chunks is taken")
    func chunks() async throws {
        try await withHTTPServer { _, port in
            let peer = try RawPeer.connect(port: port)
            let head =
                "POST /v1/verify HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            let body = "5\r\n{\"tok\r\nd\r\nen\":\"cached\"}\r\n0\r\nTrailer: x\r\n\r\n"
            try await peer.send(head + body + Self.hit)
            #expect(try await peer.readResponse().body.contains("accountId"))
            #expect(try await peer.readResponse().status == 200)
        }
    }

    @Test(
        "the client decides when a connection ends",
        arguments: [
            ("GET /auth HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer cached\r\n\r\n", "close"),
            ("GET /auth HTTP/1.0\r\nAuthorization: Bearer cached\r\n\r\n", "close"),
            (
                "GET /auth HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: Bearer cached\r\n\r\n",
                "close"
            ),
        ])
    func close(request: String, connection: String) async throws {
        try await withHTTPServer { server, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(request + Self.hit)
            let response = try await peer.readResponse()
            #expect(response.status == 200 && response.headers["connection"] == connection)
            #expect(try await peer.readUntilEnd().isEmpty)
            peer.close()
            try await eventually("the connection ends") { await server.closed("finished") == 1 }
        }
    }

    @Test("HTTP/1.0 with keep-alive is kept open")
    func http10() async throws {
        try await withHTTPServer { _, port in
            let peer = try RawPeer.connect(port: port)
            for _ in 0..<2 {
                try await peer.send("GET /auth HTTP/1.0\r\nConnection: keep-alive\r\nAuthorization: Bearer cached\r\n\r\n")
                let response = try await peer.readResponse()
                #expect(response.status == 200 && response.headers["connection"] == "keep-alive")
            }
        }
    }

    @Test("HEAD gets no body")
    func head() async throws {
        try await withHTTPServer { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send("HEAD /auth HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer cached\r\n\r\n")
            #expect(try await peer.readResponse(hasBody: false).status == 200)
            try await peer.send("HEAD /v1/verify HTTP/1.1\r\nHost: localhost\r\n\r\n" + Self.hit)
            let response = try await peer.readResponse(hasBody: false)
            #expect(response.status == 405 && response.headers["allow"] == "POST")
            #expect(try await peer.readResponse().status == 200)
        }
    }

    @Test(
        "forward auth answers before an announced body, and ends the connection",
        arguments: [
            "Content-Length: 1000000", "Transfer-Encoding: chunked", "Content-Length: 5\r\nExpect: 100-continue",
        ])
    func announcedBody(header: String) async throws {
        try await withHTTPServer { server, port in
            for token in ["cached", "miss"] {
                let peer = try RawPeer.connect(port: port)
                try await peer.send("POST /auth HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(token)\r\n\(header)\r\n\r\n")
                let response = try await peer.readResponse()
                #expect(response.status == 200 && response.headers["connection"] == "close")
                #expect(try await peer.readUntilEnd().isEmpty)
            }
        }
    }

    @Test("a client that still sends its body reads the response")
    func lingering() async throws {
        try await withHTTPServer { server, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(
                "POST /auth HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer cached\r\nContent-Length: 300000\r\n\r\n"
                    + String(repeating: "x", count: 300_000))
            #expect(try await peer.readResponse().status == 200)
            #expect(try await peer.readUntilEnd().isEmpty)
            peer.close()
            try await eventually("the connection ends") { await server.closed("finished") == 1 }
        }
    }

    @Test("a client that does not close its half is closed after a while")
    func lingerEnds() async throws {
        try await withHTTPServer { server, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send("GET /auth HTTP/1.0\r\nAuthorization: Bearer cached\r\n\r\n")
            #expect(try await peer.readResponse().status == 200)
            #expect(try await peer.readUntilEnd().isEmpty)
            // It is counted a moment before it is removed.
            try await eventually("the connection is removed") { server.connectionCount == 0 }
            #expect(await server.closed("finished") == 1)
        }
    }

    @Test("on a Unix socket, which no browser reaches, the host does not matter")
    func unixSocket() async throws {
        let path = "/tmp/doorman-http-\(UInt64.random(in: 0...UInt64.max))"
        try await withHTTPServer(settings: { $0.unixSocketPath = path }) { _, _ in
            let peer = try RawPeer.connect(unixPath: path)
            try await peer.send(Self.post(#"{"token":"cached"}"#).replacing("Host: localhost", with: "Host: doorman"))
            #expect(try await peer.readResponse().status == 200)
        }
    }

    @Test("a client that waits for 100 Continue gets it")
    func expectContinue() async throws {
        try await withHTTPServer { _, port in
            let peer = try RawPeer.connect(port: port)
            let request = Self.post(#"{"token":"cached"}"#, "Expect: 100-continue\r\n")
            let head = request.utf8.count - #"{"token":"cached"}"#.utf8.count
            try await peer.send(Array(request.utf8.prefix(head)))
            #expect(try await peer.read(exactly: 25) == Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
            try await peer.send(#"{"token":"cached"}"#)
            #expect(try await peer.readResponse().status == 200)
        }
    }

    @Test("a client that closes its half gets the response of its call")
    func halfClose() async throws {
        let provider = ScriptedProvider.byToken()
        provider.hold()
        try await withHTTPServer(provider) { server, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Self.hit + Self.miss + Self.hit)
            try peer.halfClose()
            try await eventually("the call begins") { provider.verifications.count == 1 }
            provider.release()
            for _ in 0..<3 { #expect(try await peer.readResponse().status == 200) }
            #expect(try await peer.readUntilEnd().isEmpty)
        }
    }

    @Test("a call that exceeds its deadline gets 503, and the connection goes on")
    func deadline() async throws {
        let provider = ScriptedProvider.byToken()
        provider.hold()
        try await withHTTPServer(provider, settings: { $0.connection.defaultCallTimeout = .milliseconds(50) }) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Self.miss + Self.hit)
            let response = try await peer.readResponse()
            #expect(response.status == 503 && response.headers["retry-after"] == "1")
            #expect(try await peer.readResponse().status == 200)
        }
    }

    @Test("a draining server answers, and says that the connection ends")
    func drain() async throws {
        let provider = ScriptedProvider.byToken()
        provider.hold()
        try await withHTTPServer(provider, settings: { $0.connection.drainQuietPeriod = .seconds(5) }) { server, port in
            let (waiting, idle) = (try RawPeer.connect(port: port), try RawPeer.connect(port: port))
            try await waiting.send(Self.miss)
            try await idle.send(Self.hit)
            #expect(try await idle.readResponse().status == 200)
            try await eventually("the call begins") { provider.verifications.count == 1 }
            async let drained: Void = server.drain()
            try await eventually("a response says that the connection ends") {
                try await idle.send(Self.hit)
                let response = try await idle.readResponse()
                #expect(response.status == 200)
                return response.headers["connection"] == "close"
            }
            #expect(try await idle.readUntilEnd().isEmpty)
            provider.release()
            let response = try await waiting.readResponse()
            #expect(response.status == 200 && response.headers["connection"] == "close")
            #expect(try await waiting.readUntilEnd().isEmpty)
            waiting.close()
            idle.close()
            await drained
        }
    }

    @Test("an idle connection of a draining server is closed")
    func drainIdle() async throws {
        try await withHTTPServer { server, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Self.hit)
            #expect(try await peer.readResponse().status == 200)
            async let drained: Void = server.drain()
            #expect(try await peer.readUntilEnd().isEmpty)
            peer.close()
            await drained
        }
    }

    @Test(
        "a slow head or body ends the connection after server.frame-timeout",
        arguments: [
            "G", "GET /auth HTTP/1.1\r\nHost: a\r\nX: ", post("").replacing("Content-Length: 0", with: "Content-Length: 10") + "{",
        ])
    func slow(text: String) async throws {
        try await withHTTPServer(settings: { $0.connection.frameTimeout = .milliseconds(100) }) { server, port in
            let peer = try RawPeer.connect(port: port)
            // A first request, so that the protocol is known.
            try await peer.send(Self.hit)
            #expect(try await peer.readResponse().status == 200)
            try await peer.send(text)
            #expect(try await peer.readUntilEnd().isEmpty)
            #expect(await server.closed("frame_timeout") == 1)
        }
    }

    @Test("a slow client that sends a byte now and then is cut off, too")
    func drip() async throws {
        try await withHTTPServer(settings: { $0.connection.frameTimeout = .milliseconds(200) }) { server, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send("GET /auth HTTP/1.1\r\nHost: a\r\nX: ")
            for _ in 0..<1000 {
                guard await server.closed("frame_timeout") == 0 else { break }
                try? await peer.send("x")
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(await server.closed("frame_timeout") == 1)
        }
    }

    @Test("ten requests of a caller without any permission end the connection")
    func noPermission() async throws {
        try await withHTTPServer(settings: { $0.policy = .only([]) }) { server, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(String(repeating: Self.hit, count: 30))
            for _ in 0..<10 { #expect(try await peer.readResponse().status == 403) }
            #expect(try await peer.readUntilEnd().isEmpty)
            #expect(await server.closed("no_permission") == 1)
        }
    }

    @Test("a new configuration reaches open connections")
    func reload() async throws {
        let configuration = ReloadableHTTPConfiguration()
        try await withHTTPServer(.byToken(), configuration) { _, port in
            let peer = try RawPeer.connect(port: port)
            let request = Self.hit.replacing("/auth", with: "/profiles/orders/auth")
            try await peer.send(request)
            #expect(try await peer.readResponse().status == 503)
            configuration.value = HTTPConfiguration(profiles: HTTPProfiles(["orders": HTTPProfile()]))
            try await eventually("the connection has the profile") {
                try await peer.send(request)
                return try await peer.readResponse().status == 200
            }
        }
    }

    @Test("a small request that many reads bring costs no connection", arguments: [1, 2, 3])
    func turns(depth: Int) async throws {
        try await withHTTPServer { server, port in
            let peer = try RawPeer.connect(port: port)
            for _ in 0..<200 {
                try await peer.send(String(repeating: Self.hit, count: depth))
                for _ in 0..<depth { #expect(try await peer.readResponse().status == 200) }
            }
            #expect(server.connectionCount == 1)
        }
    }
}
