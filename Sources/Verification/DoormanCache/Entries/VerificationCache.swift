internal import DoormanCore
package import DoormanSupport
internal import NIOConcurrencyHelpers

/// The cache of verdicts. Bits of the key choose a shard, and each shard has a lock. No lock is held during a call to another part
/// of Doorman.
package final class VerificationCache: Sendable {
    private let shards: [NIOLockedValueBox<CacheShard>]
    private let slotAddresses: SlotAddressTable
    private let mask: UInt64
    /// Locked inside a shard's lock. Nothing else is locked inside this lock.
    private let accountRevocations = NIOLockedValueBox(AccountRevocationHistory())

    /// The revocations up to a provider request. Its response is stored only if no later revocation may concern it.
    struct RevocationEpoch: Sendable, Hashable {
        fileprivate let accounts: UInt64
        /// `nil` for an exchange: its token is unknown before it ends, so it can't have been revoked.
        fileprivate let tokens: UInt32?
    }

    package init(settings: CacheSettings) {
        let count = settings.shardCount
        mask = UInt64(count - 1)
        let slotAddresses = SlotAddressTable(shards: count)
        self.slotAddresses = slotAddresses
        shards = (0..<count).map { number in
            NIOLockedValueBox(
                CacheShard(
                    valid: settings.valid.part(ofShard: number, among: count),
                    negative: settings.negative.part(ofShard: number, among: count), validSlots: (slotAddresses, number)))
        }
    }

    /// Prefetches the key's slot into the processor's cache, without waiting.
    @inline(__always)
    func prefetch(_ key: TokenKey) {
        slotAddresses.prefetch(key, in: Int(truncatingIfNeeded: key.bits & mask))
    }

    /// Copies the cached response for a call. Waits only for a lock, and allocates nothing.
    ///
    /// - Parameters:
    ///   - applicationID: The application that a valid token must be for, in UTF-8; empty for any.
    ///   - maxAgeSeconds: The maximum age of the entry, in seconds; 0 for any age.
    /// - Returns: `nil` if no entry within its TTL matches.
    func copyResponse(
        for key: TokenKey, applicationID: Span<UInt8>, maxAgeSeconds: UInt32, now: Instant, into response: inout EncodedResponse
    ) -> CacheHit? {
        let maxAge = maxAgeSeconds == 0 ? UInt64.max : UInt64(maxAgeSeconds) * 1_000_000_000
        return shard(of: key).withLockedValue {
            $0.copyResponse(for: key, applicationID: applicationID, maxAge: maxAge, now: now.nanoseconds, into: &response)
        }
    }

    /// Whether a call looks into the cache for the first time.
    enum Attempt {
        /// Counts a hit or a miss, and can start a refresh.
        case first
        /// Counts nothing, and starts no refresh.
        case repeated
    }

    /// Looks up the token's entry.
    func lookup(_ key: TokenKey, maxAge: Duration?, now: Instant, _ attempt: Attempt = .first) -> CacheLookup {
        shard(of: key).withLockedValue {
            $0.lookup(key, maxAge: Self.nanoseconds(maxAge), now: now.nanoseconds, attempt)
        }
    }

    /// Returns the entry that may be served while the provider is unavailable; `nil` if none is within the maximum age.
    func staleEntry(for key: TokenKey, maxAge: Duration?, now: Instant) -> CacheEntry? {
        shard(of: key).withLockedValue {
            $0.valid.staleEntry(for: key, maxAge: Self.nanoseconds(maxAge), now: now.nanoseconds)
        }
    }

    /// Serves an entry that ``staleEntry(for:maxAge:now:)`` returned until `entry` expires. Does nothing if it was removed or
    /// replaced.
    func serveStale(_ entry: CacheEntry, for key: TokenKey) {
        shard(of: key).withLockedValue { $0.valid.serveStale(entry, for: key) }
    }

    /// Postpones the next refresh of the token's entry until `moment`, after a refresh failed.
    func postponeRefresh(of key: TokenKey, until moment: Instant) {
        shard(of: key).withLockedValue { $0.valid.postponeRefresh(of: key, until: moment) }
    }

    /// Returns the epoch for a verification, to be taken before its provider request.
    func epoch(for key: TokenKey) -> RevocationEpoch {
        let accounts = accountRevocations.withLockedValue { $0.count }
        return RevocationEpoch(accounts: accounts, tokens: shard(of: key).withLockedValue { $0.revocations(of: key) })
    }

    /// Returns the epoch for an exchange, to be taken before its provider request.
    func epochForExchange() -> RevocationEpoch {
        RevocationEpoch(accounts: accountRevocations.withLockedValue { $0.count }, tokens: nil)
    }

    /// Stores an entry, unless a revocation since the epoch may concern it. A rejection that is not stored still removes an older
    /// entry, which is outdated in any case.
    ///
    /// A revocation is counted before it removes entries under the same lock. So either this call sees the new count, or the
    /// revocation sees this entry.
    func store(_ entry: CacheEntry, for key: TokenKey, epoch: RevocationEpoch) {
        shard(of: key).withLockedValue { shard in
            let isCurrent =
                (epoch.tokens == nil || epoch.tokens == shard.revocations(of: key))
                && !accountRevocations.withLockedValue { $0.concerns(entry.verdict, since: epoch.accounts) }
            if isCurrent {
                shard.store(entry, for: key)
            } else if case .rejected = entry.verdict {
                shard.remove(key, requestedBefore: entry.verifiedAt)
            }
        }
    }

    /// Removes the token's entry without revoking the token, unless the entry comes from a request after `moment`.
    func remove(_ key: TokenKey, requestedBefore moment: Instant) {
        shard(of: key).withLockedValue { $0.remove(key, requestedBefore: moment) }
    }

    /// Removes the token's entry, and keeps responses in flight from being stored.
    package func revoke(_ key: TokenKey) {
        shard(of: key).withLockedValue { $0.revoke(key) }
    }

    /// Removes the entries of all tokens of an account, and keeps responses in flight from being stored. Walks through all entries,
    /// one shard after another.
    ///
    /// - Parameter applicationID: The application of the account; `nil` for all applications.
    package func revoke(accountID: String, applicationID: String?) {
        accountRevocations.withLockedValue { $0.record(accountID: accountID, applicationID: applicationID) }
        for shard in shards {
            shard.withLockedValue { shard in
                shard.valid.removeAll { $0.isAbout(accountID: accountID, applicationID: applicationID) }
            }
        }
    }

    /// Changes the bounds. Entries over the new bounds are evicted at once.
    package func limit(valid: SegmentBounds, negative: SegmentBounds) {
        for (number, shard) in shards.enumerated() {
            shard.withLockedValue {
                $0.valid.limit(to: valid.part(ofShard: number, among: shards.count))
                $0.negative.limit(to: negative.part(ofShard: number, among: shards.count))
            }
        }
    }

    /// Adds the shards' counters to the statistics.
    func count(into statistics: inout CacheStatistics) {
        for shard in shards {
            shard.withLockedValue { shard in
                statistics.hits += shard.hits
                statistics.misses += shard.misses
                statistics.stale += shard.valid.staleHits
                statistics.valid.add(shard.valid)
                statistics.negative.add(shard.negative)
            }
        }
    }

    private static func nanoseconds(_ maxAge: Duration?) -> UInt64 {
        maxAge.map { UInt64(max(0, $0.nanoseconds)) } ?? .max
    }

    @inline(__always)
    private func shard(of key: TokenKey) -> NIOLockedValueBox<CacheShard> {
        shards[Int(truncatingIfNeeded: key.bits & mask)]
    }
}
