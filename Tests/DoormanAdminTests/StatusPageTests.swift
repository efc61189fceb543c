import DoormanCore
import Testing

@testable import DoormanAdmin

@Suite("Status page")
struct StatusPageTests {
    private static func page(
        _ figures: AdminFigures = SampleFigures.figures, samples: [StatisticsHistory.Sample] = [],
        minuteAgo: ServerStatistics? = nil
    ) -> String {
        StatusPage(figures, samples: samples, minuteAgo: minuteAgo).html.source
    }

    @Test("the page shows the state of everything")
    func contents() {
        let page = Self.page()
        for text in [
            "<title>Doorman: ready</title>", "Version 1.2.3 · up 1 h 0 min", "90.00%", "TOKEN_REJECTED", "half-open", "1.5 s",
            "59,000 of 60,000", "98.33%", "cache.max-entries", "2027-01-15T08:00:00.000Z", "Connections closed: idle", "64.0 MiB",
            "17 of 1,024", "local", "<td class=\"number\">900</td>", "p50 ≤ 5 s, p99 –", "1 open, 1 accepted",
            "1 completed, 0 failed", "Delay of event loops",
        ] {
            #expect(page.contains(text), "\(text)")
        }
    }

    @Test("a server that is not ready says why")
    func notReady() {
        var figures = SampleFigures.figures
        figures.readiness = .draining
        #expect(Self.page(figures).contains("<p class=\"cause\">not ready: draining</p>"))
    }

    @Test("rates are those of the last minute")
    func minute() {
        var before = SampleFigures.statistics
        before.uptime = .seconds(3540)
        before.calls = before.calls.mapValues { $0 / 2 }
        let page = Self.page(minuteAgo: before)
        #expect(page.contains("466 calls in the last minute"))
        #expect(page.contains("<p class=\"value\">7.8</p>"))
    }

    @Test("a server without a call has a page, too")
    func empty() {
        let page = Self.page(AdminFigures())
        #expect(page.contains("No call has failed since the start."))
        #expect(page.contains("TLS is off"))
    }

    @Test("no text of a peer or of the settings becomes markup")
    func escaping() {
        var figures = SampleFigures.figures
        let bad = "<script>alert('x')</script>\"&"
        figures.statistics.version = bad
        figures.statistics.calls[.init(method: bad, source: bad, code: "X", reason: bad)] = 1
        figures.statistics.latencies[.init(method: bad, source: bad)] = SampleFigures.latencies
        figures.statistics.providerRequests[.init(provider: bad, endpoint: bad, outcome: bad)] = 9
        figures.statistics.applications.append(.init(provider: bad, applicationID: bad, circuitBreaker: .unknown))
        figures.statistics.limits.append(.init(setting: bad, provider: bad, applicationID: bad, used: 1, limit: 2))
        figures.statistics.counters[.connectionsClosed(bad)] = 1
        let page = Self.page(figures)
        #expect(!page.contains("<script>"))
        #expect(!page.contains("alert('x')"))
        #expect(page.components(separatedBy: "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;").count > 10)
    }

    @Test("the page has no inline script or style, which its policy forbids")
    func policy() {
        let page = Self.page(samples: [.init(callsPerSecond: 1, hitRatio: 1, latency99: nil, providerRequestsPerSecond: 0)])
        #expect(!page.contains(" style=") && !page.contains("<style"))
        #expect(page.components(separatedBy: "<script").count == 2)
        #expect(page.contains("<script src=\"/status.js\" defer></script>"))
        #expect(!page.contains(" onload=") && !page.contains("javascript:") && !page.contains("http"))
    }

    @Test("each element that is opened is closed")
    func wellFormed() throws {
        var open: [Substring] = []
        let empty: Set<Substring> = ["meta", "link", "rect", "polyline", "polygon"]
        let samples = (0..<5).map { second in
            StatisticsHistory.Sample(
                callsPerSecond: Double(second), hitRatio: second == 2 ? nil : 0.5, latency99: .microseconds(second),
                providerRequestsPerSecond: 0)
        }
        for match in Self.page(samples: samples).matches(of: /<(\/?)([a-z0-9]+)[^>]*>/) where !empty.contains(match.2) {
            if match.1.isEmpty { open.append(match.2) } else { #expect(open.popLast() == match.2) }
        }
        #expect(open.isEmpty)
    }

    @Test("a plot leaves a gap where there was no value")
    func plot() {
        let plot = Plot(title: "Hits", values: [0.5, 1, nil, 0.25, 0.25], top: 1)
        #expect(plot.html.source.components(separatedBy: "<polyline").count == 3)
        #expect(plot.html.source.contains("points=\"295,30.0 296,1.0\""))
        #expect(Plot(title: "None", values: []).html.source.hasSuffix("aria-label=\"None\"></svg>"))
    }

    @Test("a bar warns when a limit is nearly reached")
    func bar() {
        #expect(Bar(part: 0.5).html.source.contains("class=\"bar\""))
        #expect(Bar(part: 0.9).html.source.contains("class=\"bar warn\""))
        #expect(Bar(part: 1).html.source.contains("class=\"bar bad\""))
        #expect(Bar(part: nil).html.source.contains("off"))
    }
}
