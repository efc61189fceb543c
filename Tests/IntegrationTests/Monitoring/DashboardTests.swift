import TestKit
import Testing

/// The dashboard's expressions in a real Prometheus, which scrapes a real `doormand`.
@Suite(
    "The dashboard", .timeLimit(.minutes(3)), .enabled(if: Prometheus.isInstalled, Prometheus.reason),
    .enabled(if: RedisServer.areInstalled, RedisServer.reason),
    .enabled(MonitoredServer.reason) { try await MonitoredServer.hasAdminListener() })
struct DashboardTests {
    /// Panels that are empty without TLS, without a policy, and without evictions or calls over a limit.
    private static let emptyPanels: Set = [
        "Certificate expires in", "TLS handshakes", "Calls by policy rule", "Calls turned down, by rule",
        "Limits and permissions, all callers", "Time until an unused entry is evicted",
    ]

    @Test("every panel shows data while calls are made")
    func expressions() async throws {
        let adminPort = try FreePort.find()
        try await Prometheus.run(fleets: [[adminPort]]) { prometheus in
            try await MonitoredServer.run(adminPort: adminPort) { server in
                let store = try await RedisServer()
                try await server.start(try server.fleetArguments(store))
                try await eventually("Prometheus scrapes doormand", within: .seconds(60)) {
                    try await prometheus.query(#"up{job="doorman"} == 1"#) == 1
                }
                let known = try await server.verifyNewTokens()
                for panel in try MonitoringFiles.panels() {
                    for expression in panel.expressions { try await check(expression, of: panel.title, server, prometheus, known) }
                }
                store.stop()
            }
        }
    }

    /// Evaluates an expression until it has a result.
    private func check(
        _ expression: String, of title: String, _ server: MonitoredServer, _ prometheus: Prometheus, _ known: [String]
    ) async throws {
        let text = expression.replacing("$__rate_interval", with: "10s").replacing("$instance", with: ".*")
        guard !Self.emptyPanels.contains(title) else {
            _ = try await prometheus.query(text)
            return
        }
        try await eventually("\(title) shows data: \(text)", within: .seconds(30)) {
            // A hit, a miss, a rejection and a call without a verdict.
            await server.verify(known)
            try await server.verifyNewTokens()
            await server.verify(["EMAWunknown\(Int.random(in: 0...999_999))"])
            server.emulator.setFault(.badGateway, for: .me)
            try await server.verifyNewTokens()
            server.emulator.clearFaults()
            return try await prometheus.query(text) > 0
        }
    }
}
