internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers
internal import NIOCore

/// Identities that are kept in this process for a few seconds. See ``DoormanClientConfiguration/nearCacheCapacity`` for the trade.
///
/// Two generations stand in for a list of what was used last: an entry that is hit moves into the young one, and when that is
/// half of the capacity, what was not hit since is let go.
final class NearCache: Sendable {
    struct Key: Hashable {
        let token: Token
        let applicationID: String?
    }

    private struct Entry {
        let identity: Identity
        let end: Instant
    }

    private struct State {
        var young: [Key: Entry] = [:]
        var old: [Key: Entry] = [:]
        /// Counts revocations, so that an answer that was under way during one is not kept.
        var revocations = 0
    }

    private let state = NIOLockedValueBox(State())
    private let generationSize: Int
    private let lifetime: Duration

    /// Nil if nothing is to be kept.
    init?(capacity: Int, lifetime: Duration) {
        guard capacity > 0, lifetime > .zero else { return nil }
        self.generationSize = max(1, capacity / 2)
        self.lifetime = lifetime
    }

    /// How many are kept.
    var count: Int { state.withLockedValue { $0.young.count + $0.old.count } }

    /// What has to be said with an answer to have it kept.
    var revocations: Int { state.withLockedValue { $0.revocations } }

    func identity(for key: Key, at now: Instant) -> Identity? {
        state.withLockedValue { state in
            if let entry = state.young[key] {
                if now < entry.end { return entry.identity.fromMemory }
                state.young[key] = nil
            } else if let entry = state.old.removeValue(forKey: key), now < entry.end {
                insert(entry, key, &state)
                return entry.identity.fromMemory
            }
            return nil
        }
    }

    /// - Parameters:
    ///   - revocations: What ``revocations`` said when the call was made.
    ///   - civil: What the wall clock says now.
    func keep(_ identity: Identity, for key: Key, revocations: Int, at now: Instant, civil: Timestamp) {
        guard identity.freshness != .stale else { return }
        guard identity.validUntil > civil else { return }
        let rest = identity.validUntil.millisecondsSince1970.subtractingReportingOverflow(civil.millisecondsSince1970)
        let left = rest.overflow ? lifetime : min(lifetime, .milliseconds(rest.partialValue))
        state.withLockedValue { state in
            guard state.revocations == revocations else { return }
            state.old[key] = nil
            insert(Entry(identity: identity, end: now.advanced(by: left)), key, &state)
        }
    }

    /// Forgets what a revocation makes void.
    func forget(_ subject: RevocationRequest.Subject) {
        state.withLockedValue { state in
            state.revocations += 1
            switch subject {
            case .token(let token):
                state.young = state.young.filter { $0.key.token != token }
                state.old = state.old.filter { $0.key.token != token }
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
    fileprivate var fromMemory: Identity {
        var identity = self
        identity.freshness = .cached
        return identity
    }
}
