internal import DoormanCore
internal import DoormanSupport

/// The page for people: a pure function of the figures and of the last minutes.
struct StatusPage {
    let figures: AdminFigures
    let samples: [StatisticsHistory.Sample]
    /// The present statistics, and the events of the last minute.
    let minute: StatisticsReport

    /// - Parameter minuteAgo: Earlier statistics. If they are `nil`, the page shows the time since the server's start.
    init(_ figures: AdminFigures, samples: [StatisticsHistory.Sample], minuteAgo: ServerStatistics?) {
        self.figures = figures
        self.samples = samples
        minute = StatisticsReport(figures.statistics, since: minuteAgo)
    }

    var statistics: ServerStatistics { figures.statistics }

    /// The whole page. The script replaces only its `main`.
    var html: HTML {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>Doorman: \(state.word)</title>
        <link rel="icon" type="image/svg+xml" href="/status.svg">
        <link rel="stylesheet" href="/status.css">
        <script src="/status.js" defer></script>
        </head>
        <body>
        <main id="status">
        \(header)
        \(cards)
        <div class="sections">
        <div>
        \(HTML([callsSection, failuresSection, callersSection, providerSection, serverSection], separator: "\n"))
        </div>
        <div>
        \(HTML([cacheSection, fleetSection, limitsSection], separator: "\n"))
        </div>
        </div>
        </main>
        <footer>
        <p id="live"><noscript>Reload the page for new figures: without JavaScript it does not update itself.</noscript></p>
        <p><a href="/metrics">Metrics</a> · <a href="/config">Settings</a> · <a href="/readyz">Readiness</a> · \
        <a href="/livez">Liveness</a></p>
        </footer>
        </body>
        </html>

        """
    }

    // MARK: - The top

    private var state: (word: String, kind: String) {
        switch figures.readiness {
        case .ready: ("ready", "good")
        case .starting, .awaitingProviders: ("not ready", "warn")
        case .draining: ("draining", "warn")
        }
    }

    private var header: HTML {
        let cause: HTML = figures.readiness == .ready ? "" : "<p class=\"cause\">\(figures.readiness.text)</p>"
        return """
            <header>
            <h1>Doorman <span class="state \(state.kind)">\(state.word)</span></h1>
            <p>Version \(statistics.version) · up \(DurationText.rough(statistics.uptime)) · since \
            \(statistics.startedAt.iso8601 ?? "–")</p>
            \(cause)
            </header>
            """
    }

    /// The period that rates and percentages are about.
    var period: HTML { minute.isSinceStart ? "since the start" : "in the last minute" }

    private var cards: HTML {
        let latency = minute.latency
        let calls = samples.map(\.callsPerSecond)
        let hits = samples.map(\.hitRatio)
        let latencies = samples.map { $0.latency99.map { $0 / .seconds(1) } }
        let requests = samples.map(\.providerRequestsPerSecond)
        let all = [
            Card(
                title: "Calls per second", value: NumberText.rate(minute.perSecond(minute.calls)),
                detail: "\(count(minute.calls)) calls", values: calls,
                note: calls.max().map { "highest in 5 min: \(NumberText.rate($0))" }),
            Card(
                title: "Hit ratio", value: minute.hitRatio.map(NumberText.percentage(ofPart:)) ?? "–",
                detail: "\(count(minute.misses)) misses", values: hits, top: 1,
                note: hits.compactMap(\.self).min().map { "lowest in 5 min: \(NumberText.percentage(ofPart: $0))" }),
            Card(
                title: "Latency p99", value: latency.percentile(99).map(DurationText.latency) ?? "–",
                detail: "p50 \(latency.percentile(50).map(DurationText.latency) ?? "–")", values: latencies,
                note: samples.compactMap(\.latency99).max().map { "highest in 5 min: \(DurationText.latency($0))" }),
            Card(
                title: "Provider requests per second", value: NumberText.rate(minute.perSecond(minute.providerRequests)),
                detail: "\(count(minute.providerRequests)) requests", values: requests,
                note: requests.max().map { "highest in 5 min: \(NumberText.rate($0))" }),
        ]
        return "<div class=\"cards\">\n\(HTML(all.map(html(of:)), separator: "\n"))\n</div>"
    }

    /// A figure of the last minute, with a plot of the last five.
    private struct Card {
        let title: String
        let value: String
        let detail: String
        let values: [Double?]
        var top: Double?
        /// What stands below the plot; `nil` without a value.
        let note: String?
    }

    private func html(of card: Card) -> HTML {
        """
        <section class="card">
        <h2>\(card.title)</h2>
        <p class="value">\(card.value)</p>
        <p class="detail">\(card.detail) \(period)</p>
        \(Plot(title: "\(card.title) in the last five minutes", values: card.values, top: card.top).html)
        <p class="axis"><span>\(card.note ?? "")</span><span>now</span></p>
        </section>
        """
    }

    // MARK: - Parts of sections

    /// - Parameter content: The section's tables and lists.
    func section(_ title: String, _ content: HTML) -> HTML {
        "<section>\n<h2>\(title)</h2>\n\(content)\n</section>"
    }

    func count(_ count: UInt64) -> String { NumberText.grouped(Int(clamping: count)) }

    /// A list of names and values.
    func list(_ rows: [(name: String, value: HTML)]) -> HTML {
        "<dl>\n\(HTML(rows.map { "<div><dt>\($0.name)</dt><dd>\($0.value)</dd></div>\n" }))</dl>"
    }
}
