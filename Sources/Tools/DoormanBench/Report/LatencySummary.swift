/// What a histogram of latencies comes to.
package struct LatencySummary: Sendable, Hashable {
    package struct Value: Sendable, Hashable {
        package let percentile: Percentile
        package let latency: Duration
    }

    /// A point of the curve that is drawn: so many calls took that long or less.
    package struct Point: Sendable, Hashable {
        package let nines: Nines
        package let latency: Duration
    }

    package let count: UInt64
    package let min: Duration
    package let mean: Duration
    package let percentiles: [Value]
    package let max: Duration
    /// From the fastest call to the slowest.
    package let curve: [Point]

    package subscript(_ percentile: Percentile) -> Duration {
        percentiles.first { $0.percentile == percentile }?.latency ?? max
    }
}

/// The percentiles that are reported, in percent.
package enum Percentile: Double, Sendable, Hashable, CaseIterable {
    case p50 = 50
    case p90 = 90
    case p99 = 99
    case p999 = 99.9
    case p9999 = 99.99

    /// `p99.9`
    package var name: String {
        switch self {
        case .p50: "p50"
        case .p90: "p90"
        case .p99: "p99"
        case .p999: "p99.9"
        case .p9999: "p99.99"
        }
    }
}
