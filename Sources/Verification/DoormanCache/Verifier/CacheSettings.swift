internal import DoormanCore

/// The limits and times of the cache.
package struct CacheSettings: Sendable, Hashable {
    /// The TTL of a valid token, before jitter. The provider's own expiry shortens it. Default 60 s; 0 keeps none.
    package var ttl: Duration = .seconds(60)
    /// The TTL of a rejected token, before jitter. Default 10 s; 0 keeps none.
    package var negativeTTL: Duration = .seconds(10)
    /// The maximum random change of a TTL, up or down, as a part of it. Tokens that were verified together are then not refreshed
    /// together. From 0 to 1, default 0.1.
    package var jitter: Double = 0.1
    /// The last part of a TTL in which a hit refreshes the entry in the background, so that no call has to wait. From 0, for never,
    /// to 1; default 0.2.
    package var refreshAhead: Double = 0.2
    /// The time past its TTL for which a valid token is served while the provider is unavailable. Default 5 min; 0 for never.
    package var staleIfError: Duration = .seconds(300)
    /// The time between two attempts to refresh a stale entry, or an entry whose refresh failed. Default 1 s.
    package var staleRefreshInterval: Duration = .seconds(1)
    /// The time before its deadline at which a call stops waiting for the provider, if a stale entry can be served. With less than
    /// twice this time left, a call waits for half of what is left. Default 100 ms, in which a core that is busy with hits serves a
    /// thousand such calls.
    package var staleReserve: Duration = .milliseconds(100)
    /// The time by which the local clock may lag behind the provider's: expiry counts as that much earlier. Default 0.
    package var clockSkew: Duration = .zero
    /// The maximum time for one lookup with all its retries, however long its callers wait. Default 1.5 s, so that a request which
    /// timed out can be repeated.
    package var lookupTimeout: Duration = .milliseconds(1500)
    /// The maximum valid tokens in the cache, and their memory. Default 60,000 entries, which 1,000 requests a second can keep fresh at the
    /// default TTL, and 128 MiB.
    package var valid = SegmentBounds(entries: 60_000, bytes: 128 << 20)
    /// The maximum rejected tokens in the cache, and their memory. Default 10,000 entries and 8 MiB.
    package var negative = SegmentBounds(entries: 10_000, bytes: 8 << 20)
    /// The number of shards, each with a lock and a part of the bounds: a power of two from 1 to 256 (others are rounded down).
    /// Default 16.
    package var shards = 16
    /// The maximum lookups in flight, including lookups that wait for the governor. Default 10,000.
    package var maximumInFlightLookups = 10_000
    /// The maximum calls that wait for one lookup. Default 10,000.
    package var maximumWaitersPerLookup = 10_000

    /// The time after the revocation of an account for which the provider may still call its tokens valid. Default 5 s.
    package var revocationLag: Duration = .seconds(5)
    /// When rejections of known tokens count as an outage of the provider.
    package var rejectionStorm = RejectionStormSettings()
    /// The maximum denials of tokens and accounts. Default 200,000, which take about 40 MB.
    package var maximumDenials = 200_000
    /// The maximum denials of one caller. Default 100,000.
    package var maximumDenialsPerCaller = 100_000
    /// The time for which a token without an end is denied if only Doorman can deny it. Default 30 days.
    package var localDenialTime: Duration = .seconds(30 * 86_400)

    package init() {}

    var shardCount: Int {
        let wanted = min(max(shards, 1), 256)
        return 1 << (Int.bitWidth - 1 - wanted.leadingZeroBitCount)
    }
}

/// The maximum entries and bytes of one part of the cache. The bound that is reached first counts.
package struct SegmentBounds: Sendable, Hashable {
    package var entries: Int
    /// Counted by ``CacheEntry/cost``.
    package var bytes: Int

    package init(entries: Int, bytes: Int) {
        self.entries = max(0, entries)
        self.bytes = max(0, bytes)
    }

    /// Returns the part of one of `count` shards. The parts add up to the whole, so a bound below the number of shards leaves some
    /// shards with none: use fewer shards then.
    func part(ofShard shard: Int, among count: Int) -> SegmentBounds {
        SegmentBounds(
            entries: entries / count + (shard < entries % count ? 1 : 0),
            bytes: bytes / count + (shard < bytes % count ? 1 : 0))
    }
}

extension CacheSettings {
    /// Returns how long an entry for an identity is fresh, and until when it may be served stale. Zero or less if not at all.
    ///
    /// - Parameters:
    ///   - expiry: When the provider says the token expires.
    ///   - roll: 64 random bits, for the jitter.
    func lifetime(expiry: Timestamp, wallTime: Timestamp, roll: UInt64) -> (fresh: Duration, stale: Duration) {
        let fresh = jittered(ttl, roll: roll)
        let stale = fresh + max(.zero, staleIfError)
        guard expiry != .distantFuture else { return (fresh, stale) }
        let (left, overflow) = expiry.millisecondsSince1970.subtractingReportingOverflow(wallTime.millisecondsSince1970)
        guard !overflow else { return expiry < wallTime ? (.zero, .zero) : (fresh, stale) }
        // Civil time is in whole milliseconds, and may be nearly one more.
        let limit = .milliseconds(left - 1) - clockSkew
        return (min(fresh, limit), min(stale, limit))
    }

    /// The maximum time until the end of a denied token: 100 years.
    static let longestDenialTime = Duration.seconds(100 * 366 * 86_400)

    /// The longest TTL of a valid token.
    package var longestLifetime: Duration { ttl * (1 + min(max(jitter, 0), 1)) }

    /// The longest time for which a valid token is served after its provider request, in an outage too.
    package var longestServingTime: Duration { longestLifetime + max(.zero, staleIfError) }

    /// The longest time from a provider request to the use of its response. A later response is dropped.
    var longestResponseTime: Duration { lookupTimeout * 2 }

    /// The time for which a token is denied after the provider may have revoked it: as long as it could have been served without the
    /// revocation, and until no response from before the revocation can arrive.
    var tokenDenialTime: Duration {
        max(longestServingTime, revocationLag + longestResponseTime)
    }

    /// The time for which a token is denied that the provider calls invalid already. Its other answers may still lag behind that.
    var invalidTokenDenialTime: Duration { max(negativeTTL, revocationLag + longestResponseTime) }

    /// Returns how long before the end of its TTL an entry is refreshed.
    func refreshMargin(of lifetime: Duration) -> Duration {
        lifetime * min(max(refreshAhead, 0), 1)
    }

    /// Returns the TTL of a rejection; zero or less if it is not cached.
    func negativeLifetime(roll: UInt64) -> Duration {
        jittered(negativeTTL, roll: roll)
    }

    private func jittered(_ duration: Duration, roll: UInt64) -> Duration {
        let part = Double(roll >> 11) / Double(1 << 52) - 1
        return duration + duration * (min(max(jitter, 0), 1) * part)
    }
}

/// The random numbers of a cache. Only tests and simulations pass others than the default.
package struct CacheRandomness: Sendable {
    /// Returns 64 random bits for the jitter of TTLs.
    package var roll: @Sendable () -> UInt64
    /// The secret key for cache keys; `nil` for 32 random bytes.
    package var secret: [UInt8]?
    /// Earlier secret keys, for the denials of tokens under their keys. Default none.
    package var previousSecrets: [[UInt8]]

    package init(
        roll: @escaping @Sendable () -> UInt64 = { UInt64.random(in: .min ... .max) }, secret: [UInt8]? = nil,
        previousSecrets: [[UInt8]] = []
    ) {
        self.roll = roll
        self.secret = secret
        self.previousSecrets = previousSecrets
    }
}
