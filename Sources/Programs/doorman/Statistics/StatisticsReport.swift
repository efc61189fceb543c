internal import DoormanClient

/// What two answers to `doorman stats` say together: what happened between them, and how things are.
struct StatisticsReport: Sendable, Equatable {
    let now: ServerStatistics
    /// What happened in the time that this is about.
    let period: ServerStatistics
    /// Whether that is all of the server's time.
    let isSinceStart: Bool

    static let percentiles: [(name: String, percent: Double)] = [("p50", 50), ("p90", 90), ("p99", 99), ("p99.9", 99.9)]

    /// - Parameter before: What the server said before; nil, or of another start, for all since its start.
    init(_ now: ServerStatistics, since before: ServerStatistics? = nil) {
        let difference = before.flatMap { now.since($0) }
        self.now = now
        period = difference ?? now
        isSinceStart = difference == nil
    }

    // MARK: - What follows from the numbers

    func perSecond(_ count: UInt64) -> Double {
        let seconds = period.uptime / .seconds(1)
        return seconds > 0 ? Double(count) / seconds : 0
    }

    var calls: UInt64 { Self.sum(period.calls.values) }
    var providerRequests: UInt64 { Self.sum(period.providerRequests.values) }
    var hits: UInt64 { period.counters[.cacheHits] ?? 0 }
    var misses: UInt64 { period.counters[.cacheMisses] ?? 0 }

    /// The part of the calls for a token that memory knew; nil if there were none.
    var hitRatio: Double? {
        let all = Double(hits) + Double(misses)
        return all > 0 ? Double(hits) / all : nil
    }

    /// Why calls failed, or the code where there is no reason, the most frequent first.
    var reasons: [(name: String, count: UInt64)] {
        var counts: [String: UInt64] = [:]
        for (kind, count) in period.calls where !kind.code.isEmpty && kind.code != "OK" {
            counts[kind.outcome] = Self.sum([counts[kind.outcome] ?? 0, count])
        }
        return counts.map { (name: $0.key, count: $0.value) }.sorted { ($1.count, $0.name) < ($0.count, $1.name) }
    }

    /// In the order of their names.
    var callKinds: [ServerStatistics.CallKind] {
        now.calls.keys.sorted { ($0.method, $0.source, $0.code, $0.reason) < ($1.method, $1.source, $1.code, $1.reason) }
    }

    var providerCallKinds: [ServerStatistics.ProviderRequestKind] {
        now.providerRequests.keys.sorted { ($0.endpoint, $0.outcome) < ($1.endpoint, $1.outcome) }
    }

    /// What another machine counted may be anything.
    private static func sum(_ counts: some Sequence<UInt64>) -> UInt64 {
        counts.reduce(0) { sum, count in
            let (next, overflow) = sum.addingReportingOverflow(count)
            return overflow ? .max : next
        }
    }
}

extension ServerStatistics.CallKind {
    /// The reason, or the code where there is none; empty for an answer from memory.
    var outcome: String { reason.isEmpty ? code : reason }
}

extension ServerStatistics.LimitState {
    /// How much of it is used, from 0 to 1; nil where nothing is allowed.
    var fullness: Double? { limit > 0 ? Double(used) / Double(limit) : nil }
}

extension ServerStatistics.CircuitBreaker {
    var name: String {
        switch self {
        case .closed: "closed"
        case .halfOpen: "half-open"
        case .open: "open"
        case .unknown: "unknown"
        }
    }
}

extension Report {
    init(_ statistics: StatisticsReport) {
        self.init(text: statistics.text, json: StatisticsJSON(statistics), status: .success)
    }
}
