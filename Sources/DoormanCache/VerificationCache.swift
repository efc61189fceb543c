package import DoormanCore
internal import NIOConcurrencyHelpers

/// The memory of verdicts: shards chosen by bits of the key, a lock each. No lock is ever held while another part of Doorman
/// is called.
package final class VerificationCache: Sendable {
    private let shards: [NIOLockedValueBox<CacheShard>]
    private let mask: UInt64
    /// How often all tokens of an account were revoked. Read under a shard's lock, and nothing is locked under it.
    private let accountRevocations = NIOLockedValueBox<UInt64>(0)

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
        shards = (0..<count).map { number in
            NIOLockedValueBox(
                CacheShard(
                    valid: settings.valid.share(of: number, among: count),
                    rejected: settings.rejected.share(of: number, among: count)))
        }
    }

    /// The reply for a call, if memory has one that is within its time, young enough, and of the audience asked for. Never
    /// waits for more than a lock, and allocates nothing.
    ///
    /// - Parameters:
    ///   - applicationID: In UTF-8; empty for any. Does not matter for a refused token.
    ///   - maxAgeSeconds: 0 for any age.
    package func reply(for key: TokenKey, applicationID: Span<UInt8>, maxAgeSeconds: UInt32, now: Instant) -> PackedReply? {
        let maxAge = maxAgeSeconds == 0 ? UInt64.max : UInt64(maxAgeSeconds) * 1_000_000_000
        return shard(of: key).withLockedValue {
            $0.reply(for: key, applicationID: applicationID, maxAge: maxAge, now: now.nanoseconds)
        }
    }

    /// The verdict, if memory has one that is within its time and young enough.
    ///
    /// - Parameter countsMiss: False if this call has looked here before.
    package func verdict(for key: TokenKey, maxAge: Duration?, now: Instant, countsMiss: Bool = true) -> Verdict? {
        let limit = maxAge.map { UInt64(max(0, $0.nanoseconds)) } ?? .max
        return shard(of: key).withLockedValue {
            $0.verdict(for: key, maxAge: limit, now: now.nanoseconds, countsMiss: countsMiss)
        }
    }

    /// To be taken before the provider is asked about the token.
    func stamp(for key: TokenKey) -> Stamp {
        let accounts = accountRevocations.withLockedValue { $0 }
        return Stamp(accounts: accounts, tokens: shard(of: key).withLockedValue { $0.revocations(of: key) })
    }

    /// To be taken before a code is exchanged.
    func stampForExchange() -> Stamp {
        Stamp(accounts: accountRevocations.withLockedValue { $0 }, tokens: nil)
    }

    /// Stores the entry, unless something was revoked since the stamp was taken.
    ///
    /// A revocation counts itself before it looks for entries to remove, under the same lock as here: either this sees the
    /// count, or the revocation sees this entry.
    func store(_ entry: CacheEntry, for key: TokenKey, stamp: Stamp) {
        shard(of: key).withLockedValue { shard in
            guard stamp.tokens == nil || stamp.tokens == shard.revocations(of: key) else { return }
            guard stamp.accounts == accountRevocations.withLockedValue({ $0 }) else { return }
            shard.store(entry, for: key)
        }
    }

    /// Lets go of what is known of the token, without revoking it.
    func remove(_ key: TokenKey) {
        shard(of: key).withLockedValue { $0.remove(key) }
    }

    /// Lets go of the token, and of answers about it that are on their way.
    package func revoke(_ key: TokenKey) {
        shard(of: key).withLockedValue { $0.revoke(key) }
    }

    /// Lets go of every token of the account, and of all answers that are on their way, since any may be about it. Walks
    /// through all entries, one shard after the other.
    ///
    /// - Parameter applicationID: Nil for the account's tokens of every application.
    package func revoke(accountID: String, applicationID: String?) {
        accountRevocations.withLockedValue { $0 &+= 1 }
        for shard in shards {
            shard.withLockedValue { shard in
                shard.valid.removeAll { verdict in
                    guard case .valid(let identity) = verdict, identity.accountID == accountID else { return false }
                    // One that names no application, which an operator may allow, may be of any.
                    return applicationID == nil || identity.applicationID.isEmpty || identity.applicationID == applicationID
                }
            }
        }
    }

    /// Sets other bounds while calls go on. What is over them goes at once.
    package func limit(valid: SegmentBounds, rejected: SegmentBounds) {
        for (number, shard) in shards.enumerated() {
            shard.withLockedValue {
                $0.valid.limit(to: valid.share(of: number, among: shards.count))
                $0.rejected.limit(to: rejected.share(of: number, among: shards.count))
            }
        }
    }

    /// Adds the shards' counts to the statistics.
    func count(into statistics: inout CacheStatistics) {
        for shard in shards {
            shard.withLockedValue { shard in
                statistics.hits += shard.hits
                statistics.misses += shard.misses
                statistics.valid.add(shard.valid)
                statistics.rejected.add(shard.rejected)
            }
        }
    }

    @inline(__always)
    private func shard(of key: TokenKey) -> NIOLockedValueBox<CacheShard> {
        shards[Int(truncatingIfNeeded: key.bits & mask)]
    }
}
