internal import DoormanClient
internal import DoormanSupport

extension StatisticsReport {
    /// One line of JSON, without a newline.
    var json: String { JSONOutput.encode(StatisticsJSON(self)) }
}

/// The JSON output of `doorman stats`.
struct StatisticsJSON: Encodable {
    struct CallKind: Encodable {
        let method: String
        let source: String
        let code: String
        let reason: String
        let count: UInt64
        let total: UInt64
    }

    struct CallLatency: Encodable {
        let method: String
        let source: String
        /// As in ``StatisticsJSON/providerLatencyUs``.
        let latencyUs: [String: UInt64]
    }

    struct ProviderRequestKind: Encodable {
        let provider: String
        let endpoint: String
        let outcome: String
        let count: UInt64
        let total: UInt64
    }

    struct Application: Encodable {
        let provider: String
        let applicationID: String
        let circuitBreaker: String
        let backOffSeconds: Double
    }

    struct Limit: Encodable {
        let setting: String
        @Nullable var provider: String?
        @Nullable var applicationID: String?
        let used: UInt64
        let limit: UInt64
    }

    let outcome = "statistics"
    @Nullable var version: String?
    @Nullable var startedAt: String?
    let uptimeSeconds: Double
    let countedSeconds: Double
    let callsPerSecond: Double
    let hits: UInt64
    let misses: UInt64
    @Nullable var hitRatio: Double?
    let failures: [String: UInt64]
    let calls: [CallKind]
    let callLatencies: [CallLatency]
    let providerRequests: [ProviderRequestKind]
    /// The count, the mean and the percentiles by name. Latencies are in microseconds.
    @Nullable var providerLatencyUs: [String: UInt64]?
    let applications: [Application]
    let limits: [Limit]
    let counters: [String: UInt64]
    let gauges: [String: UInt64]

    init(_ report: StatisticsReport) {
        let (now, period) = (report.now, report.period)
        version = now.version.isEmpty ? nil : now.version
        startedAt = now.startedAt.iso8601
        uptimeSeconds = now.uptime.secondsForJSON
        countedSeconds = period.uptime.secondsForJSON
        callsPerSecond = report.perSecond(report.calls).rounded(toDigits: 1)
        hits = report.hits
        misses = report.misses
        hitRatio = report.hitRatio?.rounded(toDigits: 6)
        failures = Dictionary(uniqueKeysWithValues: report.reasons.map { ($0.name, $0.count) })
        calls = report.callKinds.map { kind in
            CallKind(
                method: kind.method, source: kind.source, code: kind.code, reason: kind.reason, count: period.calls[kind] ?? 0,
                total: now.calls[kind] ?? 0)
        }
        callLatencies = report.latencyKinds.compactMap { kind in
            Self.latency(period.latencies[kind] ?? LatencyHistogram.Snapshot()).map {
                CallLatency(method: kind.method, source: kind.source, latencyUs: $0)
            }
        }
        providerRequests = report.providerCallKinds.map { kind in
            ProviderRequestKind(
                provider: kind.provider, endpoint: kind.endpoint, outcome: kind.outcome, count: period.providerRequests[kind] ?? 0,
                total: now.providerRequests[kind] ?? 0)
        }
        providerLatencyUs = Self.latency(period.providerLatency)
        applications = now.applications.map { application in
            Application(
                provider: application.provider, applicationID: application.applicationID,
                circuitBreaker: application.circuitBreaker.name,
                backOffSeconds: (application.backOff ?? .zero).secondsForJSON)
        }
        limits = now.limits.map {
            Limit(setting: $0.setting, provider: $0.provider, applicationID: $0.applicationID, used: $0.used, limit: $0.limit)
        }
        counters = Self.named(now.counters)
        gauges = Self.named(now.gauges)
    }

    private static func latency(_ latency: LatencyHistogram.Snapshot) -> [String: UInt64]? {
        guard let mean = latency.mean else { return nil }
        var members = ["count": latency.count, "mean": microseconds(mean)]
        for (name, percent) in StatisticsReport.percentiles {
            guard let value = latency.percentile(percent) else { continue }
            members[JSONOutput.memberName(name)] = microseconds(value)
        }
        return members
    }

    private static func microseconds(_ latency: Duration) -> UInt64 {
        UInt64(exactly: (latency / .microseconds(1)).rounded()) ?? (latency < .zero ? 0 : .max)
    }

    private static func named(_ numbers: [ServerStatistics.Name: UInt64]) -> [String: UInt64] {
        Dictionary(uniqueKeysWithValues: numbers.map { ($0.key.rawValue, $0.value) })
    }
}
