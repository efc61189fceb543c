internal import DoormanCore
internal import DoormanFleet
internal import DoormanSupport

extension StatusPage {
    /// The section of the fleet; empty if the server belongs to none.
    var fleetSection: HTML {
        guard let fleet = figures.details.fleet else { return "" }
        let (statistics, counts) = (fleet.statistics, fleet.statistics.counts)
        let states: [(name: String, value: HTML)] = [
            ("Store", store(statistics)), ("Caught up with the log", caughtUp(fleet)),
            ("Servers", "\(count(UInt64(max(0, statistics.nodes))))"),
            ("Revocations that wait for the store", "\(count(UInt64(max(0, statistics.waitingRevocations))))"),
            ("Latency of the store", latency(counts.latency.snapshot)),
        ]
        let rejected = counts.entriesRejected.values.reduce(0, &+)
        let foreign = counts.recordsRejected.values.reduce(0, &+)
        let events: [(name: String, value: HTML)] = [
            ("Verdicts from the store", counts.entryHits), ("Looks without a verdict", counts.entryMisses),
            ("Verdicts shared", counts.entriesShared), ("Verdicts not used", rejected),
            ("Revocations applied", counts.revocationsApplied), ("Revocations sent", counts.revocationsSent),
            ("Records not used", foreign), ("Losses of records", counts.losses), ("Replays of the log", counts.replays),
            ("Failures of the store", counts.storeFailures.values.reduce(0, &+)),
        ].map { ($0.0, "\(count($0.1))") }
        return section("Fleet", "\(list(states))\n<h3>Events since the start</h3>\n\(list(events))")
    }

    private func store(_ statistics: FleetStatistics) -> HTML {
        guard let server = statistics.server else {
            let cause: HTML = statistics.lastFailure.map { " \($0)" } ?? ""
            return "<span class=\"state bad\">unreachable</span>\(cause)"
        }
        let state: HTML =
            statistics.isResponsive ? "<span class=\"state good\">connected</span>" : "<span class=\"state warn\">slow</span>"
        return "\(server.version) \(state)"
    }

    private func caughtUp(_ fleet: FleetFigures) -> HTML {
        let age: HTML = fleet.statistics.caughtUpAge.map { "\(DurationText.rough($0)) ago" } ?? "not yet"
        let state: HTML = fleet.isCaughtUp ? "<span class=\"state good\">yes</span>" : "<span class=\"state bad\">no</span>"
        return "\(age) \(state)"
    }

    private func latency(_ latency: LatencyHistogram.Snapshot) -> HTML {
        let times = [50, 99].map { "p\($0) \(latency.percentile(Double($0)).map(DurationText.latency) ?? "–")" }
        return "\(times.joined(separator: ", "))"
    }
}
