package import DoormanCore

/// What is remembered of one token: facts, from which each call draws its own conclusion about age and audience.
package struct CacheEntry: Sendable, Hashable {
    /// What the provider said. An identity in here has ``Freshness/cached``.
    package var verdict: Verdict
    /// The same, as it goes over the wire.
    package var reply: PackedReply
    /// When the provider was asked. Ages count from here, since the answer may have been true only then.
    package var verifiedAt: Instant
    /// From when on this is no answer any more.
    package var expiresAt: Instant

    package init(verdict: Verdict, reply: PackedReply, verifiedAt: Instant, expiresAt: Instant) {
        self.verdict = verdict
        self.reply = reply
        self.verifiedAt = verifiedAt
        self.expiresAt = expiresAt
    }

    /// What every entry takes besides its strings and its reply's bytes: its places in the flat arrays (224 bytes, and as a rule
    /// a third of that for the room arrays have to grow), 16 to 32 in the index, 48 around the reply's bytes.
    package static let fixedCost = 384

    /// The memory this takes, in bytes: ``fixedCost``, the packed reply, and each string that is too long (over 15 bytes) to
    /// live in its place.
    package var cost: Int {
        Self.fixedCost + reply.bytes.count + verdict.stringCost
    }
}

extension Verdict {
    fileprivate var stringCost: Int {
        switch self {
        case .rejected(let rejection):
            return Self.cost(rejection.message)
        case .valid(let identity):
            var cost = Self.cost(identity.accountID) + Self.cost(identity.applicationID) + Self.cost(identity.provider)
            cost += Self.cost(identity.email)
            cost += Self.cost(identity.phone?.number) + Self.cost(identity.phone?.countryPrefix)
            return cost + Self.cost(identity.phone?.nationalNumber)
        }
    }

    /// Swift keeps 15 bytes in place; longer ones take a heap object with a header of 32.
    private static func cost(_ text: String?) -> Int {
        guard let count = text?.utf8.count, count > 15 else { return 0 }
        return 32 + count
    }
}
