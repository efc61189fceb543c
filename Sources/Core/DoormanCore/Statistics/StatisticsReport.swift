/// A report on the statistics of a server: the current state, and the events of a period. The CLI and the status page show it.
package struct StatisticsReport: Sendable, Equatable {
    package let now: ServerStatistics
    /// The counters of the period.
    package let period: ServerStatistics
    /// Whether the period began with the server's start.
    package let isSinceStart: Bool

    package static let percentiles: [(name: String, percent: Double)] = [("p50", 50), ("p90", 90), ("p99", 99), ("p99.9", 99.9)]

    /// - Parameters:
    ///   - now: The current statistics.
    ///   - before: The statistics at the start of the period. If they are `nil` or of an earlier run of the server, the period begins with
    ///     the server's start.
    package init(_ now: ServerStatistics, since before: ServerStatistics? = nil) {
        let difference = before.flatMap { now.since($0) }
        self.now = now
        period = difference ?? now
        isSinceStart = difference == nil
    }

    // MARK: - Derived numbers

    package func perSecond(_ count: UInt64) -> Double {
        let seconds = period.uptime / .seconds(1)
        return seconds > 0 ? Double(count) / seconds : 0
    }

    package var calls: UInt64 { Self.sum(period.calls.values) }
    package var providerRequests: UInt64 { Self.sum(period.providerRequests.values) }
    package var hits: UInt64 { period.counters[.cacheHits] ?? 0 }
    package var misses: UInt64 { period.counters[.cacheMisses] ?? 0 }

    /// The part of cache lookups that were hits, from 0 to 1. `nil` without lookups.
    package var hitRatio: Double? {
        let all = Double(hits) + Double(misses)
        return all > 0 ? Double(hits) / all : nil
    }

    /// The latencies of the cache's responses to `Verify`.
    package var hitLatency: LatencyHistogram.Snapshot {
        period.latencies[ServerStatistics.LatencyKind(method: "Verify", source: "cache")] ?? LatencyHistogram.Snapshot()
    }

    /// The latencies of all calls.
    package var latency: LatencyHistogram.Snapshot {
        period.latencies.values.reduce(LatencyHistogram.Snapshot()) { $0.adding($1) }
    }

    package var latencyKinds: [ServerStatistics.LatencyKind] {
        now.latencies.keys.sorted { ($0.method, $0.source) < ($1.method, $1.source) }
    }

    /// The reasons of failed calls, the most frequent first. A failure without a reason counts by its code.
    package var reasons: [(name: String, count: UInt64)] {
        var counts: [String: UInt64] = [:]
        for (kind, count) in period.calls where !kind.code.isEmpty && kind.code != "OK" {
            counts[kind.outcome] = Self.sum([counts[kind.outcome] ?? 0, count])
        }
        return counts.map { (name: $0.key, count: $0.value) }.sorted { ($1.count, $0.name) < ($0.count, $1.name) }
    }

    /// The kinds of calls, sorted by name.
    package var callKinds: [ServerStatistics.CallKind] {
        now.calls.keys.sorted { ($0.method, $0.source, $0.code, $0.reason) < ($1.method, $1.source, $1.code, $1.reason) }
    }

    package var providerCallKinds: [ServerStatistics.ProviderRequestKind] {
        now.providerRequests.keys.sorted { ($0.endpoint, $0.outcome) < ($1.endpoint, $1.outcome) }
    }

    /// Adds counts without overflow, because the peer could send any number.
    private static func sum(_ counts: some Sequence<UInt64>) -> UInt64 {
        counts.reduce(0) { sum, count in
            let (next, overflow) = sum.addingReportingOverflow(count)
            return overflow ? .max : next
        }
    }
}

extension ServerStatistics.CallKind {
    /// The reason, or the code if there is no reason.
    package var outcome: String { reason.isEmpty ? code : reason }
}

extension ServerStatistics.LimitState {
    /// The used part of the limit, 1 for all of it. `nil` for a limit of 0.
    package var fullness: Double? { limit > 0 ? Double(used) / Double(limit) : nil }
}

extension ServerStatistics.CircuitBreaker {
    package var name: String {
        switch self {
        case .closed: "closed"
        case .halfOpen: "half-open"
        case .open: "open"
        case .unknown: "unknown"
        }
    }
}
