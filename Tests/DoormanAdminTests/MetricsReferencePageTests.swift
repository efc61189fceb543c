import TestKit
import Testing

@testable import DoormanAdmin

@Suite("Reference page of metrics")
struct MetricsReferencePageTests {
    @Test("the reference page lists every metric")
    func reference() throws {
        let rows = MetricCatalogue.all.map { metric in
            let labels = metric.labels.map { "`\($0)`" }.joined(separator: ", ")
            return "| `\(metric.name)` | \(metric.kind.rawValue) | \(labels.isEmpty ? "–" : labels) | \(metric.help) |"
        }
        try ReferencePage("docs/reference/metrics.md").check(
            "| metric | type | labels | meaning |\n|---|---|---|---|\n" + rows.joined(separator: "\n") + "\n")
    }
}
