package import DoormanCore

/// Counts latencies into the buckets of ``LatencyCounts``: one for all up to 64 µs, then eight for each doubling, up to 67 s. The last
/// holds whatever took longer, too.
package struct LatencyTally: Sendable, Hashable {
    private static let octaves = 20
    /// Microseconds, as a power of two.
    private static let firstBound = 6

    private var counts = [UInt64](repeating: 0, count: 1 + 8 * octaves)
    private var sum: Duration = .zero

    package init() {}

    package mutating func record(_ latency: Duration) {
        let nanoseconds = UInt64(max(0, latency.nanoseconds))
        // Rounded up, so that the bound of a bucket is one.
        let microseconds = nanoseconds / 1000 + (nanoseconds % 1000 > 0 ? 1 : 0)
        counts[Self.bucket(of: microseconds)] += 1
        sum += .microseconds(Int64(clamping: microseconds))
    }

    package var latencies: LatencyCounts {
        let buckets = counts.indices.filter { counts[$0] > 0 }.map { index in
            LatencyCounts.Bucket(upperBound: .microseconds(Self.upperBound(of: index)), count: counts[index])
        }
        return LatencyCounts(sum: sum, buckets: buckets)
    }

    private static func bucket(of microseconds: UInt64) -> Int {
        guard microseconds > 1 << firstBound else { return 0 }
        let below = microseconds - 1
        let octave = UInt64.bitWidth - 1 - below.leadingZeroBitCount - firstBound
        guard octave < octaves else { return 8 * octaves }
        return 1 + 8 * octave + Int(below >> (octave + firstBound - 3)) - 8
    }

    /// In microseconds.
    private static func upperBound(of bucket: Int) -> Int64 {
        guard bucket > 0 else { return 1 << firstBound }
        let (octave, step) = (bucket - 1).quotientAndRemainder(dividingBy: 8)
        return Int64(8 + step + 1) << (octave + firstBound - 3)
    }
}
