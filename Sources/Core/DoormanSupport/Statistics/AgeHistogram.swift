/// A histogram of ages from seconds to an hour. ``LatencyHistogram`` ends at a minute.
package struct AgeHistogram: Sendable, Hashable {
    /// The upper bounds of the buckets, in seconds. A last bucket counts greater ages.
    package static let bounds: [UInt64] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600]

    /// The number of ages in each bucket, and above the last bound.
    package private(set) var counts = [UInt64](repeating: 0, count: bounds.count + 1)
    /// The sum of all ages in nanoseconds.
    package private(set) var nanoseconds: UInt64 = 0

    package init() {}

    package mutating func record(nanoseconds age: UInt64) {
        let bucket = Self.bounds.firstIndex { age <= $0 * 1_000_000_000 } ?? Self.bounds.count
        counts[bucket] &+= 1
        nanoseconds &+= age
    }

    /// Returns the bound that a percentage of the ages do not exceed.
    ///
    /// - Returns: The bound in words, such as `30 s`; `nil` without an age, and above the last bound.
    package func percentile(_ percent: Double) -> String? {
        let total = counts.reduce(0, &+)
        guard total > 0 else { return nil }
        var seen: UInt64 = 0
        for (bound, count) in zip(Self.bounds, counts) {
            seen &+= count
            if Double(seen) >= Double(total) * percent / 100 { return DurationText.describe(.seconds(Int64(bound))) }
        }
        return nil
    }

    package mutating func add(_ other: AgeHistogram) {
        for index in counts.indices { counts[index] &+= other.counts[index] }
        nanoseconds &+= other.nanoseconds
    }
}
