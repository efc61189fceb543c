internal import DoormanCore

/// The limits and times of the memory of verdicts.
package struct CacheSettings: Sendable, Hashable {
    /// How long a valid token is answered from memory, before jitter and unless its provider says it expires sooner.
    /// Default 60 s; 0 remembers none.
    package var ttl: Duration = .seconds(60)
    /// How long a refused token is answered from memory, before jitter. Default 10 s; 0 remembers none.
    package var rejectedTTL: Duration = .seconds(10)
    /// By which part a time to live is lengthened or shortened at random, so that tokens that were verified together are not
    /// asked about again together. From 0 to 1, default 0.1.
    package var jitter: Double = 0.1
    /// In which last part of its time an answer is refreshed in the background when it is used, so that no call has to wait.
    /// From 0, for never, to 1; default 0.2.
    package var refreshAhead: Double = 0.2
    /// For how long past its time a valid token is still answered while the provider can't be asked. Default 5 min; 0 for never.
    package var maximumStale: Duration = .seconds(300)
    /// How long such an answer is given before the provider is tried again, and how long a refresh that failed is put off.
    /// Default 1 s.
    package var staleRetry: Duration = .seconds(1)
    /// How long before its deadline a call stops waiting for the provider, if there is an answer past its time to be given.
    /// Default 100 ms, in which a thousand such calls are answered on a core that is busy with hits; one with less time than twice that
    /// waits for half of it.
    package var staleReserve: Duration = .milliseconds(100)
    /// How far our clock may be behind the provider's: its expiry counts as that much earlier. Default 0.
    package var clockSkew: Duration = .zero
    /// How long one question to the provider may take, however long its callers wait. Default 2 s.
    package var flightTimeout: Duration = .seconds(2)
    /// Bounds of what is remembered of valid tokens. Default 100,000 entries and 128 MiB.
    package var valid = SegmentBounds(entries: 100_000, bytes: 128 << 20)
    /// Bounds of what is remembered of refused tokens, apart from the above. Default 10,000 entries and 8 MiB.
    package var rejected = SegmentBounds(entries: 10_000, bytes: 8 << 20)
    /// Parts of the memory with a lock and a share of the bounds each: a power of two from 1 to 256 (others are rounded down).
    /// Default 16.
    package var shards = 16
    /// How many questions to the provider may be open at once, waiting for the governor included. Default 10,000.
    package var maximumFlights = 10_000
    /// How many calls may wait for one question. Default 10,000.
    package var maximumWaitersPerFlight = 10_000

    /// The application that a code without one is exchanged for, where there is only one. Default none.
    package var defaultApplicationID: String?

    package init() {}

    var shardCount: Int {
        let wanted = min(max(shards, 1), 256)
        return 1 << (Int.bitWidth - 1 - wanted.leadingZeroBitCount)
    }
}

/// How much a part of the memory may hold. Whichever is reached first counts.
package struct SegmentBounds: Sendable, Hashable {
    package var entries: Int
    /// In the reckoning of ``CacheEntry/cost``.
    package var bytes: Int

    package init(entries: Int, bytes: Int) {
        self.entries = max(0, entries)
        self.bytes = max(0, bytes)
    }

    /// The share of one of `count` shards. The shares add up to the whole, so a bound below the number of shards leaves some
    /// shards with none: use fewer shards then.
    func share(of shard: Int, among count: Int) -> SegmentBounds {
        SegmentBounds(
            entries: entries / count + (shard < entries % count ? 1 : 0),
            bytes: bytes / count + (shard < bytes % count ? 1 : 0))
    }
}

extension CacheSettings {
    /// How long an identity may be answered from memory: within its time; and until it is no answer even if the provider
    /// can't be asked. Zero or less if not at all.
    ///
    /// - Parameters:
    ///   - expiry: When the provider says the token expires.
    ///   - roll: 64 random bits, for the jitter.
    func lifetime(expiry: Timestamp, wallTime: Timestamp, roll: UInt64) -> (fresh: Duration, stale: Duration) {
        let fresh = jittered(ttl, roll: roll)
        let stale = fresh + max(.zero, maximumStale)
        guard expiry != .distantFuture else { return (fresh, stale) }
        let (left, overflow) = expiry.millisecondsSince1970.subtractingReportingOverflow(wallTime.millisecondsSince1970)
        guard !overflow else { return expiry < wallTime ? (.zero, .zero) : (fresh, stale) }
        // Civil time is in whole milliseconds, and may be nearly one more.
        let limit = .milliseconds(left - 1) - clockSkew
        return (min(fresh, limit), min(stale, limit))
    }

    /// How long before the end of its time an answer is refreshed.
    func refreshMargin(of lifetime: Duration) -> Duration {
        lifetime * min(max(refreshAhead, 0), 1)
    }

    /// How long a refusal may be answered from memory; zero or less if not at all.
    func rejectedLifetime(roll: UInt64) -> Duration {
        jittered(rejectedTTL, roll: roll)
    }

    private func jittered(_ duration: Duration, roll: UInt64) -> Duration {
        let part = Double(roll >> 11) / Double(1 << 52) - 1
        return duration + duration * (min(max(jitter, 0), 1) * part)
    }
}
