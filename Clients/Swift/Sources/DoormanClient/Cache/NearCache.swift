internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers
internal import NIOCore

/// A cache of identities in this process, with a TTL of a few seconds. ``DoormanClientConfiguration/nearCacheCapacity`` says the trade-off.
///
/// Two generations approximate LRU eviction. A hit moves an entry into the young generation. When that has half of the capacity, it becomes
/// the old generation, and the entries of the previous old generation are evicted.
final class NearCache: Sendable {
    struct Key: Hashable {
        let token: Token
        let requirements: TokenRequirements
    }

    private struct Entry {
        let identity: Identity
        let end: Instant
    }

    private struct State {
        var young: [Key: Entry] = [:]
        var old: [Key: Entry] = [:]
        /// The number of revocations, so that the response of a call during a revocation is not stored.
        var revocations = 0
    }

    private let state = NIOLockedValueBox(State())
    private let generationSize: Int
    private let ttl: Duration

    /// Returns `nil` if the capacity or the TTL is zero.
    init?(capacity: Int, ttl: Duration) {
        guard capacity > 0, ttl > .zero else { return nil }
        self.generationSize = max(1, capacity / 2)
        self.ttl = ttl
    }

    /// The number of entries, including expired ones.
    var count: Int { state.withLockedValue { $0.young.count + $0.old.count } }

    /// The number of revocations so far. A caller reads it before the call, and passes it to ``store(_:for:revocations:at:civil:)``.
    var revocations: Int { state.withLockedValue { $0.revocations } }

    /// Returns the cached identity; `nil` on a miss.
    func identity(for key: Key, at now: Instant) -> Identity? {
        state.withLockedValue { state in
            if let entry = state.young[key] {
                if now < entry.end { return entry.identity.asCached }
                state.young[key] = nil
            } else if let entry = state.old.removeValue(forKey: key), now < entry.end {
                insert(entry, key, &state)
                return entry.identity.asCached
            }
            return nil
        }
    }

    /// Stores an identity, unless it is stale or expired, or a revocation came after the call.
    ///
    /// - Parameters:
    ///   - revocations: The value of ``revocations`` before the call.
    ///   - civil: The present wall clock time.
    func store(_ identity: Identity, for key: Key, revocations: Int, at now: Instant, civil: Timestamp) {
        guard identity.freshness != .stale else { return }
        guard identity.validUntil > civil else { return }
        let rest = identity.validUntil.millisecondsSince1970.subtractingReportingOverflow(civil.millisecondsSince1970)
        let left = rest.overflow ? ttl : min(ttl, .milliseconds(rest.partialValue))
        state.withLockedValue { state in
            guard state.revocations == revocations else { return }
            state.old[key] = nil
            insert(Entry(identity: identity, end: now.advanced(by: left)), key, &state)
        }
    }

    /// Removes the entries of a revoked token or account. A JSON Web Token with a signature by ECDSA has a second signature, which everyone
    /// can compute, so every entry with its content goes.
    func remove(_ subject: RevocationRequest.Subject) {
        state.withLockedValue { state in
            state.revocations += 1
            switch subject {
            case .token(let token):
                let content = token.signedContent
                func isRevoked(_ key: Key) -> Bool {
                    key.token == token || content.map { key.token.bytes.starts(with: $0) } ?? false
                }
                state.young = state.young.filter { !isRevoked($0.key) }
                state.old = state.old.filter { !isRevoked($0.key) }
            case .account(let id):
                state.young = state.young.filter { !$0.value.identity.isOf(accountID: id) }
                state.old = state.old.filter { !$0.value.identity.isOf(accountID: id) }
            }
        }
    }

    private func insert(_ entry: Entry, _ key: Key, _ state: inout State) {
        if state.young.count >= generationSize {
            state.old = state.young
            state.young = [:]
        }
        state.young[key] = entry
    }
}

extension Identity {
    fileprivate var asCached: Identity {
        var identity = self
        identity.freshness = .cached
        return identity
    }
}

extension Token {
    /// The header and the payload of a token in compact serialization (RFC 7515), with the dots after them; `nil` for another token. The
    /// signature covers them as they are written, so they have one spelling.
    fileprivate var signedContent: ArraySlice<UInt8>? {
        guard bytes.count(where: { $0 == UInt8(ascii: ".") }) == 2 else { return nil }
        return bytes.lastIndex(of: UInt8(ascii: ".")).map { bytes[...$0] }
    }
}
