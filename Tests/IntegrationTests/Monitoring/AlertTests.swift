import TestKit
import Testing

/// The alerts in a real Prometheus, which scrapes a real `doormand` for each. All cases run at once: most of their time is spent waiting
/// for scrapes.
@Suite(
    "Alerts that are provoked", .timeLimit(.minutes(3)), .enabled(if: Prometheus.isInstalled, Prometheus.reason),
    .enabled(if: RedisServer.areInstalled, RedisServer.reason),
    .enabled(MonitoredServer.reason) { try await MonitoredServer.hasAdminListener() })
struct AlertTests {
    @Test("every alert fires until its cause is repaired")
    func alerts() async throws {
        #expect(Set(AlertCase.all.map(\.alert)) == Set(try MonitoringFiles.alertRules().map(\.name)))
        let cases = try AlertCase.all.map { ($0, adminPort: try FreePort.find(), neighbour: try FreePort.find()) }
        try await Prometheus.run(fleets: cases.map { [$0.adminPort, $0.neighbour] }) { prometheus in
            await withTaskGroup(of: Void.self) { group in
                for (alertCase, adminPort, neighbour) in cases {
                    group.addTask {
                        let watch = AlertWatch(alert: alertCase.alert, port: adminPort, prometheus: prometheus)
                        do {
                            try await MonitoredServer.run(adminPort: adminPort, neighbour: neighbour) {
                                try await alertCase.story($0, watch)
                            }
                        } catch {
                            Issue.record("\(alertCase.alert): \(error)")
                        }
                    }
                }
            }
        }
    }
}

/// Waits for an alert of one server.
struct AlertWatch: Sendable {
    let alert: String
    let port: Int
    let prometheus: Prometheus

    /// Waits until Prometheus has read the server's counters. It does not see what was counted before.
    func isWatching() async throws { try await sees("doorman_build_info{SERVER}") }

    /// Waits until an expression has a result, and repeats `body` meanwhile.
    ///
    /// - Parameter expression: `SERVER` in it stands for the selector of the server.
    func sees(_ expression: String, _ body: () async throws -> Void = {}) async throws {
        let text = expression.replacing("SERVER", with: "instance=\"127.0.0.1:\(port)\"")
        try await eventually("Prometheus of \(alert) sees \(text)", within: .seconds(60)) {
            try await body()
            return try await prometheus.query(text) > 0
        }
    }

    /// Waits until the alert fires, and repeats `body` meanwhile.
    func fires(_ body: () async throws -> Void = {}) async throws { try await state(true, body) }

    /// Waits until the alert no longer fires, and repeats `body` meanwhile.
    func ends(_ body: () async throws -> Void = {}) async throws { try await state(false, body) }

    private func state(_ expected: Bool, _ body: () async throws -> Void) async throws {
        try await eventually(expected ? "\(alert) fires" : "\(alert) ends", within: .seconds(60)) {
            try await body()
            if try await prometheus.isFiring(alert, port: port) == expected { return true }
            // Prometheus looks once a second.
            try await Task.sleep(for: .milliseconds(200))
            return false
        }
    }
}
