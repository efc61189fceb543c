internal import DoormanCore
package import DoormanSupport
internal import NIOConcurrencyHelpers

/// The memory of verdicts: shards chosen by bits of the key, a lock each. No lock is ever held while another part of Doorman
/// is called.
package final class VerificationCache: Sendable {
    private let shards: [NIOLockedValueBox<CacheShard>]
    /// Where the valid entries lie.
    private let slotAddresses: SlotAddressTable
    private let mask: UInt64
    /// Read under a shard's lock, and nothing is locked under it.
    private let accountRevocations = NIOLockedValueBox(AccountRevocationHistory())

    /// The state of revocations when a question was put. Its answer may be stored only if nothing has been revoked since that
    /// it may be about.
    struct Stamp: Sendable, Hashable {
        fileprivate let accounts: UInt64
        /// Nil for an exchange: its token is not known before it ends, so nobody can have revoked it.
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
                    valid: settings.valid.share(of: number, among: count),
                    negative: settings.negative.share(of: number, among: count), validSlots: (slotAddresses, number)))
        }
    }

    /// Has what there may be of the key fetched into the processor's cache, without waiting for it.
    @inline(__always)
    func prefetch(_ key: TokenKey) {
        slotAddresses.prefetch(key, in: Int(truncatingIfNeeded: key.bits & mask))
    }

    /// The reply for a call, if memory has one that is within its time, young enough, and of the audience asked for. Never
    /// waits for more than a lock, and allocates nothing.
    ///
    /// - Parameters:
    ///   - applicationID: In UTF-8; empty for any. Does not matter for a refused token.
    ///   - maxAgeSeconds: 0 for any age.
    func reply(
        for key: TokenKey, applicationID: Span<UInt8>, maxAgeSeconds: UInt32, now: Instant, into reply: inout EncodedResponse
    ) -> CacheHit? {
        let maxAge = maxAgeSeconds == 0 ? UInt64.max : UInt64(maxAgeSeconds) * 1_000_000_000
        return shard(of: key).withLockedValue {
            $0.reply(for: key, applicationID: applicationID, maxAge: maxAge, now: now.nanoseconds, into: &reply)
        }
    }

    /// Whether a call looks into the cache for the first time.
    enum Attempt {
        /// Counts a miss, and may have an entry refreshed.
        case first
        /// The call has looked here before.
        case repeated
    }

    /// What the cache has of the token.
    func lookup(_ key: TokenKey, maxAge: Duration?, now: Instant, _ attempt: Attempt = .first) -> CacheLookup {
        shard(of: key).withLockedValue {
            $0.lookup(key, maxAge: Self.nanoseconds(maxAge), now: now.nanoseconds, attempt)
        }
    }

    /// An entry that may be served while the provider can't be asked, if the cache has one that is young enough.
    func staleEntry(for key: TokenKey, maxAge: Duration?, now: Instant) -> CacheEntry? {
        shard(of: key).withLockedValue {
            $0.valid.staleEntry(for: key, maxAge: Self.nanoseconds(maxAge), now: now.nanoseconds)
        }
    }

    /// Serves what ``staleEntry(for:maxAge:now:)`` found until `entry` expires, unless it is gone or replaced by now.
    func serveStale(_ entry: CacheEntry, for key: TokenKey) {
        shard(of: key).withLockedValue { $0.valid.serveStale(entry, for: key) }
    }

    /// Has a hit refresh the token's entry from `moment` on, since the last refresh failed.
    func postponeRefresh(of key: TokenKey, until moment: Instant) {
        shard(of: key).withLockedValue { $0.valid.postponeRefresh(of: key, until: moment) }
    }

    /// To be taken before the provider is asked about the token.
    func stamp(for key: TokenKey) -> Stamp {
        let accounts = accountRevocations.withLockedValue { $0.count }
        return Stamp(accounts: accounts, tokens: shard(of: key).withLockedValue { $0.revocations(of: key) })
    }

    /// To be taken before a code is exchanged.
    func stampForExchange() -> Stamp {
        Stamp(accounts: accountRevocations.withLockedValue { $0.count }, tokens: nil)
    }

    /// Stores the entry, unless something was revoked since the stamp was taken. A refusal that comes too late to be stored still
    /// takes away what was asked for before: that is no answer any more, whatever was revoked.
    ///
    /// A revocation counts itself before it looks for entries to remove, under the same lock as here: either this sees the
    /// count, or the revocation sees this entry.
    func store(_ entry: CacheEntry, for key: TokenKey, stamp: Stamp) {
        shard(of: key).withLockedValue { shard in
            let isCurrent =
                (stamp.tokens == nil || stamp.tokens == shard.revocations(of: key))
                && !accountRevocations.withLockedValue { $0.concerns(entry.verdict, since: stamp.accounts) }
            if isCurrent {
                shard.store(entry, for: key)
            } else if case .rejected = entry.verdict {
                shard.remove(key, askedBefore: entry.verifiedAt)
            }
        }
    }

    /// Lets go of what is known of the token, unless it was asked for later, without revoking it.
    func remove(_ key: TokenKey, askedBefore moment: Instant) {
        shard(of: key).withLockedValue { $0.remove(key, askedBefore: moment) }
    }

    /// Lets go of the token, and of answers about it that are on their way.
    package func revoke(_ key: TokenKey) {
        shard(of: key).withLockedValue { $0.revoke(key) }
    }

    /// Lets go of every token of the account, and of answers about it that are on their way. Walks through all entries, one shard
    /// after the other.
    ///
    /// - Parameter applicationID: Nil for the account's tokens of every application.
    package func revoke(accountID: String, applicationID: String?) {
        accountRevocations.withLockedValue { $0.note(accountID: accountID, applicationID: applicationID) }
        for shard in shards {
            shard.withLockedValue { shard in
                shard.valid.removeAll { $0.isAbout(accountID: accountID, applicationID: applicationID) }
            }
        }
    }

    /// Sets other bounds while calls go on. What is over them goes at once.
    package func limit(valid: SegmentBounds, negative: SegmentBounds) {
        for (number, shard) in shards.enumerated() {
            shard.withLockedValue {
                $0.valid.limit(to: valid.share(of: number, among: shards.count))
                $0.negative.limit(to: negative.share(of: number, among: shards.count))
            }
        }
    }

    /// Adds the shards' counts to the statistics.
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
