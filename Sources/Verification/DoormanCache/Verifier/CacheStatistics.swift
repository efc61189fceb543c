package import DoormanSupport

/// The contents and counters of the cache. The shards are read one after another, so the numbers may differ by a few calls under
/// load.
package struct CacheStatistics: Sendable, Hashable {
    /// The number of cache hits.
    package var hits: UInt64 = 0
    /// The number of those hits that rejected a token.
    package var negativeHits: UInt64 = 0
    /// The ages of entries of valid tokens that were served. About one hit in 64 is recorded.
    package var ages = AgeHistogram()
    /// The number of calls that missed the cache at their first lookup.
    package var misses: UInt64 = 0
    /// The number of stale hits. The first stale response after each failure may be missing.
    package var stale: UInt64 = 0
    /// The number of refreshes that began ahead of the end of a TTL.
    package var refreshed: UInt64 = 0
    /// The entries of valid tokens. Expired entries count until they are evicted.
    package var valid = Segment()
    /// The entries of rejected tokens.
    package var negative = Segment()
    /// The number of rejection storms that began.
    package var rejectionStorms: UInt64 = 0
    /// The number of denials of tokens and accounts, and of slots reserved for others. Denials that have ended count until the next
    /// revocation.
    package var denials = 0
    /// The number of tokens that were denied here because their provider can't revoke them.
    package var localDenials: UInt64 = 0
    /// The number of lookups in flight, exchanges included.
    package var inFlightLookups = 0
    /// The number of calls that joined a lookup in flight.
    package var joined: UInt64 = 0

    package init() {}

    /// The size and the bounds of one part of the cache.
    package struct Segment: Sendable, Hashable {
        package var entries = 0
        /// The sum of ``CacheEntry/cost``, in bytes.
        package var bytes = 0
        package var maximumEntries = 0
        package var maximumBytes = 0
        /// The number of entries evicted within their TTL, for newer entries or lower bounds.
        package var evictions: UInt64 = 0
        /// Those of the evictions that the bound on bytes caused, and not that on entries.
        package var evictionsForBytes: UInt64 = 0

        mutating func add(_ segment: LRUSegment) {
            entries += segment.count
            bytes += segment.byteCount
            maximumEntries += segment.bounds.entries
            maximumBytes += segment.bounds.bytes
            evictions += segment.evictions
            evictionsForBytes += segment.evictionsForBytes
        }
    }
}
