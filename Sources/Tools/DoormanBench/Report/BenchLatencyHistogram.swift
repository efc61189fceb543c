internal import DoormanCore
internal import DoormanSupport
internal import Histogram

/// The latencies of calls: an HdrHistogram, which keeps three significant digits of any latency in constant memory.
package struct BenchLatencyHistogram: Sendable {
    /// Maximum latency in nanoseconds: two days, which is twice the longest call timeout.
    private static let maxLatency: UInt64 = 172_800_000_000_000

    private var histogram = Histogram<UInt64>(highestTrackableValue: maxLatency, numberOfSignificantValueDigits: .three)

    package init() {}

    package var count: UInt64 { histogram.totalCount }

    package mutating func record(_ latency: Duration) {
        histogram.record(min(UInt64(clamping: latency.nanoseconds), Self.maxLatency))
    }

    package mutating func add(_ other: BenchLatencyHistogram) {
        histogram.add(other.histogram)
    }

    /// The summary; `nil` if nothing was recorded.
    package var summary: LatencySummary? {
        guard count > 0 else { return nil }
        let nines = PercentileAxis(ofLastAmong: count)
        let steps = max(1, Int((nines.value * Double(Self.stepsPerNine)).rounded(.up)))
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

    private static let stepsPerNine = 40

    private func latency(_ percentage: Double) -> Duration {
        Self.duration(histogram.valueAtPercentile(percentage))
    }

    private static func duration(_ nanoseconds: UInt64) -> Duration {
        .nanoseconds(Int64(clamping: nanoseconds))
    }
}

/// The summary of a latency histogram.
package struct LatencySummary: Sendable, Hashable {
    package struct Value: Sendable, Hashable {
        package let percentile: Percentile
        package let latency: Duration
    }

    /// A point of the curve: the given part of all calls took `latency` or less.
    package struct Point: Sendable, Hashable {
        package let nines: PercentileAxis
        package let latency: Duration
    }

    package let count: UInt64
    package let min: Duration
    package let mean: Duration
    package let percentiles: [Value]
    package let max: Duration
    /// The curve from the fastest call to the slowest.
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
