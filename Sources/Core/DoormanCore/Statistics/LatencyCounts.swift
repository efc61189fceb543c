/// How long many calls took: how many fell into each of a row of buckets, of which each is an eighth of its size wide at most.
public struct LatencyCounts: Sendable, Hashable {
    /// All of them together. In whole microseconds.
    public var sum: Duration
    /// Those that hold any, in ascending order.
    public var buckets: [Bucket]

    /// Of calls that were counted elsewhere; of none by default.
    public init(sum: Duration = .zero, buckets: [Bucket] = []) {
        self.sum = sum
        self.buckets = buckets
    }

    /// So many took no longer than this, and longer than the bucket before it may hold.
    public struct Bucket: Sendable, Hashable {
        /// In whole microseconds.
        public var upperBound: Duration
        /// How many fell into it.
        public var count: UInt64

        /// A bucket of so many.
        public init(upperBound: Duration, count: UInt64) {
            self.upperBound = upperBound
            self.count = count
        }
    }

    /// How many there are.
    public var count: UInt64 {
        buckets.reduce(0) { $0.addingClamped($1.count) }
    }

    /// How long they took on average; nil if there are none.
    public var mean: Duration? {
        count == 0 ? nil : sum / Double(count)
    }

    /// How long the quickest of them took at most, so many in a hundred: an eighth too much at worst. Nil if there are none.
    ///
    /// - Parameter percent: 0 to 100.
    public func percentile(_ percent: Double) -> Duration? {
        let wanted = Double(count) * percent / 100
        var seen: UInt64 = 0
        for bucket in buckets {
            seen = seen.addingClamped(bucket.count)
            if Double(seen) >= wanted { return bucket.upperBound }
        }
        return buckets.last?.upperBound
    }

    /// Those that came after an earlier count.
    public func since(_ earlier: LatencyCounts) -> LatencyCounts {
        var before: [Duration: UInt64] = [:]
        for bucket in earlier.buckets { before[bucket.upperBound] = bucket.count }
        let grown = buckets.compactMap { bucket -> Bucket? in
            let count = before[bucket.upperBound] ?? 0
            return bucket.count > count ? Bucket(upperBound: bucket.upperBound, count: bucket.count - count) : nil
        }
        return LatencyCounts(sum: max(.zero, sum - earlier.sum), buckets: grown)
    }
}

extension UInt64 {
    /// What another machine counted may be anything.
    fileprivate func addingClamped(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
