/// A histogram of latencies, from which a server takes snapshots.
///
/// A bucket for each microsecond counts latencies up to 8 µs. Eight buckets follow for each doubling, up to 67 s. The last bucket also
/// counts longer latencies. Read the counts from a ``Snapshot``.
public struct LatencyHistogram: Sendable, Hashable {
    /// The number of buckets of one microsecond, and of buckets for each doubling.
    private static let steps = 8
    /// `steps` as a power of two.
    private static let stepBits = 3
    private static let octaves = 23

    private var counts = [UInt64](repeating: 0, count: steps * (1 + octaves))
    /// The sum of all latencies in microseconds.
    private var sum: UInt64 = 0

    /// Creates an empty histogram.
    package init() {}

    /// Records latencies, rounded up to whole microseconds. A negative latency counts as zero.
    ///
    /// - Parameter count: The number of equal latencies.
    package mutating func record(_ latency: Duration, count: UInt64 = 1) {
        record(microseconds: Self.microseconds(of: latency), count: count)
    }

    /// Records equal latencies in nanoseconds. Arithmetic with `Duration` would take hundreds of instructions, as many as the rest of a cache
    /// hit's counting.
    package mutating func record(nanoseconds: Int64, count: UInt64) {
        record(microseconds: (UInt64(max(0, nanoseconds)) &+ 999) / 1000, count: count)
    }

    private mutating func record(microseconds: UInt64, count: UInt64) {
        counts[Self.bucket(of: microseconds)] &+= count
        let (total, overflow) = microseconds.multipliedReportingOverflow(by: count)
        sum = sum.addingClamped(overflow ? .max : total)
    }

    /// Returns the counts of two histograms together.
    package func adding(_ other: LatencyHistogram) -> LatencyHistogram {
        var both = self
        for index in counts.indices { both.counts[index] &+= other.counts[index] }
        both.sum = sum.addingClamped(other.sum)
        return both
    }

    /// The counts at this moment.
    package var snapshot: Snapshot {
        let buckets = counts.indices.filter { counts[$0] > 0 }.map { index in
            Snapshot.Bucket(upperBound: .microseconds(Self.upperBound(of: index)), count: counts[index])
        }
        return Snapshot(sum: .microseconds(Int64(clamping: sum)), buckets: buckets)
    }

    /// Rounds up to whole microseconds, since a bucket includes its upper bound. Parts of a nanosecond are ignored.
    private static func microseconds(of latency: Duration) -> UInt64 {
        let (seconds, attoseconds) = max(.zero, latency).components
        let nanoseconds = UInt64(attoseconds / 1_000_000_000)
        let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000)
        return overflow ? .max : whole.addingClamped((nanoseconds + 999) / 1000)
    }

    private static func bucket(of microseconds: UInt64) -> Int {
        let below = max(microseconds, 1) - 1
        guard below >= steps else { return Int(below) }
        let octave = UInt64.bitWidth - 1 - below.leadingZeroBitCount - stepBits
        guard octave < octaves else { return steps * (1 + octaves) - 1 }
        return steps * octave + Int(below >> octave)
    }

    /// The upper bound of a bucket, in microseconds.
    private static func upperBound(of bucket: Int) -> Int64 {
        guard bucket >= steps else { return Int64(bucket) + 1 }
        let (octave, step) = (bucket / steps - 1, bucket % steps)
        return Int64(steps + step + 1) << octave
    }
}

extension LatencyHistogram {
    /// The counts of a histogram at one moment.
    ///
    /// A bucket is one microsecond wide, or at most an eighth of its lower bound.
    public struct Snapshot: Sendable, Hashable {
        /// The sum of all latencies, in whole microseconds.
        public var sum: Duration
        /// The buckets that are not empty, in ascending order.
        public var buckets: [Bucket]

        /// Creates a snapshot, which is empty by default.
        public init(sum: Duration = .zero, buckets: [Bucket] = []) {
            self.sum = sum
            self.buckets = buckets
        }

        /// The number of latencies between the previous bucket's bound and this bucket's bound.
        public struct Bucket: Sendable, Hashable {
            /// The maximum latency in the bucket, in whole microseconds.
            public var upperBound: Duration
            /// The number of latencies in the bucket.
            public var count: UInt64

            /// Creates a bucket.
            public init(upperBound: Duration, count: UInt64) {
                self.upperBound = upperBound
                self.count = count
            }
        }

        /// The number of latencies.
        public var count: UInt64 {
            buckets.reduce(0) { $0.addingClamped($1.count) }
        }

        /// The mean latency; `nil` if the snapshot is empty.
        public var mean: Duration? {
            count == 0 ? nil : sum / Double(count)
        }

        /// Returns a percentile of the latencies: the upper bound of its bucket, which is at most an eighth too high.
        ///
        /// - Parameter percent: The percentage of latencies that do not exceed the result: 0 to 100.
        /// - Returns: The percentile; `nil` if the snapshot is empty.
        public func percentile(_ percent: Double) -> Duration? {
            let rank = Double(count) * percent / 100
            var seen: UInt64 = 0
            for bucket in buckets {
                seen = seen.addingClamped(bucket.count)
                if Double(seen) >= rank { return bucket.upperBound }
            }
            return buckets.last?.upperBound
        }

        /// Returns the latencies of two histograms together.
        package func adding(_ other: Snapshot) -> Snapshot {
            var counts: [Duration: UInt64] = [:]
            for bucket in buckets + other.buckets {
                counts[bucket.upperBound] = (counts[bucket.upperBound] ?? 0).addingClamped(bucket.count)
            }
            let all = counts.sorted { $0.key < $1.key }.map { Bucket(upperBound: $0.key, count: $0.value) }
            return Snapshot(sum: sum + other.sum, buckets: all)
        }

        /// Returns the latencies that were recorded after an earlier snapshot of the same histogram.
        public func since(_ earlier: Snapshot) -> Snapshot {
            var before: [Duration: UInt64] = [:]
            for bucket in earlier.buckets { before[bucket.upperBound] = bucket.count }
            let grown = buckets.compactMap { bucket -> Bucket? in
                let count = before[bucket.upperBound] ?? 0
                return bucket.count > count ? Bucket(upperBound: bucket.upperBound, count: bucket.count - count) : nil
            }
            return Snapshot(sum: max(.zero, sum - earlier.sum), buckets: grown)
        }
    }
}

extension UInt64 {
    /// Adds without overflow, since counts from another machine can be any number.
    fileprivate func addingClamped(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
