extension ServerStatistics {
    /// What has happened since an earlier answer of the same server: its counts are the difference, and its ``uptime`` is the time between.
    /// What is not counted is as it is in this one.
    ///
    /// - Returns: Nil if the earlier one is of another start, or is not earlier.
    public func since(_ earlier: ServerStatistics) -> ServerStatistics? {
        guard startedAt == earlier.startedAt, uptime > earlier.uptime else { return nil }
        var difference = self
        difference.uptime = uptime - earlier.uptime
        difference.calls = Self.difference(calls, earlier.calls)
        difference.counters = Self.difference(counters, earlier.counters)
        difference.providerCalls = Self.difference(providerCalls, earlier.providerCalls)
        difference.providerLatency = providerLatency.since(earlier.providerLatency)
        return difference
    }

    /// Only what has grown.
    private static func difference<Key: Hashable>(_ counts: [Key: UInt64], _ earlier: [Key: UInt64]) -> [Key: UInt64] {
        var difference: [Key: UInt64] = [:]
        for (key, count) in counts {
            let before = earlier[key] ?? 0
            if count > before { difference[key] = count - before }
        }
        return difference
    }
}
