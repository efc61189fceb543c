internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// The cache of verdicts. Bits of the key choose a shard, and each shard has a lock. A shard's lock is held while
/// verdicts are read from their responses and compared with the conditions of removals, and during no other call to another part of Doorman.
package final class VerificationCache: Sendable {
    private let shards: [NIOLockedValueBox<CacheShard>]
    private let slotAddresses: SlotAddressTable
    private let mask: UInt64
    /// Locked inside a shard's lock. Nothing else is locked inside its lock.
    private let denials: DenialList
    /// The response to a call whose token is denied.
    private let deniedResponse: EncodedVerdict
    /// The responses to calls with a valid token whose requirements it does not meet.
    private let unmetResponses: [VerdictDenial: EncodedResponse]
    private let coding: VerdictCoding
    /// The latest removals of entries by a condition.
    private let removals: RecentRemovals

    package init(settings: CacheSettings, coding: VerdictCoding) {
        self.coding = coding
        removals = RecentRemovals(responseTime: settings.longestResponseTime)
        denials = DenialList(maximum: settings.maximumDenials, maximumPerCaller: settings.maximumDenialsPerCaller)
        deniedResponse = EncodedVerdict(.rejected(.denied), coding.encode(.rejected(.denied)))
        let unmet: [Verdict] = [.rejected(.anotherApplication), .rejected(.anotherProvider), .forbidden(.insufficientScope)]
        unmetResponses = Dictionary(
            uniqueKeysWithValues: unmet.compactMap { verdict in verdict.denial.map { ($0, coding.encode(verdict)) } })
        let count = settings.shardCount
        mask = UInt64(count - 1)
        let slotAddresses = SlotAddressTable(shards: count)
        self.slotAddresses = slotAddresses
        shards = (0..<count).map { number in
            NIOLockedValueBox(
                CacheShard(
                    valid: settings.valid.part(ofShard: number, among: count),
                    negative: settings.negative.part(ofShard: number, among: count), decode: coding.decode,
                    validSlots: (slotAddresses, number)))
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
        let hit = shard(of: key).withLockedValue {
            $0.copyResponse(for: key, applicationID: applicationID, maxAge: maxAge, now: now.nanoseconds, into: &response)
        }
        if hit != nil { return hit }
        guard applicationID.isEmpty else {
            return copyJudgedResponse(for: key, applicationID: applicationID, maxAge: maxAge, now: now, into: &response)
        }
        guard denials.isDenied(key, at: now) else { return nil }
        shard(of: key).withLockedValue { $0.countDeniedHit() }
        response = deniedResponse.response
        return CacheHit(denial: .rejected(.tokenRejected))
    }

    /// Copies the response to a call that names another application than the entry's own.
    @inline(never)
    private func copyJudgedResponse(
        for key: TokenKey, applicationID: Span<UInt8>, maxAge: UInt64, now: Instant, into response: inout EncodedResponse
    ) -> CacheHit? {
        // The server refuses such a call as malformed after the miss.
        guard applicationID.count <= TokenRequirements.maximumNameBytes else { return nil }
        var bytes: [UInt8] = []
        for index in applicationID.indices { bytes.append(applicationID[index]) }
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        return copyResponse(
            for: key, requirements: TokenRequirements(applicationID: text), maxAge: maxAge, now: now, into: &response)
    }

    /// Copies the cached response for a call, judged by all its requirements. Counts a hit, but no miss.
    ///
    /// - Parameter maxAge: The maximum age of the entry, in nanoseconds; `.max` for any.
    /// - Returns: `nil` if no entry within its TTL matches.
    func copyResponse(
        for key: TokenKey, requirements: TokenRequirements, maxAge: UInt64, now: Instant, into response: inout EncodedResponse
    ) -> CacheHit? {
        guard
            case .hit(let entry, let isDueForRefresh) = lookup(
                key, naming: requirements.target, maxAge: maxAge, now: now, .hitsOnly)
        else { return nil }
        let judged = judge(entry, requirements)
        response = judged.response
        return CacheHit(denial: judged.verdict.denial, isDueForRefresh: isDueForRefresh)
    }

    /// Returns the verdict about a token for one call.
    func judge(_ encoded: EncodedVerdict, _ requirements: TokenRequirements) -> EncodedVerdict {
        guard case .valid(let identity) = encoded.verdict, let verdict = requirements.judge(identity) else { return encoded }
        let response = verdict.denial.flatMap { unmetResponses[$0] } ?? coding.encode(verdict)
        return EncodedVerdict(verdict, response, from: encoded.source)
    }

    /// Whether a call looks into the cache for the first time.
    enum Attempt {
        /// Counts a hit or a miss, and can start a refresh.
        case first
        /// Counts nothing, and starts no refresh.
        case repeated
        /// Counts a hit, and can start a refresh. Counts no miss: the call looks up again.
        case hitsOnly
    }

    /// Looks up the entry of a call's token. A denied token is a hit.
    func lookup(_ call: VerifyCall, now: Instant, _ attempt: Attempt = .first) -> CacheLookup {
        lookup(call.key, naming: call.requirements.target, maxAge: Self.nanoseconds(call.maxAge), now: now, attempt)
    }

    private func lookup(
        _ key: TokenKey, naming target: ProviderTarget, maxAge: UInt64, now: Instant, _ attempt: Attempt
    ) -> CacheLookup {
        if denials.isDenied(key, at: now) {
            if attempt != .repeated { shard(of: key).withLockedValue { $0.countDeniedHit() } }
            return .hit(deniedResponse, isDueForRefresh: false)
        }
        return shard(of: key).withLockedValue {
            $0.lookup(key, naming: target, maxAge: maxAge, now: now.nanoseconds, attempt)
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
        var entry = entry
        entry.tryReading(coding)
        shard(of: key).withLockedValue { [entry] in $0.valid.serveStale(entry, for: key) }
    }

    /// Postpones the next refresh of the token's entry until `moment`, after a refresh failed.
    func postponeRefresh(of key: TokenKey, until moment: Instant) {
        shard(of: key).withLockedValue { $0.valid.postponeRefresh(of: key, until: moment) }
    }

    /// Stores the verdict of a provider, unless the token or its account is denied. A rejection that is not stored still removes an
    /// older entry, which is outdated in any case.
    ///
    /// A denial or a removal is in its list before it removes entries under the shard's lock. So either this call sees it, or it removes this entry.
    func store(_ entry: CacheEntry, for key: TokenKey, now: Instant) {
        var entry = entry
        entry.tryReading(coding)
        shard(of: key).withLockedValue { [entry] shard in
            if denial(of: entry.verdict, for: key, requestedAt: entry.requestedAt, now: now) == nil,
                !removals.concern(entry.verdict, requestedAt: entry.requestedAt, now: now)
            {
                shard.store(entry, for: key, now: now)
            } else if entry.verdict.denial != nil {
                shard.remove(key, requestedBefore: entry.requestedAt)
            }
        }
    }

    /// Removes the token's entry without denying the token, unless the entry comes from a request after `moment`.
    func remove(_ key: TokenKey, requestedBefore moment: Instant) {
        shard(of: key).withLockedValue { $0.remove(key, requestedBefore: moment) }
    }

    /// Removes the entries of valid tokens whose identity fulfils a condition. From now on, no verdict from a request before `moment` that
    /// fulfils it is stored.
    ///
    /// Locks each shard for a few entries at a time, so that no event loop waits long.
    func remove(requestedBefore moment: Instant, where condition: @escaping @Sendable (Identity) -> Bool) {
        removals.add(Removal(moment: moment, condition: condition))
        for shard in shards {
            var start = 0
            while start < shard.withLockedValue({ $0.valid.slotCount }) {
                shard.withLockedValue { [start] shard in
                    for key in shard.valid.keys(inSlots: start..<start + Self.slotsAtOnce, where: condition) {
                        shard.remove(key, requestedBefore: moment)
                    }
                }
                start += Self.slotsAtOnce
            }
        }
    }

    /// Returns whether a verdict that was requested at `moment` is outdated, since such entries have been removed in the meantime.
    func isRemoved(_ verdict: Verdict, requestedAt moment: Instant, now: Instant) -> Bool {
        removals.concern(verdict, requestedAt: moment, now: now)
    }

    /// The slots that are looked at with a shard locked: about 50 µs.
    private static let slotsAtOnce = 128

    /// Changes the bounds. Entries over the new bounds are evicted at once.
    func limit(valid: SegmentBounds, negative: SegmentBounds, now: Instant) {
        for (number, shard) in shards.enumerated() {
            shard.withLockedValue {
                $0.valid.limit(to: valid.part(ofShard: number, among: shards.count), now: now)
                $0.negative.limit(to: negative.part(ofShard: number, among: shards.count), now: now)
            }
        }
    }

    /// Adds the shards' counters to the statistics.
    func count(into statistics: inout CacheStatistics) {
        statistics.denials = denials.count
        for shard in shards {
            shard.withLockedValue { shard in
                statistics.hits += shard.hits
                statistics.negativeHits += shard.negativeHits
                statistics.ages.add(shard.ages)
                statistics.misses += shard.misses
                statistics.stale += shard.valid.staleHits
                statistics.valid.add(shard.valid)
                statistics.negative.add(shard.negative)
            }
        }
    }

    static func nanoseconds(_ maxAge: Duration?) -> UInt64 {
        maxAge.map { UInt64(max(0, $0.nanoseconds)) } ?? .max
    }

    @inline(__always)
    private func shard(of key: TokenKey) -> NIOLockedValueBox<CacheShard> {
        shards[Int(truncatingIfNeeded: key.bits & mask)]
    }
}

// MARK: - Denials

extension VerificationCache {
    /// Why a provider's verdict is not used.
    enum DenialReason: Sendable, Hashable {
        /// The token is denied.
        case token
        /// The token is valid, but its account was denied when the request was sent, or later.
        case account
    }

    /// Returns why a verdict about the token is not used; `nil` if it is used.
    func denial(of verdict: Verdict, for key: TokenKey, requestedAt moment: Instant, now: Instant) -> DenialReason? {
        if denials.isDenied(key, at: now) { return .token }
        guard case .valid(let identity) = verdict, denials.isDenied(identity, requestedAt: moment) else { return nil }
        return .account
    }

    func isDenied(_ key: TokenKey, at now: Instant) -> Bool { denials.isDenied(key, at: now) }

    /// A denial that ends this much earlier than it could is not extended: the wall clock that its end is computed with goes at another speed.
    private static let denialTolerance = Duration.seconds(1)

    /// Applies the revocation of a token by another node.
    ///
    /// - Returns: Whether the denial list had room.
    func applyDenial(of keys: [TokenKey], until end: Instant, now: Instant) -> Bool {
        // Lasting denials are applied at every look into the store, and a full list has room for those that it holds.
        let last = max(now, end.advanced(by: .zero - Self.denialTolerance))
        let new = keys.filter { !denials.isDenied($0, at: last) }
        guard var reservation = denials.reserveForFleet(new.count, now: now) else { return false }
        for key in new { deny(key, until: end, &reservation) }
        denials.release(reservation)
        return true
    }

    /// Applies the revocation of an account by another node. The account's cached tokens are removed, but not denied: a record that comes late
    /// must not reject a token of a later login.
    ///
    /// - Returns: Whether the denial list had room.
    func applyDenial(of account: DenialList.AccountKey, requestedBefore moment: Instant, until end: Instant, now: Instant) -> Bool {
        guard var reservation = denials.reserveForFleet(1, now: now) else { return false }
        denials.deny(account, requestedBefore: moment, until: end, &reservation)
        denials.release(reservation)
        for key in keys(of: account) { shard(of: key).withLockedValue { $0.remove(key) } }
        return true
    }

    /// The verdict about a denied token.
    var deniedVerdict: EncodedVerdict { deniedResponse }

    /// Reserves a slot for the denial of each of some tokens.
    ///
    /// - Throws: `.tooManyDenials` if the list has no room for all of them.
    func reserveDenials(
        ofTokens count: Int, for caller: Caller, now: Instant
    ) throws(VerificationError) -> DenialList.Reservation {
        try denials.reserve(count, atLeast: count, for: caller, now: now)
    }

    /// Reserves slots for the denial of an account and of its cached tokens, or of as many as the list has room for. A token without a
    /// denial leaves the cache, and is then protected by the denial of its account only.
    ///
    /// - Throws: `.tooManyDenials` if the list has no room.
    func reserveDenials(
        of account: DenialList.AccountKey, for caller: Caller, now: Instant
    ) throws(VerificationError) -> DenialList.Reservation {
        try denials.reserve(1 + keys(of: account).count, for: caller, now: now)
    }

    /// Frees the slots that are left of a reservation.
    func release(_ reservation: DenialList.Reservation) {
        denials.release(reservation)
    }

    /// Denies a token until `end`, and removes its entry.
    func deny(_ key: TokenKey, until end: Instant, _ reservation: inout DenialList.Reservation) {
        denials.deny(key, until: end, &reservation)
        shard(of: key).withLockedValue { $0.remove(key) }
    }

    /// The times of an account's denial.
    struct AccountDenialTimes: Sendable {
        /// Responses to requests from before this time are not used.
        var requestedBefore: Instant
        /// The time until which such a response can arrive.
        var end: Instant
        /// The end of the denials of the account's cached tokens.
        var tokensEnd: Instant
    }

    /// Denies an account, and its cached tokens as far as the reservation has slots. Removes the entries of all its tokens.
    func deny(
        _ account: DenialList.AccountKey, _ times: AccountDenialTimes, _ reservation: inout DenialList.Reservation
    ) {
        denials.deny(account, requestedBefore: times.requestedBefore, until: times.end, &reservation)
        for key in keys(of: account) { deny(key, until: times.tokensEnd, &reservation) }
    }

    private func keys(of account: DenialList.AccountKey) -> [TokenKey] {
        shards.flatMap { shard in
            shard.withLockedValue { $0.valid.keys(accountID: account.accountID, of: account.target) }
        }
    }
}

extension Rejection {
    /// The rejection of a token that was revoked through this server, or whose account was.
    static let denied = Rejection(.tokenRejected, "The token was revoked.")
}
