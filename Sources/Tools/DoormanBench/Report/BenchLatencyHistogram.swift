internal import DoormanCore
internal import DoormanSupport
internal import Histogram

/// How long calls took: an HdrHistogram, which keeps three significant digits of any length of time in a fixed memory.
package struct BenchLatencyHistogram: Sendable {
    /// In nanoseconds: two days, twice the longest time that a call may be given.
    private static let longest: UInt64 = 172_800_000_000_000

    private var histogram = Histogram<UInt64>(highestTrackableValue: longest, numberOfSignificantValueDigits: .three)

    package init() {}

    package var count: UInt64 { histogram.totalCount }

    package mutating func record(_ latency: Duration) {
        histogram.record(min(UInt64(clamping: latency.nanoseconds), Self.longest))
    }

    package mutating func add(_ other: BenchLatencyHistogram) {
        histogram.add(other.histogram)
    }

    /// Nil if nothing was recorded.
    package var summary: LatencySummary? {
        guard count > 0 else { return nil }
        let nines = PercentileAxis(ofLastAmong: count)
        let steps = max(1, Int((nines.value * Double(Self.stepsForANine)).rounded(.up)))
        return LatencySummary(
            count: count, min: Self.duration(histogram.min), mean: .nanoseconds(Int64(histogram.mean)),
            percentiles: Percentile.allCases.map { .init(percentile: $0, latency: latency($0.rawValue)) },
            max: Self.duration(histogram.maxRecorded),
            curve: (0...steps).map { step in
                guard step < steps else { return .init(nines: nines, latency: Self.duration(histogram.maxRecorded)) }
                let nines = PercentileAxis(nines.value * Double(step) / Double(steps))
                return .init(nines: nines, latency: latency(nines.percentage))
            })
    }

    private static let stepsForANine = 40

    private func latency(_ percentage: Double) -> Duration {
        Self.duration(histogram.valueAtPercentile(percentage))
    }

    private static func duration(_ nanoseconds: UInt64) -> Duration {
        .nanoseconds(Int64(clamping: nanoseconds))
    }
}

/// What a histogram of latencies comes to.
package struct LatencySummary: Sendable, Hashable {
    package struct Value: Sendable, Hashable {
        package let percentile: Percentile
        package let latency: Duration
    }

    /// A point of the curve that is drawn: so many calls took that long or less.
    package struct Point: Sendable, Hashable {
        package let nines: PercentileAxis
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
