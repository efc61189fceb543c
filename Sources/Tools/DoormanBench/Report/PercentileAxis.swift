private import DoormanPlatform

/// The position of a percentile on HdrHistogram's axis: 90 % is 1, 99 % is 2, 99.9 % is 3. The few slow calls get as much width as
/// the many fast calls.
package struct PercentileAxis: Sendable, Hashable, Comparable {
    package let value: Double

    package init(_ value: Double) {
        self.value = value
    }

    /// - Parameter percentage: 0 or more, and less than 100.
    package init(percentage: Double) {
        precondition((0..<100).contains(percentage))
        value = -log10(1 - percentage / 100)
    }

    /// Creates the position of the slowest of `count` calls, where a curve ends.
    package init(ofLastAmong count: UInt64) {
        value = log10(Double(max(1, count)))
    }

    package var percentage: Double { 100 * (1 - pow(10, -value)) }

    package static func < (lhs: PercentileAxis, rhs: PercentileAxis) -> Bool { lhs.value < rhs.value }
}
