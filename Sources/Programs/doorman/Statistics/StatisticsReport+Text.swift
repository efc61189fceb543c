internal import DoormanClient
internal import DoormanSupport

extension StatisticsReport {
    /// The report as a screen of text: the most important facts as lines, then tables.
    var text: String {
        ([Report.aligned(lines)] + tables.compactMap(\.self)).joined(separator: "\n")
    }

    /// The report on one line, without a newline.
    var line: String {
        var parts = [
            "\(NumberText.rate(perSecond(calls))) calls/s",
            hitRatio.map { "\(NumberText.percentage(ofPart: $0)) hits" } ?? "no hits",
            "provider \(NumberText.rate(perSecond(providerRequests)))/s"
                + (Self.latency(period.providerLatency).map { " " + $0 } ?? ""),
        ]
        if let reasons = reasonsText { parts.append("failures " + reasons) }
        parts += ["circuit breaker \(circuitBreakers)"]
        parts += now.limits.filter { $0.used > 0 }.map { limit in
            "\(limit.setting) \(limit.fullness.map(NumberText.percentage(ofPart:)) ?? "–")"
        }
        return "\(now.timeText) \(parts.joined(separator: ", "))".printable
    }

    private var lines: [(key: String, value: String)] {
        var lines = [
            ("version", now.version.isEmpty ? "–" : now.version),
            ("started", "\(now.startedAt.iso8601 ?? "–"), \(DurationText.rough(now.uptime)) ago"),
            ("counted", isSinceStart ? "since then" : "in \(DurationText.describe(period.uptime))"),
            ("calls", "\(Self.number(calls)), \(NumberText.rate(perSecond(calls))) per second"),
            ("hit ratio", hitsText ?? "–"),
            ("hit latency", Self.latency(hitLatency) ?? "–"),
            ("failures", reasonsText ?? "none"),
            ("provider", "\(Self.number(providerRequests)) requests, \(NumberText.rate(perSecond(providerRequests))) per second"),
            ("request latency", Self.latency(period.providerLatency) ?? "–"),
            ("circuit breaker", circuitBreakers), ("fullest", fullest ?? "–"),
            ("capacity", "\(Self.number(now.gauges[.cacheCapacity] ?? 0)) tokens of an application can be kept fresh"),
        ]
        if let expiry = now.gauges[.tlsCertificateExpiry] {
            // A time after the year 10000 is malformed.
            let end = expiry < 1 << 38 ? Timestamp(millisecondsSince1970: 1000 * Int64(expiry)).iso8601 : nil
            lines.append(("certificate", "ends \(end ?? "–")"))
        }
        return lines
    }

    private var hitsText: String? {
        hitRatio.map { "\(NumberText.percentage(ofPart: $0)) of \(Self.number(hits)) hits and \(Self.number(misses)) misses" }
    }

    private static func latency(_ latency: LatencyHistogram.Snapshot) -> String? {
        guard let mean = latency.mean else { return nil }
        let percentiles = percentiles.compactMap { percentile in
            latency.percentile(percentile.percent).map { "\(percentile.name) \(DurationText.latency($0))" }
        }
        return (["mean \(DurationText.latency(mean))"] + percentiles).joined(separator: " ")
    }

    /// The five most frequent reasons.
    private var reasonsText: String? {
        let most = reasons.prefix(5).map { "\($0.name) \(Self.number($0.count))" }
        return most.isEmpty ? nil : most.joined(separator: " ")
    }

    /// The states of the circuit breakers. With several applications, names only those that are not closed or back off.
    private var circuitBreakers: String {
        let limited = now.applications.filter { $0.circuitBreaker != .closed || $0.backOff != nil }
        let states = limited.map { application in
            let backOff = application.backOff.map { ", backing off for \(DurationText.describe($0))" } ?? ""
            return (now.applications.count > 1 ? application.name + " " : "") + application.circuitBreaker.name + backOff
        }
        guard !limited.isEmpty else { return now.applications.isEmpty ? "–" : "closed" }
        return (states + (limited.count < now.applications.count ? ["others closed"] : [])).joined(separator: "; ")
    }

    /// The limit with the highest use.
    private var fullest: String? {
        let limit = now.limits.max { ($0.fullness ?? 0) < ($1.fullness ?? 0) }
        return limit.flatMap { limit in limit.fullness.map { "\(limit.setting) \(NumberText.percentage(ofPart: $0))" } }
    }

    private var tables: [String?] {
        let calls = callKinds.map { kind in
            [kind.method.isEmpty ? "–" : kind.method, kind.source, kind.outcome.isEmpty ? "–" : kind.outcome]
                + Self.counts(of: period.calls[kind] ?? 0, perSecond, inAll: now.calls[kind] ?? 0)
        }
        let provider = providerCallKinds.map { kind in
            [kind.provider.isEmpty ? "–" : kind.provider, kind.endpoint, kind.outcome]
                + Self.counts(of: period.providerRequests[kind] ?? 0, perSecond, inAll: now.providerRequests[kind] ?? 0)
        }
        let limits = now.limits.map { limit in
            [
                limit.setting, limit.provider ?? limit.applicationID ?? "–", Self.number(limit.used), Self.number(limit.limit),
                limit.fullness.map(NumberText.percentage(ofPart:)) ?? "–",
            ]
        }
        return [
            TextTable.text(["method", "answered by", "outcome", "calls", "per second", "total"], calls, numbersFrom: 3),
            TextTable.text(["provider", "endpoint", "outcome", "requests", "per second", "total"], provider, numbersFrom: 3),
            TextTable.text(["limit", "provider", "used", "of", "full"], limits, numbersFrom: 2),
        ]
    }

    private static func counts(of count: UInt64, _ perSecond: (UInt64) -> Double, inAll all: UInt64) -> [String] {
        [number(count), NumberText.rate(perSecond(count)), number(all)]
    }

    private static func number(_ number: UInt64) -> String {
        NumberText.grouped(Int(clamping: number))
    }
}

extension ServerStatistics {
    /// The time at which the server read the figures.
    var timeText: String { startedAt.advanced(by: uptime).iso8601 ?? "–" }
}

extension ServerStatistics.ApplicationState {
    /// The name of the provider, or the application's id if the server is older than that name.
    fileprivate var name: String { provider.isEmpty ? applicationID : provider }
}

extension Report {
    init(_ statistics: StatisticsReport) {
        self.init(text: statistics.text, json: StatisticsJSON(statistics), status: .success)
    }
}
