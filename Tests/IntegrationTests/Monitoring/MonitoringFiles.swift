import Foundation
import TestKit

/// The files of `deploy/prometheus` and `deploy/grafana`, and the pages about them.
enum MonitoringFiles {
    private static let root = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../..").standardized

    static let alerts = "deploy/prometheus/alerts.yaml"
    static let alertTests = "deploy/prometheus/alerts.test.yaml"
    static let configuration = "deploy/prometheus/prometheus.yaml"
    static let dashboard = "deploy/grafana/doorman.json"
    static let runbook = "docs/how-to/runbook.md"

    static func path(_ file: String) -> String { root.appendingPathComponent(file).path }

    static func text(_ file: String) throws -> String { try String(contentsOfFile: path(file), encoding: .utf8) }

    /// A rule of alerts.yaml.
    struct Alert: Hashable {
        let name: String
        let severity: String
        let runbook: String
    }

    static func alertRules() throws -> [Alert] {
        try text(alerts).components(separatedBy: "- alert: ").dropFirst().map { rule in
            func value(of key: String) -> String {
                rule.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
                    .first { $0.hasPrefix(key + ": ") }.map { String($0.dropFirst(key.count + 2)) } ?? ""
            }
            return Alert(
                name: String(rule.prefix { $0 != "\n" }), severity: value(of: "severity"), runbook: value(of: "runbook_url"))
        }
    }

    /// A panel of the dashboard that is no heading.
    struct Panel: Sendable {
        let title: String
        let description: String
        let unit: String
        let expressions: [String]
    }

    static func panels() throws -> [Panel] {
        let dashboard = try JSONSerialization.jsonObject(with: Data(text(dashboard).utf8)) as? [String: Any]
        let panels = (dashboard?["panels"] as? [[String: Any]] ?? []).filter { $0["type"] as? String != "row" }
        return panels.map { panel in
            let field = (panel["fieldConfig"] as? [String: Any])?["defaults"] as? [String: Any]
            let targets = panel["targets"] as? [[String: Any]] ?? []
            return Panel(
                title: panel["title"] as? String ?? "", description: panel["description"] as? String ?? "",
                unit: field?["unit"] as? String ?? "", expressions: targets.compactMap { $0["expr"] as? String })
        }
    }

    /// Returns the names of metrics in a text, without the endings of a histogram's series.
    static func metrics(in text: String) -> Set<String> {
        Set(
            text.matches(of: /\b(?:doorman|process)_[a-z_]+\b/).map {
                String($0.output).replacing(/_(bucket|sum|count)$/, with: "")
            })
    }

    /// The metrics of the reference page, which has a row of a table for each; `nil` without the page.
    static let documentedMetrics: Set<String>? = {
        guard let page = try? text("docs/reference/metrics.md") else { return nil }
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `") }
        return Set(rows.flatMap { metrics(in: String($0.dropFirst().prefix { $0 != "|" })) })
    }()
}
