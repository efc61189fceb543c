internal import DoormanCore
internal import DoormanServer
internal import DoormanSupport

/// The sections of the page.
extension StatusPage {
    /// The maximum rows of a table whose length depends on what happened.
    private static let maximumRows = 12

    // MARK: - Calls

    var callsSection: HTML {
        let kinds = minute.latencyKinds.filter { minute.period.latencies[$0] != nil }
        let table = HTMLTable(
            columns: ["Method", "Answered by", "Per second", "p50", "p99", "p99.9"], numbersFrom: 2,
            rows: kinds.map { kind in
                let latency = minute.period.latencies[kind] ?? LatencyHistogram.Snapshot()
                let times = [50, 99, 99.9].map { latency.percentile($0).map(DurationText.latency) ?? "–" }
                return ["\(kind.method)", "\(kind.source)", "\(NumberText.rate(minute.perSecond(latency.count)))"]
                    + times.map { "\($0)" }
            }, empty: "No calls \(period).")
        return section("Calls", "<p>Latency \(period), from the request to the response.</p>\n\(table.html)")
    }

    var failuresSection: HTML {
        var recent: [String: UInt64] = [:]
        for reason in minute.reasons { recent[reason.name] = reason.count }
        // Those of now first, then those of before.
        let reasons = StatisticsReport(statistics).reasons.sorted { (recent[$0.name] ?? 0) > (recent[$1.name] ?? 0) }
        let table = HTMLTable(
            columns: ["Reason", minute.isSinceStart ? "Recently" : "Last minute", "Since the start"], numbersFrom: 1,
            rows: reasons.prefix(Self.maximumRows).map { reason in
                ["<code>\(reason.name)</code>", "\(count(recent[reason.name] ?? 0))", "\(count(reason.count))"]
            }, empty: "No call has failed since the start.")
        return section("Failures", table.html)
    }

    /// The callers by the rule of the policy that they match. The callers themselves are too many for a page.
    var callersSection: HTML {
        let rules = figures.details.counters.rules.sorted { ($0.value.calls, $1.key) > ($1.value.calls, $0.key) }
        let causes = RuleCounters.Cause.allCases
        let table = HTMLTable(
            columns: ["Rule of the policy", "Calls"] + causes.map(\.title), numbersFrom: 1,
            rows: rules.prefix(Self.maximumRows).map { rule, counts in
                ["\(rule)", "\(count(counts.calls))"] + causes.map { "\(count(counts.turnedDown[$0] ?? 0))" }
            }, empty: "No caller has come yet.")
        return section(
            "Callers by rule",
            "<p>Calls since the start: allowed, and turned down by the rule's permissions or limits.</p>\n\(table.html)")
    }

    // MARK: - Providers

    var providerSection: HTML {
        let states = HTMLTable(
            columns: ["Provider", "Application", "Circuit breaker", "Back-off", "In flight", "Waiting"], numbersFrom: 3,
            rows: statistics.applications.map { application in
                [
                    "\(application.provider)", "\(application.applicationID)", state(of: application.circuitBreaker),
                    "\(application.backOff.map(DurationText.describe) ?? "–")",
                    "\(used("provider.max-concurrent-calls", of: application))",
                    "\(used("provider.max-waiting-calls", of: application))",
                ]
            }, empty: "There is no provider.")
        let kinds = minute.providerCallKinds.sorted { (requests($0), total($0)) > (requests($1), total($1)) }
        let outcomes = HTMLTable(
            columns: ["Provider", "Endpoint", "Outcome", minute.isSinceStart ? "Recently" : "Last minute", "Since the start"],
            numbersFrom: 3,
            rows: kinds.prefix(Self.maximumRows).map { kind in
                [
                    "\(kind.provider)", "<code>\(kind.endpoint)</code>", "<code>\(kind.outcome)</code>",
                    "\(count(requests(kind)))", "\(count(total(kind)))",
                ]
            }, empty: "No request since the start.")
        let times = [50, 99].map { percent in
            "p\(percent) \(minute.period.providerLatency.percentile(Double(percent)).map(DurationText.latency) ?? "–")"
        }
        return section(
            "Providers",
            "\(states.html)\n<p>Latency of their responses \(period): \(times.joined(separator: ", ")).</p>\n\(outcomes.html)")
    }

    private func state(of circuitBreaker: ServerStatistics.CircuitBreaker) -> HTML {
        let kind =
            switch circuitBreaker {
            case .closed: "good"
            case .halfOpen, .unknown: "warn"
            case .open: "bad"
            }
        return "<span class=\"state \(kind)\">\(circuitBreaker.name)</span>"
    }

    private func used(_ setting: String, of application: ServerStatistics.ApplicationState) -> String {
        let limit = statistics.limits.first {
            $0.setting == setting && $0.provider == application.provider && $0.applicationID == application.applicationID
        }
        return limit.map { count($0.used) } ?? "–"
    }

    private func requests(_ kind: ServerStatistics.ProviderRequestKind) -> UInt64 { minute.period.providerRequests[kind] ?? 0 }

    private func total(_ kind: ServerStatistics.ProviderRequestKind) -> UInt64 { statistics.providerRequests[kind] ?? 0 }

    // MARK: - Cache

    var cacheSection: HTML {
        let fills: [(name: String, value: HTML)] = [
            ("Valid tokens", "cache.max-entries"), ("Memory of valid tokens", "cache.max-bytes"),
            ("Rejected tokens", "cache.max-negative-entries"), ("Memory of rejected tokens", "cache.max-negative-bytes"),
            ("Denied tokens and accounts", "cache.max-denials"),
        ].compactMap { name, setting in
            statistics.limit(setting).map { limit in
                (name, "\(amount(limit.used, setting)) of \(amount(limit.limit, setting)) \(Bar(part: limit.fullness).html)")
            }
        }
        let sustainable = statistics.gauges[.cacheCapacity].map { [("Can be kept fresh, per application", "\(count($0))" as HTML)] }
        let ages = [50, 99].map { "p\($0) \(figures.details.cache.ages.percentile(Double($0)).map { "≤ \($0)" } ?? "–")" }
        let age: [(name: String, value: HTML)] = [("Age of served verdicts, since the start", "\(ages.joined(separator: ", "))")]
        let events: [(name: String, value: HTML)] = [
            ("Hits", .cacheHits), ("Misses", .cacheMisses), ("Misses that joined a lookup", .cacheJoined),
            ("Refreshes before the end of the TTL", .cacheRefreshed), ("Stale hits", .cacheStaleHits),
            ("Evictions of valid tokens", .cacheEvictions), ("Evictions of rejected tokens", .cacheNegativeEvictions),
            ("Rejection storms", .cacheRejectionStorms),
        ].map { (name: String, counter: ServerStatistics.Name) in
            (name, "\(count(minute.period.counters[counter] ?? 0))")
        }
        return section(
            "Cache", "\(list(fills + (sustainable ?? []) + age))\n<h3>Events \(period)</h3>\n\(list(events))")
    }

    private func amount(_ amount: UInt64, _ setting: String) -> String {
        setting.hasSuffix("bytes") ? bytes(amount) : count(amount)
    }

    private func bytes(_ count: UInt64) -> String {
        var (value, units) = (Double(count), ["B", "KiB", "MiB", "GiB", "TiB"][...])
        while value >= 1024, units.count > 1 {
            value /= 1024
            units.removeFirst()
        }
        let digits = value < 100 && units.first != "B" ? 1 : 0
        return "\(NumberText.decimal(value, digits: digits)) \(units.first ?? "")"
    }

    // MARK: - Limits

    var limitsSection: HTML {
        let limits = statistics.limits.sorted { ($0.fullness ?? 0) > ($1.fullness ?? 0) }
        let table = HTMLTable(
            columns: ["Limit", "Used", "Of", "Full"], numbersFrom: 1,
            rows: limits.map { limit in
                let provider: HTML = limit.provider.map { " <small>\($0)</small>" } ?? ""
                return [
                    "<code>\(limit.setting)</code>\(provider)", "\(amount(limit.used, limit.setting))",
                    "\(amount(limit.limit, limit.setting))",
                    "\(limit.fullness.map(NumberText.percentage(ofPart:)) ?? "–") \(Bar(part: limit.fullness).html)",
                ]
            }, empty: "The server has no limits.")
        return section("Limits", table.html)
    }

    // MARK: - Server

    var serverSection: HTML {
        var rows: [(name: String, value: HTML)] = [("TLS certificate", certificate)]
        rows += [
            ("Reloads of the settings", .reloadsApplied), ("Failed reloads", .reloadsFailed),
            ("Log lines dropped", .logLinesDropped), ("Connections opened to providers", .providerConnectionsOpened),
        ].map { (name: String, counter: ServerStatistics.Name) in (name, "\(count(statistics.counters[counter] ?? 0))") }
        if let resident = figures.process.residentBytes { rows.append(("Memory", "\(bytes(resident))")) }
        if let open = figures.process.openDescriptors, let most = figures.process.maximumDescriptors {
            rows.append(("Open files", "\(count(open)) of \(count(most))"))
        }
        for wireProtocol in ServerProtocol.allCases {
            let connections = figures.details.counters.connections[wireProtocol]
            rows.append(
                (
                    "Connections of \(wireProtocol)",
                    "\(count(UInt64(max(0, connections?.open ?? 0)))) open, \(count(connections?.accepted ?? 0)) accepted"
                ))
        }
        let handshakes = figures.details.counters.handshakes
        if statistics.gauges[.tlsCertificateExpiry] != nil {
            rows.append(("TLS handshakes", "\(count(handshakes.completed)) completed, \(count(handshakes.failed)) failed"))
        }
        let lag = figures.details.counters.loopLag.snapshot.percentile(99)
        rows.append(("Delay of event loops, p99", "\(lag.map(DurationText.latency) ?? "–")"))
        rows += statistics.connectionsClosed.map { ("Connections closed: \($0.reason)", "\(count($0.count))") }
        return section("Server", "<p>Counted since the start.</p>\n\(list(rows))")
    }

    private var certificate: HTML {
        guard let expiry = statistics.gauges[.tlsCertificateExpiry] else { return "TLS is off" }
        let end = Timestamp(millisecondsSince1970: 1000 * Int64(clamping: min(expiry, 1 << 38)))
        let now = statistics.startedAt.advanced(by: statistics.uptime)
        let rest = Duration.milliseconds(end.millisecondsSince1970 - now.millisecondsSince1970)
        let kind = rest < .seconds(7 * 86_400) ? "bad" : rest < .seconds(21 * 86_400) ? "warn" : "good"
        let text = rest > .zero ? "\(DurationText.rough(rest)) left" : "expired"
        return "\(end.iso8601 ?? "–") <span class=\"state \(kind)\">\(text)</span>"
    }
}

extension RuleCounters.Cause {
    /// The head of a column.
    fileprivate var title: String {
        switch self {
        case .permission: "No permission"
        case .rate: "Over the rate"
        case .concurrency: "Too many at once"
        case .misses: "Too many misses"
        }
    }
}
