import DoormanServer
import Logging
import TestKit
import Testing

@testable import DoormanAdmin

@Suite("Admin listener", .timeLimit(.minutes(2)))
struct AdminServerTests {
    @Test(
        "each page has its type, and headers against browsers",
        arguments: [
            ("/metrics", "text/plain; version=0.0.4; charset=utf-8"), ("/livez", "text/plain; charset=utf-8"),
            ("/readyz", "text/plain; charset=utf-8"), ("/config", "text/plain; charset=utf-8"),
            ("/status", "text/html; charset=utf-8"), ("/", "text/html; charset=utf-8"), ("/status.css", "text/css; charset=utf-8"),
            ("/status.js", "text/javascript; charset=utf-8"), ("/status.svg", "image/svg+xml"),
        ])
    func pages(path: String, type: String) async throws {
        try await RunningAdminServer.run { server in
            let response = try await server.get(path + "?a=b")
            #expect(response.status == 200)
            #expect(response.headers["content-type"] == type)
            #expect(response.headers["cache-control"] == "no-store")
            #expect(response.headers["x-content-type-options"] == "nosniff")
            #expect(response.headers["cross-origin-resource-policy"] == "same-origin")
            let policy = try #require(response.headers["content-security-policy"])
            #expect(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"))
            #expect(!policy.contains("unsafe") && !policy.contains("data:"))
            #expect(!response.body.isEmpty)
            let head = try await server.get(path, method: "HEAD")
            #expect(head.status == 200)
            #expect(head.headers["content-type"] == type)
        }
    }

    @Test("a path without a page is 404 as plain text", arguments: ["/nothing", "/metrics/", "//", "/../config", "*"])
    func notFound(path: String) async throws {
        try await RunningAdminServer.run { server in
            let response = try await server.get(path)
            #expect(response.status == 404)
            #expect(response.headers["content-type"] == "text/plain; charset=utf-8")
        }
    }

    @Test("other methods than GET and HEAD are 405", arguments: ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT"])
    func methods(method: String) async throws {
        try await RunningAdminServer.run { server in
            let response = try await server.get("/status", method: method)
            #expect(response.status == 405)
            #expect(response.headers["allow"] == "GET, HEAD")
        }
    }

    @Test(
        "a foreign Host on loopback is turned down, as DNS rebinding sends it",
        arguments: ["attacker.example", "attacker.example:7119", "127.0.0.1.attacker.example", "localhost.attacker.example"])
    func foreignHost(host: String) async throws {
        try await RunningAdminServer.run { server in
            let response = try await server.connect().request("/config", host: host)
            #expect(response.status == 421)
            #expect(!response.body.contains("ttl"))
        }
    }

    @Test("names of this machine are accepted", arguments: ["localhost", "localhost:7119", "127.0.0.1:1", "[::1]:7119"])
    func ownHost(host: String) async throws {
        try await RunningAdminServer.run { server in
            let response = try await server.connect().request("/readyz", host: host)
            #expect(response.status == 200)
        }
    }

    @Test("two headers Host are turned down")
    func twoHosts() async throws {
        try await RunningAdminServer.run { server in
            let response = try await server.get("/config", headers: ["Host: attacker.example"])
            #expect(response.status == 400)
        }
    }

    // MARK: - Connections

    @Test("a connection is kept for the next request, and pipelined requests are answered in order")
    func keepAlive() async throws {
        try await RunningAdminServer.run { server in
            let peer = try server.connect()
            for _ in 0..<3 { #expect(try await peer.request("/readyz").status == 200) }
            let request = "HTTP/1.1\r\nHost: localhost\r\n\r\n"
            try await peer.send("GET /livez \(request)GET /nothing \(request)GET /readyz \(request)")
            #expect(try await peer.readResponse().body == "live\n")
            #expect(try await peer.readResponse().status == 404)
            #expect(try await peer.readResponse().body == "ready\n")
        }
    }

    @Test("a connection ends when the client asks for it")
    func close() async throws {
        try await RunningAdminServer.run { server in
            let peer = try server.connect()
            let response = try await peer.request("/readyz", headers: ["Connection: close"])
            #expect(response.headers["connection"] == "close")
            #expect(try await peer.readUntilEnd().isEmpty)
        }
    }

    @Test("a body is refused, and ends the connection", arguments: ["Content-Length: 5", "Transfer-Encoding: chunked"])
    func body(header: String) async throws {
        try await RunningAdminServer.run { server in
            let peer = try server.connect()
            let response = try await peer.request("/readyz", headers: [header])
            #expect(response.status == 413)
            #expect(response.headers["connection"] == "close")
            #expect(try await peer.readUntilEnd().isEmpty)
        }
    }

    @Test("a head that is too long is refused", arguments: [false, true])
    func longHead(isTarget: Bool) async throws {
        try await RunningAdminServer.run { server in
            let long = String(repeating: "a", count: 10_000)
            let peer = try server.connect()
            let response = try await peer.request(isTarget ? "/\(long)" : "/readyz", headers: isTarget ? [] : ["X-Long: \(long)"])
            #expect(response.status == 431)
            #expect(try await peer.readUntilEnd().isEmpty)
        }
    }

    @Test("what is not HTTP is refused")
    func malformed() async throws {
        try await RunningAdminServer.run { server in
            let peer = try server.connect()
            try await peer.send("\u{0}\u{0}\u{0}\u{5}hello\r\n\r\n")
            #expect(try await peer.readResponse().status == 400)
            #expect(try await peer.readUntilEnd().isEmpty)
        }
    }

    @Test("a slow head is cut off, whatever it still sends")
    func slowHead() async throws {
        try await RunningAdminServer.run(settings: { $0.headTimeout = .seconds(1) }) { server in
            let peer = try server.connect()
            #expect(try await peer.request("/readyz").status == 200)
            try await peer.send("GET /readyz HT")
            let start = ContinuousClock.now
            await #expect(throws: (any Error).self) {
                while true {
                    try await peer.send("T")
                    if try await !peer.isSilent(for: .milliseconds(20)) { throw RawPeer.Failure.ended(after: 0) }
                }
            }
            #expect(ContinuousClock.now - start < .seconds(60))
        }
    }

    @Test("a connection without a request is cut off")
    func silent() async throws {
        try await RunningAdminServer.run(settings: { $0.headTimeout = .milliseconds(50) }) { server in
            let received = try await server.connect().readUntilEnd()
            #expect(received.isEmpty)
        }
    }

    @Test("an idle connection is closed")
    func idle() async throws {
        try await RunningAdminServer.run(settings: { $0.idleTimeout = .milliseconds(50) }) { server in
            let peer = try server.connect()
            #expect(try await peer.request("/readyz").status == 200)
            #expect(try await peer.readUntilEnd().isEmpty)
        }
    }

    @Test("idle connections can't keep probes out: a new connection replaces the one that waited longest")
    func replaced() async throws {
        try await RunningAdminServer.run(settings: { $0.maximumConnections = 2 }) { server in
            let (first, second) = (try server.connect(), try server.connect())
            #expect(try await first.request("/readyz").status == 200)
            #expect(try await second.request("/readyz").status == 200)
            #expect(try await first.request("/readyz").status == 200)
            let third = try server.connect()
            #expect(try await third.request("/readyz").status == 200)
            #expect(try await second.readUntilEnd().isEmpty)
            #expect(try await first.request("/readyz").status == 200)
            try await eventually("it is logged") {
                server.recorder.lines.contains { $0.contains("closed the connection to the admin pages that waited longest") }
            }
            for _ in 0..<5 { #expect(try await server.get("/livez").status == 200) }
        }
    }

    @Test("connections are bounded: one that has a request is not replaced, and a closed one makes room")
    func tooMany() async throws {
        try await RunningAdminServer.run(settings: { $0.maximumConnections = 2 }) { server in
            server.source.block()
            let busy = [try server.connect(), try server.connect()]
            // The first response shows that the second request has arrived.
            for peer in busy {
                let requests = ["/readyz", "/metrics"].map { "GET \($0) HTTP/1.1\r\nHost: localhost\r\n\r\n" }
                try await peer.send(requests.joined())
                #expect(try await peer.readResponse().status == 200)
            }
            try await eventually("a new connection is closed") {
                guard (try? await server.connect().request("/readyz")) == nil else { return false }
                return server.recorder.lines.contains { $0.contains("closed a new connection to the admin pages: there are") }
            }
            server.source.unblock()
            for peer in busy { #expect(try await peer.readResponse().status == 200) }
            busy[0].close()
            try await eventually("there is room again") { (try? await server.get("/readyz"))?.status == 200 }
        }
    }

    // MARK: - Health

    @Test(
        "readiness is 503 with the cause until the server is ready, and while it drains",
        arguments: [
            (Readiness.ready, 200, "ready\n"), (.starting, 503, "not ready: not all listeners are open yet\n"),
            (.awaitingProviders, 503, "not ready: the first request to a provider has not ended yet\n"),
            (.draining, 503, "not ready: draining\n"),
        ])
    func readiness(readiness: Readiness, status: Int, text: String) async throws {
        try await RunningAdminServer.run { server in
            server.source.set(readiness)
            let response = try await server.get("/readyz")
            #expect(response.status == status)
            #expect(response.body == text)
            #expect(try await server.get("/livez").status == 200)
        }
    }

    @Test("a blocked event loop makes liveness fail in time, and no other page")
    func blocked() async throws {
        // It bounds the other pages as well, which must not need so long on a slow machine.
        try await RunningAdminServer.run(settings: { $0.answerTimeout = .seconds(2) }) { server in
            server.source.block()
            let response = try await server.get("/livez")
            #expect(response.status == 503)
            #expect(response.body.contains("an event loop does not answer"))
            #expect(response.headers["connection"] == "close")
            #expect(try await server.get("/readyz").status == 200)
        }
    }

    // MARK: - The address

    @Test("an address in use fails the start, and the error names the setting")
    func addressInUse() async throws {
        try await RunningAdminServer.run { first in
            var settings = AdminSettings()
            settings.tcp = ServerSettings.TCPAddress(host: "127.0.0.1", port: first.port)
            let second = AdminServer(
                settings: settings, pages: AdminPages(ScriptedAdminSource(), history: StatisticsHistory()), time: .system,
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
            let error = await #expect(throws: CannotListen.self) { try await second.run() }
            #expect(error?.description.contains("choose another admin.address") == true)
        }
    }

    @Test("an address of the network needs a word of the operator")
    func network() async throws {
        var settings = AdminSettings()
        settings.tcp = ServerSettings.TCPAddress(host: "0.0.0.0", port: 0)
        let server = AdminServer(
            settings: settings, pages: AdminPages(ScriptedAdminSource(), history: StatisticsHistory()), time: .system,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        let error = await #expect(throws: CannotListen.self) { try await server.run() }
        #expect(error?.description.contains("admin.allow-network") == true)
        #expect(server.addresses.isEmpty)
    }

    @Test("with that word, any Host is accepted on an address that is not loopback")
    func anyHost() async throws {
        let pages = AdminPages(ScriptedAdminSource(), history: StatisticsHistory())
        let request = AdminRequest(target: "/readyz", hosts: ["doorman.internal"], isOnLoopback: false)
        #expect(await pages.response(to: request).status == .ok)
    }
}
