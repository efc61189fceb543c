import DoormanClient
import Foundation
import TestKit
import Testing

/// The admin pages of a `doormand` process.
@Suite("Admin pages of doormand", .timeLimit(.minutes(3)))
struct AdminPagesTests {
    /// Every page.
    private static let paths = [
        "/metrics", "/livez", "/readyz", "/config", "/status", "/", "/status.js", "/status.css", "/nothing",
    ]

    private static func run(
        _ arguments: [String] = [], descriptorLimit: Int? = nil,
        _ body: (_ doormand: DoormandProcess, _ adminPort: Int) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let portFile = folder.appendingPathComponent("admin-port")
            let admin = ["--admin-address", "127.0.0.1:0", "--admin-port-file", portFile.path]
            try await DoormandProcess.run(admin + arguments, descriptorLimit: descriptorLimit) { doormand in
                try await body(doormand, try await doormand.program.port(from: portFile))
            }
        }
    }

    private static func get(_ path: String, _ port: Int) async throws -> SocketResponse {
        try await RawPeer.connect(port: port).request(path)
    }

    /// The values of the metrics without labels.
    private static func values(_ metrics: String) -> [String: Double] {
        let series = metrics.split(separator: "\n").filter { !$0.contains(/[#{]/) }.map { $0.split(separator: " ") }
        return Dictionary(series.map { (String($0[0]), Double($0[1]) ?? .nan) }, uniquingKeysWith: { $1 })
    }

    private static func awaitReadiness(_ port: Int) async throws {
        try await eventually("the server is ready") { try await get("/readyz", port).status == 200 }
    }

    @Test("a server without free descriptors answers probes and scrapes, and does not spin")
    func outOfDescriptors() async throws {
        try await Self.run(descriptorLimit: 64) { doormand, port in
            try await Self.awaitReadiness(port)
            // A scraper that keeps its connection makes no descriptor free.
            let scraper = try RawPeer.connect(port: port)
            let before = try await scraper.request("/metrics").body
            #expect(Self.values(before)["doorman_accept_failures_total"] == 0)
            let crowd = try (0..<100).map { _ in try RawPeer.connect(port: doormand.port) }
            // One line per second says how many others there were.
            var failures: Int?
            try await eventually("the number of failed attempts is logged") {
                let lines = doormand.program.errorOutput.matches(of: /suppressed=(\d+).*connections can't be accepted/)
                failures = lines.first.flatMap { Int($0.1) }
                return failures != nil
            }
            #expect(failures ?? 0 < 100)
            let without = Self.values(try await scraper.request("/metrics").body)
            #expect(Set(Self.values(before).keys).subtracting(without.keys) == [])
            #expect(try #require(without["doorman_accept_failures_total"]) >= 1)
            #expect(try #require(without["process_open_fds"]) >= #require(without["process_max_fds"]) - 2)
            for _ in 0..<5 {
                for path in ["/livez", "/readyz"] { #expect(try await Self.get(path, port).status == 200) }
                let metrics = try await Self.get("/metrics", port)
                #expect(metrics.status == 200)
                #expect(metrics.headers["connection"] == "close", "others need its descriptor")
            }
            for peer in crowd { peer.close() }
            try await eventually("connections are kept again") {
                try await Self.get("/metrics", port).headers["connection"] != "close"
            }
        }
    }

    @Test("calls are in metrics and on the status page, and no token, code or secret is in any page")
    func pages() async throws {
        try await Self.run { doormand, port in
            try await Self.awaitReadiness(port)
            let token = try await doormand.cachedToken()
            let peer = try RawPeer.connect(port: doormand.port)
            for stream in 0..<5 {
                try await peer.send(DoormandProcess.verify(token, streamID: UInt32(2 * stream + 1)))
                #expect(DoormandProcess.isIdentity(try await peer.readFrame()))
            }
            let planted = "EMAWplantedplantedplanted"
            try await peer.send(DoormandProcess.verify(planted, streamID: 99))
            _ = try await peer.readFrame()
            let http = try RawPeer.connect(port: doormand.port)
            try await http.send("POST /\(planted) HTTP/1.1\r\nHost: \(planted)\r\nAuthorization: Bearer \(planted)\r\n\r\n")
            _ = try await http.readResponse()
            let metrics = try await Self.get("/metrics", port).body
            #expect(metrics.contains("doorman_cache_hits_total{segment=\"valid\"} 5\n"))
            #expect(metrics.contains("reason=\"TOKEN_REJECTED\"} 1\n"))
            #expect(metrics.contains("doorman_ready 1\n"))
            #expect(try await Self.get("/status", port).body.contains("TOKEN_REJECTED"))
            let config = try await Self.get("/config", port).body
            #expect(config.contains("application-id: \(Stack.ours.id)  # flag"))
            #expect(config.contains("# flag --account-kit-url"))
            for path in Self.paths {
                for host in ["127.0.0.1", planted] {
                    let page = try await RawPeer.connect(port: port).request(path + "?\(planted)", host: host)
                    for secret in [token, planted, Stack.ours.secret] { #expect(!page.body.contains(secret), "\(path)") }
                }
            }
        }
    }

    @Test(
        "Prometheus' own check accepts the metrics", .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/promtool"))
    )
    func promtool() async throws {
        try await Self.run { doormand, port in
            _ = try await doormand.cachedToken()
            let metrics = try await Self.get("/metrics", port).body
            let check = try ChildProcess("/usr/bin/promtool", ["check", "metrics"], input: metrics)
            #expect(try await check.ending() == 0, "\(check.allOutput)")
        }
    }

    @Test("a provider outage does not take readiness away, and the pages show it")
    func outage() async throws {
        try await Self.run(["--provider-circuit-breaker-consecutive-failures", "1"]) { doormand, port in
            try await Self.awaitReadiness(port)
            try await doormand.emulator.stop()
            let peer = try RawPeer.connect(port: doormand.port)
            try await peer.send(DoormandProcess.verify("EMAWunknownunknown"))
            _ = try await peer.readFrame()
            try await eventually("the circuit breaker is open") {
                try await Self.get("/metrics", port).body.contains("state=\"open\"} 1\n")
            }
            #expect(try await Self.get("/readyz", port).status == 200)
            #expect(try await Self.get("/status", port).body.contains("<span class=\"state bad\">open</span>"))
        }
    }

    @Test("a provider that hangs at the start keeps the server from being ready")
    func hangingProvider() async throws {
        try await ScriptedHTTPServer.run({ _ in nil }) { hanging in
            try await withTemporaryFolder { folder in
                let portFile = folder.appendingPathComponent("admin-port")
                let doormand = try ChildProcess.ours(
                    "doormand",
                    [
                        "--server-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0", "--admin-port-file", portFile.path,
                        "--jwt-issuer", hanging.url, "--jwt-audience", "orders", "--provider-request-timeout", "20s",
                        "--provider-call-timeout", "20s",
                    ])
                let port = try await doormand.port(from: portFile)
                try await eventually("the server listens") {
                    try await Self.get("/readyz", port).body.contains("the first request to a provider has not ended yet")
                }
                #expect(try await Self.get("/readyz", port).status == 503)
                #expect(try await Self.get("/livez", port).status == 200)
            }
        }
    }

    @Test("a draining server is live, not ready, and shows its figures until the end")
    func drain() async throws {
        try await Self.run(["--server-drain-quiet-period", "60s", "--server-drain-timeout", "60s"]) { doormand, port in
            try await Self.awaitReadiness(port)
            _ = try await doormand.cachedToken()
            // A connection that holds the drain up until it is closed.
            let peer = try RawPeer.connect(port: doormand.port)
            try await peer.send(DoormandProcess.verify("EMAWunknownunknown"))
            _ = try await peer.readFrame()
            doormand.program.terminate()
            try await eventually("the server drains") {
                let response = try await Self.get("/readyz", port)
                return response.status == 503 && response.body.contains("draining")
            }
            #expect(try await Self.get("/livez", port).status == 200)
            #expect(try await Self.get("/metrics", port).body.contains("doorman_draining 1\n"))
            #expect(try await Self.get("/status", port).body.contains("<title>Doorman: draining</title>"))
            peer.close()
            #expect(try await doormand.program.ending() == 0)
            #expect(throws: (any Error).self) { try RawPeer.connect(port: port) }
        }
    }

    @Test("after a reload the active settings are shown, those that need a restart with their old values")
    func reload() async throws {
        try await withTemporaryFolder { folder in
            let file = folder.appendingPathComponent("doorman.yaml")
            try "cache: {max-entries: 1000, ttl: 5m}\n".write(to: file, atomically: true, encoding: .utf8)
            try await Self.run(["--config", file.path, "--reload-interval", "0s"]) { doormand, port in
                #expect(try await Self.get("/config", port).body.contains("max-entries: 1000  # "))
                try await eventually("a reload is possible") { doormand.program.errorOutput.contains("ready to reload") }
                try "cache: {max-entries: 2000, ttl: 6m}\n".write(to: file, atomically: true, encoding: .utf8)
                doormand.program.hangUp()
                try await eventually("the new limit is active") {
                    try await Self.get("/config", port).body.contains("max-entries: 2000  # ")
                }
                #expect(try await Self.get("/config", port).body.contains("ttl: 5m  # "))
                try await eventually("the reload is counted") {
                    try await Self.get("/metrics", port).body.contains("doorman_reloads_total{outcome=\"applied\"} 1\n")
                }
            }
        }
    }

    @Test("wrong settings of the admin pages name the setting and the remedy")
    func wrongSettings() async throws {
        let cases = [
            (["--admin-address", "7119"], "admin.address must be host:port"),
            (["--admin-address", "0.0.0.0:7119"], "accept the risk with admin.allow-network"),
            (["--admin-address", "127.0.0.1:7117"], "admin.address and server.address must differ"),
            (["--admin-address", "", "--admin-port-file", "/nowhere/port"], "admin.port-file: "),
        ]
        for (arguments, message) in cases {
            let check = try ChildProcess.ours(
                "doormand",
                ["--check-config", "--account-kit-url", "http://127.0.0.1:7118", "--account-kit-application-id", "1"]
                    + arguments)
            #expect(try await check.ending() == 78)
            #expect(check.errorOutput.contains(message), "\(check.errorOutput)")
        }
    }

    @Test("an address in use ends the start, and the message names admin.address")
    func addressInUse() async throws {
        try await Self.run { _, port in
            let second = try ChildProcess.ours(
                "doormand",
                [
                    "--server-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:\(port)", "--account-kit-url",
                    "http://127.0.0.1:7118", "--account-kit-application-id", "1",
                ])
            #expect(try await second.ending() == 1)
            #expect(second.errorOutput.contains("cannot listen on 127.0.0.1:\(port)"))
            #expect(second.errorOutput.contains("choose another admin.address"))
        }
    }

    @Test("the admin pages are off without an address")
    func off() async throws {
        try await DoormandProcess.run { doormand in
            #expect(!doormand.program.errorOutput.contains("listening for the admin pages"))
        }
    }
}
