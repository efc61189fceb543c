import Foundation
import TestKit
import Testing

/// Debian's Prometheus with the configuration and the alerts of `deploy/prometheus`. It scrapes every second, and ranges and times of
/// the alerts are seconds in place of minutes: a range has 5 to 20 s.
struct Prometheus: Sendable {
    static let isInstalled = ["prometheus", "promtool"].allSatisfy {
        FileManager.default.isExecutableFile(atPath: "/usr/bin/" + $0)
    }
    static let reason: Comment = "Prometheus is not installed: run Scripts/setup --all"

    private let process: ChildProcess
    private let port: Int

    /// Runs Prometheus for as long as `body` runs.
    ///
    /// - Parameter fleets: The ports of the admin listeners of each fleet.
    static func run(fleets: [[Int]], _ body: (Prometheus) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            try configuration(fleets).write(
                to: folder.appendingPathComponent("prometheus.yaml"), atomically: true, encoding: .utf8)
            try shortenedAlerts().write(to: folder.appendingPathComponent("alerts.yaml"), atomically: true, encoding: .utf8)
            let port = try FreePort.find()
            let process = try ChildProcess(
                "/usr/bin/prometheus",
                [
                    "--config.file=\(folder.path)/prometheus.yaml", "--storage.tsdb.path=\(folder.path)/data",
                    "--web.listen-address=127.0.0.1:\(port)", "--log.level=warn",
                ])
            let prometheus = Prometheus(process: process, port: port)
            try await eventually("Prometheus is ready", within: .seconds(60)) {
                guard process.isRunning else { throw NeverHappened(description: process.allOutput) }
                return (try? await prometheus.get("/-/ready").hasPrefix("Prometheus Server is Ready")) == true
            }
            try await body(prometheus)
            process.terminate()
            _ = try await process.ending()
        }
    }

    private static func configuration(_ fleets: [[Int]]) throws -> String {
        let text = try MonitoringFiles.text(MonitoringFiles.configuration)
        let target = "      - targets:\n          - 127.0.0.1:7119\n"
        #expect(text.contains(target) && text.contains("_interval: 15s"))
        return text.replacing("_interval: 15s", with: "_interval: 1s")
            .replacing(
                target,
                with: fleets.enumerated().map { fleet, ports in
                    "      - targets: [\(ports.map { "127.0.0.1:\($0)" }.joined(separator: ", "))]\n"
                        + "        labels: {fleet: \"\(fleet)\"}\n"
                }.joined())
    }

    private static func shortenedAlerts() throws -> String {
        try MonitoringFiles.text(MonitoringFiles.alerts)
            .replacing(/\[(\d+)m\]/) { "[\(min(max(Int($0.1) ?? 0, 5), 20))s]" }
            .replacing(/offset \d+m/, with: "offset 20s").replacing(/for: \d+m/, with: "for: 1s")
    }

    /// Evaluates an expression.
    ///
    /// - Returns: The number of series in the result.
    /// - Throws: If Prometheus rejects the expression.
    func query(_ expression: String) async throws -> Int {
        let escaped = expression.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        return try await results("/api/v1/query?query=" + escaped, "result").count
    }

    /// Returns whether an alert fires for the server with this admin port.
    func isFiring(_ alert: String, port: Int) async throws -> Bool {
        try await results("/api/v1/alerts", "alerts").contains { result in
            let labels = result["labels"] as? [String: String] ?? [:]
            return result["state"] as? String == "firing" && labels["alertname"] == alert
                && labels["instance"] == "127.0.0.1:\(port)"
        }
    }

    private func results(_ path: String, _ key: String) async throws -> [[String: Any]] {
        let body = try await get(path)
        let reply = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
        guard reply?["status"] as? String == "success", let data = reply?["data"] as? [String: Any],
            let results = data[key] as? [[String: Any]]
        else { throw NeverHappened(description: "\(path): \(body)") }
        return results
    }

    /// Returns the body of a response. HTTP/1.0 has no chunks.
    private func get(_ path: String) async throws -> String {
        let peer = try RawPeer.connect(port: port)
        defer { peer.close() }
        try await peer.send(Array("GET \(path) HTTP/1.0\r\n\r\n".utf8))
        let response = String(decoding: try await peer.readUntilEnd(), as: UTF8.self)
        guard let head = response.firstRange(of: "\r\n\r\n") else { throw NeverHappened(description: response) }
        return String(response[head.upperBound...])
    }
}
