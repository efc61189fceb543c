internal import DoormanCore
internal import DoormanSupport

/// One part of the memory, behind one lock: valid and refused tokens apart, so that a flood of bad tokens can't push out good
/// ones. A key is in one of the two at most.
struct CacheShard: Sendable {
    var valid: LRUSegment
    var negative: LRUSegment
    private(set) var hits: UInt64 = 0
    private(set) var misses: UInt64 = 0
    /// How often a token was revoked, by some bits of its key. More than one counter, so that a revocation keeps only few of
    /// the answers that are on their way from being stored.
    private var revocations: [UInt32] = Array(repeating: 0, count: 64)

    /// - Parameter validSlots: Told where the valid entries lie, as those of the shard of this number.
    init(valid: SegmentBounds, negative: SegmentBounds, validSlots: (SlotAddressTable, shard: Int)? = nil) {
        self.valid = LRUSegment(bounds: valid, publishingSlotsTo: validSlots)
        self.negative = LRUSegment(bounds: negative)
    }

    /// Counts a hit, and nothing if there is none: the call then asks again by ``lookup(_:maxAge:now:_:)``.
    @inline(__always)
    mutating func reply(
        for key: TokenKey, applicationID: Span<UInt8>, maxAge: UInt64, now: UInt64, into reply: inout EncodedResponse
    ) -> CacheHit? {
        if let hit = valid.reply(for: key, applicationID: applicationID, maxAge: maxAge, now: now, into: &reply) {
            hits &+= 1
            return CacheHit(isDueForRefresh: hit.isDueForRefresh)
        }
        guard let hit = negative.reply(for: key, applicationID: Span(), maxAge: maxAge, now: now, into: &reply) else { return nil }
        hits &+= 1
        return CacheHit(rejection: negative.rejection(in: hit.slot))
    }

    mutating func lookup(_ key: TokenKey, maxAge: UInt64, now: UInt64, _ attempt: VerificationCache.Attempt) -> CacheLookup {
        let mayRefresh = attempt == .first
        var lookup = valid.lookup(key, maxAge: maxAge, now: now, mayRefresh: mayRefresh)
        if case .miss = lookup { lookup = negative.lookup(key, maxAge: maxAge, now: now, mayRefresh: mayRefresh) }
        guard attempt == .first else { return lookup }
        if case .hit = lookup { hits &+= 1 } else { misses &+= 1 }
        return lookup
    }

    /// Stores the entry, unless what is stored was asked for later: of two answers that overtake each other the later question
    /// counts.
    mutating func store(_ entry: CacheEntry, for key: TokenKey) {
        guard !knowsLater(than: entry.verifiedAt, about: key) else { return }
        switch entry.verdict {
        case .valid:
            negative.remove(key)
            valid.insert(entry, for: key)
        case .rejected:
            valid.remove(key)
            negative.insert(entry, for: key)
        }
    }

    /// Lets go of what was asked for before.
    mutating func remove(_ key: TokenKey, askedBefore moment: Instant) {
        if !knowsLater(than: moment, about: key) { remove(key) }
    }

    private func knowsLater(than moment: Instant, about key: TokenKey) -> Bool {
        (valid.verifiedAt(of: key) ?? negative.verifiedAt(of: key)).map { $0 > moment } ?? false
    }

    mutating func remove(_ key: TokenKey) {
        valid.remove(key)
        negative.remove(key)
    }

    mutating func revoke(_ key: TokenKey) {
        revocations[Self.counter(of: key)] &+= 1
        remove(key)
    }

    func revocations(of key: TokenKey) -> UInt32 {
        revocations[Self.counter(of: key)]
    }

    /// Bits 8 to 13: the shard is chosen by those below, the cell in the index by the upper 32.
    private static func counter(of key: TokenKey) -> Int {
        Int(truncatingIfNeeded: key.bits >> 8) & 63
    }
}
