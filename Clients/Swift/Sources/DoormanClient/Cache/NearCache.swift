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
        let requirements: TokenRequirements
        let identity: Identity
        let end: Instant
    }

    /// The entries of tokens, each of which has one for each set of requirements that it was verified with.
    private struct Generation {
        private var entries: [Token: [Entry]] = [:]
        private(set) var count = 0

        func entry(for key: Key) -> Entry? {
            entries[key.token]?.first { $0.requirements == key.requirements }
        }

        mutating func insert(_ entry: Entry, for token: Token) {
            entries[token, default: []].append(entry)
            count += 1
        }

        /// Removes and returns an entry.
        @discardableResult
        mutating func remove(_ key: Key) -> Entry? {
            guard var all = entries[key.token], let index = all.firstIndex(where: { $0.requirements == key.requirements }) else {
                return nil
            }
            let entry = all.remove(at: index)
            entries[key.token] = all.isEmpty ? nil : all
            count -= 1
            return entry
        }

        mutating func removeAll(of token: Token) {
            count -= entries.removeValue(forKey: token)?.count ?? 0
        }

        mutating func removeAll(where isRevoked: (Token, Entry) -> Bool) {
            for (token, all) in entries {
                let kept = all.filter { !isRevoked(token, $0) }
                if kept.count < all.count { entries[token] = kept.isEmpty ? nil : kept }
            }
            count = entries.values.reduce(0) { $0 + $1.count }
        }
    }

    private struct State {
        var young = Generation()
        var old = Generation()
        /// The number of revocations, so that the response of a call during a revocation is not stored.
        var revocations = 0
        var isClosed = false
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
            if let entry = state.young.entry(for: key) {
                if now < entry.end { return entry.identity.asCached }
                state.young.remove(key)
            } else if let entry = state.old.remove(key), now < entry.end {
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
            guard state.revocations == revocations, !state.isClosed else { return }
            state.young.remove(key)
            state.old.remove(key)
            insert(Entry(requirements: key.requirements, identity: identity, end: now.advanced(by: left)), key, &state)
        }
    }

    /// Removes the entries of a token that a server has rejected, whatever the call required.
    func remove(rejected token: Token) {
        state.withLockedValue { state in
            state.young.removeAll(of: token)
            state.old.removeAll(of: token)
        }
    }

    /// Removes the entries of a revoked token or account. A JSON Web Token with a signature by ECDSA has a second signature, which everyone
    /// can compute, so every entry with its content goes.
    func remove(_ subject: RevocationRequest.Subject) {
        let isRevoked: (Token, Entry) -> Bool
        switch subject {
        case .token(let token):
            let content = token.signedContent
            isRevoked = { other, _ in other == token || content.map { other.bytes.starts(with: $0) } ?? false }
        case .account(let id): isRevoked = { _, entry in entry.identity.isOf(accountID: id) }
        }
        state.withLockedValue { state in
            state.revocations += 1
            state.young.removeAll(where: isRevoked)
            state.old.removeAll(where: isRevoked)
        }
    }

    /// Removes all entries, and stores no more.
    func close() {
        state.withLockedValue { state in
            state.isClosed = true
            state.young = Generation()
            state.old = Generation()
        }
    }

    private func insert(_ entry: Entry, _ key: Key, _ state: inout State) {
        if state.young.count >= generationSize {
            state.old = state.young
            state.young = Generation()
        }
        state.young.insert(entry, for: key.token)
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
