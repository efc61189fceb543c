/// What the memory holds and has done since it was made. The shards are read one after the other, so under load the numbers
/// need not be of one moment.
package struct CacheStatistics: Sendable, Hashable {
    /// Calls answered from memory.
    package var hits: UInt64 = 0
    /// Calls that memory had no answer for, at first.
    package var misses: UInt64 = 0
    /// Answers past their time from memory, given because the provider could not be asked. The first one after each failure may not
    /// be counted.
    package var stale: UInt64 = 0
    /// Refreshes begun of answers before their time was up, so that no call had to wait.
    package var refreshed: UInt64 = 0
    /// Of valid tokens. Entries past their time count until others push them out.
    package var valid = Segment()
    /// Of refused tokens.
    package var negative = Segment()
    /// Questions to the provider that are open now, exchanges included.
    package var inFlightLookups = 0
    /// Calls that found their question put already, and waited for its answer.
    package var joined: UInt64 = 0

    package init() {}

    package struct Segment: Sendable, Hashable {
        package var entries = 0
        /// In the reckoning of ``CacheEntry/cost``.
        package var bytes = 0
        /// How many entries there may be.
        package var maximumEntries = 0
        /// How many bytes there may be.
        package var maximumBytes = 0
        /// Entries that had to go for others, or for lower bounds.
        package var evictions: UInt64 = 0

        mutating func add(_ segment: LRUSegment) {
            entries += segment.count
            bytes += segment.byteCount
            maximumEntries += segment.bounds.entries
            maximumBytes += segment.bounds.bytes
            evictions += segment.evictions
        }
    }
}
