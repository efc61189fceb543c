import Foundation
import TestKit
import Testing

/// What can be said about alerts and dashboard without a server.
@Suite("Alerts, dashboard and runbook", .timeLimit(.minutes(2)))
struct MonitoringFilesTests {
    @Test(
        "promtool accepts the rules, their tests and the example configuration",
        .enabled(if: Prometheus.isInstalled, Prometheus.reason),
        arguments: [
            ["check", "rules", MonitoringFiles.alerts], ["test", "rules", MonitoringFiles.alertTests],
            ["check", "config", MonitoringFiles.configuration],
        ])
    func promtool(command: [String]) async throws {
        let promtool = try ChildProcess("/usr/bin/promtool", command.dropLast() + [MonitoringFiles.path(command[2])])
        let status = try await promtool.ending()
        #expect(status == 0, "\(promtool.allOutput)")
    }

    @Test("every alert has a test, a severity and a section of the runbook")
    func alerts() throws {
        let alerts = try MonitoringFiles.alertRules()
        let names = Set(alerts.map(\.name))
        #expect((10...30).contains(names.count))
        let tests = try MonitoringFiles.text(MonitoringFiles.alertTests)
        #expect(Set(tests.matches(of: /alertname: (\w+)/).map { String($0.1) }) == names)
        let headings = try MonitoringFiles.text(MonitoringFiles.runbook).split(separator: "\n").filter {
            $0.hasPrefix("## Doorman")
        }
        #expect(headings.map { String($0.dropFirst(3)) }.sorted() == names.sorted())
        for alert in alerts {
            #expect(["page", "ticket"].contains(alert.severity), "\(alert.name)")
            #expect(alert.runbook == "\(MonitoringFiles.runbook)#\(alert.name.lowercased())")
        }
    }

    @Test("the runbook quotes messages of the log or titles of panels")
    func runbook() throws {
        let runbook = try MonitoringFiles.text(MonitoringFiles.runbook)
        let log = try MonitoringFiles.text("docs/reference/log.md")
        let messages = runbook.matches(of: /the log: `([^`]+)`/).map { String($0.1) }
        #expect(messages.count > 10)
        for message in messages where !log.contains("`\(message)`") {
            Issue.record("docs/reference/log.md does not have the log message: \(message)")
        }
        let titles = Set(try MonitoringFiles.panels().map(\.title))
        let text = runbook.replacing("**", with: "")
        let named = text.matches(of: /\*([A-Z][^*]+)\*/).map { String($0.1).replacing("\n", with: " ") }
        #expect(named.count > 10)
        #expect(Set(named).subtracting(titles).sorted() == [])
    }

    @Test("every panel has a title of its own, a description, a unit and an expression")
    func panels() throws {
        let panels = try MonitoringFiles.panels()
        #expect(panels.count > 40)
        #expect(Set(panels.map(\.title)).count == panels.count)
        for panel in panels {
            #expect(panel.description.hasSuffix("."), "\(panel.title)")
            #expect(!panel.unit.isEmpty, "\(panel.title)")
            #expect(!panel.expressions.isEmpty, "\(panel.title)")
        }
    }

    @Test(
        "every metric of alerts and dashboard is on the page of metrics",
        .enabled(if: MonitoringFiles.documentedMetrics != nil, "docs/reference/metrics.md does not exist"))
    func metrics() throws {
        let documented = try #require(MonitoringFiles.documentedMetrics)
        for file in [MonitoringFiles.alerts, MonitoringFiles.alertTests, MonitoringFiles.dashboard] {
            let used = try MonitoringFiles.metrics(in: MonitoringFiles.text(file))
            #expect(used.count > 10, "\(file)")
            #expect(used.subtracting(documented).sorted() == [], "\(file)")
        }
    }
}
