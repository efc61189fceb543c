internal import DoormanCore
internal import DoormanSupport

/// The part of the cache behind one lock. Valid and rejected tokens have segments of their own, so that a flood of bad tokens can't
/// evict good tokens. At most one of the two segments has a key's entry.
struct CacheShard: Sendable {
    var valid: LRUSegment
    var negative: LRUSegment
    private(set) var hits: UInt64 = 0
    /// Those of the hits that rejected a token.
    private(set) var negativeHits: UInt64 = 0
    /// The ages of entries that were served. Only some hits are recorded: see ``recordAge(of:now:)``.
    private(set) var ages = AgeHistogram()
    private(set) var misses: UInt64 = 0

    /// - Parameters:
    ///   - decode: See ``VerdictCoding``.
    ///   - validSlots: The table in which to publish the slots of valid entries, and the number of this shard.
    init(
        valid: SegmentBounds, negative: SegmentBounds, decode: @escaping @Sendable (EncodedResponse) -> Verdict?,
        validSlots: (SlotAddressTable, shard: Int)
    ) {
        self.valid = LRUSegment(bounds: valid, decode: decode, publishingSlotsTo: validSlots)
        self.negative = LRUSegment(bounds: negative)
    }

    /// Copies the cached response for a call. Counts a hit, but no miss: a call that misses uses ``lookup(_:maxAge:now:_:)`` next.
    @inline(__always)
    mutating func copyResponse(
        for key: TokenKey, applicationID: Span<UInt8>, maxAge: UInt64, now: UInt64, into response: inout EncodedResponse
    ) -> CacheHit? {
        if let hit = valid.copyResponse(for: key, applicationID: applicationID, maxAge: maxAge, now: now, into: &response) {
            hits &+= 1
            if hits & 63 == 1 { recordAge(of: hit.slot, now: now) }
            return CacheHit(isDueForRefresh: hit.isDueForRefresh)
        }
        guard negative.hasEntry(for: key, naming: applicationID),
            let hit = negative.copyResponse(for: key, applicationID: Span(), maxAge: maxAge, now: now, into: &response)
        else { return nil }
        hits &+= 1
        negativeHits &+= 1
        return CacheHit(denial: negative.rejection(in: hit.slot).map(VerdictDenial.rejected))
    }

    /// Records the age of a valid entry that is served. One hit in 64 is recorded, the first one included: more would cost hits too much.
    @inline(never)
    private mutating func recordAge(of slot: Int, now: UInt64) {
        ages.record(nanoseconds: valid.age(of: slot, now: now))
    }

    mutating func lookup(
        _ key: TokenKey, naming target: ProviderTarget, maxAge: UInt64, now: UInt64, _ attempt: VerificationCache.Attempt
    ) -> CacheLookup {
        let mayRefresh = attempt != .repeated
        var lookup = valid.lookup(key, maxAge: maxAge, now: now, mayRefresh: mayRefresh)
        if case .miss = lookup, negative.hasEntry(for: key, naming: target) {
            lookup = negative.lookup(key, maxAge: maxAge, now: now, mayRefresh: mayRefresh)
            if case .hit = lookup, attempt != .repeated { negativeHits &+= 1 }
        }
        if case .hit = lookup {
            if attempt != .repeated { hits &+= 1 }
        } else if attempt == .first {
            misses &+= 1
        }
        return lookup
    }

    /// Counts a call that the denial list answered.
    mutating func countDeniedHit() {
        hits &+= 1
        negativeHits &+= 1
    }

    /// Stores an entry, unless the present entry comes from a later request. Responses can arrive in another order than their
    /// requests.
    mutating func store(_ entry: CacheEntry, for key: TokenKey, now: Instant) {
        guard !hasEntry(for: key, requestedAfter: entry.requestedAt) else { return }
        switch entry.verdict {
        case .valid:
            negative.remove(key)
            valid.insert(entry, for: key, now: now)
        case .rejected:
            valid.remove(key)
            negative.insert(entry, for: key, now: now)
        case .forbidden: preconditionFailure("only a provider's verdict is stored")
        }
    }

    /// Removes the key's entry, unless it comes from a request after `moment`.
    mutating func remove(_ key: TokenKey, requestedBefore moment: Instant) {
        if !hasEntry(for: key, requestedAfter: moment) { remove(key) }
    }

    private func hasEntry(for key: TokenKey, requestedAfter moment: Instant) -> Bool {
        (valid.requestedAt(of: key) ?? negative.requestedAt(of: key)).map { $0 > moment } ?? false
    }

    mutating func remove(_ key: TokenKey) {
        valid.remove(key)
        negative.remove(key)
    }
}
