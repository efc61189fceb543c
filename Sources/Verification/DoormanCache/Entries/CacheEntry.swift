package import DoormanCore
package import DoormanSupport

/// What is remembered of one token: facts, from which each call draws its own conclusion about age and audience.
package struct CacheEntry: Sendable, Hashable {
    /// What the provider said. An identity in here has ``Freshness/cached``, or ``Freshness/stale`` past its time.
    package var verdict: Verdict
    /// The same, as it goes over the wire.
    package var reply: EncodedResponse
    /// When the provider was asked. Ages count from here, since the answer may have been true only then.
    package var verifiedAt: Instant
    /// From when on this is no answer any more, unless the provider can't be asked.
    package var expiresAt: Instant
    /// From when on a hit has it refreshed in the background.
    package var refreshAt: Instant
    /// From when on this is no answer even if the provider can't be asked. Never before ``expiresAt``.
    package var staleUntil: Instant

    package init(
        verdict: Verdict, reply: EncodedResponse, verifiedAt: Instant, expiresAt: Instant, refreshAt: Instant = .distantFuture,
        staleUntil: Instant? = nil
    ) {
        self.verdict = verdict
        self.reply = reply
        self.verifiedAt = verifiedAt
        self.expiresAt = expiresAt
        self.refreshAt = refreshAt
        self.staleUntil = staleUntil ?? expiresAt
    }

    /// What every entry takes besides its texts: its slots in the flat arrays (236 bytes with a reply that lies in place, in arrays of
    /// which between a fifth and a third is free), and 16 to 32 in the index.
    package static let fixedCost = 404

    /// The memory this takes, in bytes: ``fixedCost``, a reply that is too long to live in its place, and an identity's texts.
    package var cost: Int {
        // An array's header, and a place in a table that is partly empty.
        let long = reply.long.isEmpty ? 0 : 80 + reply.long.count
        return Self.fixedCost + long + verdict.textCost
    }
}

/// What the cache has of a token at one moment.
enum CacheLookup: Sendable, Hashable {
    /// An answer within its TTL, and young enough. One that is due for a refresh says so once.
    case hit(EncodedVerdict, isDueForRefresh: Bool)
    /// An answer that is young enough but past its TTL: it may be served if the provider can't be asked.
    case stale
    case miss
}

extension Verdict {
    fileprivate var textCost: Int {
        switch self {
        case .rejected:
            // The sentence is a literal, which every entry shares.
            return 0
        case .valid(let identity):
            return identity.heapBytes
        }
    }
}
