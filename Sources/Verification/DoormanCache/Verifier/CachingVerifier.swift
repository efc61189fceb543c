package import DoormanCore
package import DoormanSupport
internal import NIOConcurrencyHelpers

/// Serves calls from the cache, and sends one provider request per token for any number of calls that miss.
package final class CachingVerifier: Sendable {
    /// Receives the events of rejection storms. Called on any thread; must not block.
    package typealias StormObserver = @Sendable (ProviderTarget, RejectionStormEvent) -> Void

    /// The sources of verdicts.
    package struct Sources: Sendable {
        /// The provider. ``CacheSettings/lookupTimeout`` bounds each request to it.
        let provider: any TokenRouter
        /// The other nodes; `nil` for none. The secrets of the fleet make the cache keys: see ``CacheRandomness/secret``.
        let fleet: (any CacheFleet)?

        package init(provider: any TokenRouter, fleet: (any CacheFleet)? = nil) {
            self.provider = provider
            self.fleet = fleet
        }
    }

    let provider: any TokenRouter
    let settings: CacheSettings
    let timeSource: TimeSource
    let coding: VerdictCoding
    private let random: @Sendable () -> UInt64
    let keys: TokenKeyMaker
    /// Makes the keys of the fleet's previous secret. Denials from before a change of the secret are under these keys.
    let previousKeys: [TokenKeyMaker]
    let cache: VerificationCache
    /// `nil` without a fleet.
    let fleet: (any CacheFleet)?
    private let storms: NIOLockedValueBox<RejectionStorms>
    private let stormObserver: StormObserver
    private let lookups: SingleFlight<LookupKey, LookupResult>
    private let exchanges: SingleFlight<TokenKey, ExchangeVerdict>
    /// The number of tokens that were denied here because their provider can't revoke them.
    let localDenials = NIOLockedValueBox<UInt64>(0)

    /// - Parameters:
    ///   - sources: The provider, and the other nodes.
    /// - Throws: The error of the random number generator.
    package init(
        _ sources: Sources, settings: CacheSettings, timeSource: TimeSource, coding: VerdictCoding,
        randomness: CacheRandomness = CacheRandomness(), stormObserver: @escaping StormObserver = { _, _ in }
    ) throws {
        provider = sources.provider
        fleet = sources.fleet
        self.settings = settings
        self.timeSource = timeSource
        self.coding = coding
        random = randomness.roll
        storms = NIOLockedValueBox(RejectionStorms())
        self.stormObserver = stormObserver
        keys = try TokenKeyMaker(secret: randomness.secret)
        previousKeys = try randomness.previousSecrets.map { try TokenKeyMaker(secret: $0) }
        cache = VerificationCache(settings: settings, coding: coding)
        lookups = SingleFlight(
            maximumInFlightLookups: settings.maximumInFlightLookups, maximumWaitersPerLookup: settings.maximumWaitersPerLookup,
            timeSource: timeSource)
        exchanges = SingleFlight(
            maximumInFlightLookups: settings.maximumInFlightLookups, maximumWaitersPerLookup: settings.maximumWaitersPerLookup,
            timeSource: timeSource)
    }

    /// Open while every entry may be served. Without a fleet, always.
    package var gate: RevocationGate { fleet?.gate ?? Self.openGate }

    private static let openGate = RevocationGate()

    /// Creates a verifier without a fleet.
    package convenience init(
        provider: any TokenRouter, settings: CacheSettings, timeSource: TimeSource, coding: VerdictCoding,
        randomness: CacheRandomness = CacheRandomness(), stormObserver: @escaping StormObserver = { _, _ in }
    ) throws {
        try self.init(
            Sources(provider: provider), settings: settings, timeSource: timeSource, coding: coding, randomness: randomness,
            stormObserver: stormObserver)
    }

    /// Changes the bounds. Entries over the new bounds are evicted at once.
    package func limit(valid: SegmentBounds, negative: SegmentBounds) {
        cache.limit(valid: valid, negative: negative, now: timeSource.now())
    }

    /// Removes the cached entries of valid tokens whose identity fulfils a condition, for example after a provider withdrew a key. A verdict
    /// that was reached before and arrives later is not stored.
    package func removeEntries(where condition: @escaping @Sendable (Identity) -> Bool) {
        cache.remove(requestedBefore: timeSource.now(), where: condition)
    }

    package var statistics: CacheStatistics {
        var statistics = CacheStatistics()
        cache.count(into: &statistics)
        statistics.inFlightLookups = lookups.inFlightCount + exchanges.inFlightCount
        statistics.rejectionStorms = storms.withLockedValue { $0.count }
        statistics.localDenials = localDenials.withLockedValue { $0 }
        statistics.refreshed = lookups.startedAloneCount
        statistics.joined = lookups.joinedCount + exchanges.joinedCount
        return statistics
    }
}

#if DEBUG
    extension CachingVerifier {
        /// The number of token keys made so far.
        package var tokenKeysMade: Int { keys.tokenKeysMade.withLockedValue { $0 } }
    }
#endif

// MARK: - On the event loop

extension CachingVerifier {
    /// Returns the token's cache key, and prefetches the entry of that key.
    package func key(of token: Span<UInt8>) -> TokenKey {
        let key = keys.key(forToken: token)
        cache.prefetch(key)
        return key
    }

    /// The token's keys under all secrets of the fleet, the current one first.
    func allKeys(of call: VerifyCall) -> [TokenKey] {
        [call.key] + previousKeys.map { $0.key(forToken: call.token.bytes.span) }
    }

    /// Returns whether a node revoked the token before it knew the current secret of the fleet.
    func isDeniedUnderPreviousKey(_ token: Token) -> Bool {
        previousKeys.contains { cache.isDenied($0.key(forToken: token.bytes.span), at: timeSource.now()) }
    }

    /// Copies the cached response for a call. After a miss the call needs ``verify(_:deadline:)``.
    ///
    /// - Parameters:
    ///   - applicationID: The application that the token must be for, in UTF-8; empty for any.
    ///   - maxAgeSeconds: The maximum age of the entry, in seconds; 0 for any age within its TTL.
    ///   - response: The destination of the response.
    /// - Returns: `nil` if the cache has no matching entry.
    package func lookup(
        _ key: TokenKey, applicationID: Span<UInt8>, maxAgeSeconds: UInt32, now: Instant, into response: inout EncodedResponse
    ) -> CacheHit? {
        cache.copyResponse(for: key, applicationID: applicationID, maxAgeSeconds: maxAgeSeconds, now: now, into: &response)
    }

    /// Copies the cached response for a call with any requirements. After a miss the call needs ``verify(_:deadline:)``.
    ///
    /// - Returns: `nil` if the cache has no matching entry.
    package func lookup(_ call: VerifyCall, now: Instant, into response: inout EncodedResponse) -> CacheHit? {
        guard let call = servedFromCache(call, at: now) else { return nil }
        return cache.copyResponse(
            for: call.key, requirements: call.requirements, maxAge: VerificationCache.nanoseconds(call.maxAge), now: now,
            into: &response)
    }

    /// Copies the stale response for a call that must not cause a provider request now.
    ///
    /// - Returns: `nil` if the cache has no stale entry that matches the call otherwise.
    package func serveStale(_ call: VerifyCall, now: Instant, into response: inout EncodedResponse) -> CacheHit? {
        guard prolongStaleEntry(of: call.key, maxAge: call.maxAge) != nil else { return nil }
        return lookup(call, now: now, into: &response)
    }

    /// Returns the provider of the token's entry, within its TTL or not; `nil` if no entry may be served stale to the call.
    package func staleProvider(of call: VerifyCall, now: Instant) -> String? {
        guard case .valid(let identity)? = cache.staleEntry(for: call.key, maxAge: call.maxAge, now: now)?.verdict else {
            return nil
        }
        return identity.provider
    }

    /// Returns whether a lookup is in flight that the call can join. That costs the provider nothing.
    package func isLookupInFlight(for call: VerifyCall) -> Bool {
        lookups.isInFlight(LookupKey(call))
    }

    /// Returns whether a provider of this name is configured. A call that names another one is a mistake of its caller: it says nothing about
    /// the token.
    package func knows(provider: String) -> Bool { self.provider.knows(provider: provider) }

    /// Validates the syntax of a token, without a provider request.
    ///
    /// - Returns: The rejection of a malformed token; `nil` otherwise.
    package func validateSyntax(of token: Token, naming provider: String?) -> Rejection? {
        self.provider.validateSyntax(of: token, naming: provider)
    }

    /// Refreshes the entry of a call's token in the background, so that no call has to wait when its TTL ends. A cache miss in the
    /// meantime joins the lookup if it names the same provider and application.
    package func refresh(_ call: VerifyCall) {
        let hasStarted = lookups.start(for: LookupKey(call)) { () async throws(VerificationError) in
            try await self.requestVerdict(for: call, purpose: .refresh)
        }
        if !hasStarted { postponeRefresh(of: call.key) }
    }

    private func postponeRefresh(of key: TokenKey) {
        cache.postponeRefresh(of: key, until: timeSource.now().advanced(by: settings.staleRefreshInterval))
    }
}

// MARK: - Verify

extension CachingVerifier {
    /// The key of a lookup. A rejection answers only calls that name the same provider and application, so only such calls share a lookup.
    private struct LookupKey: Hashable, Sendable {
        let token: TokenKey
        let target: ProviderTarget

        init(_ call: VerifyCall) {
            token = call.key
            target = call.requirements.target
        }
    }

    /// The result of a lookup, for all calls that waited for it.
    private struct LookupResult: Sendable {
        let verdict: EncodedVerdict
        /// The time of the provider request; `nil` if the result came from the cache.
        let requestedAt: Instant?
    }

    /// Verifies a token from the cache, or by a provider request after a miss. Errors are never cached.
    package func verify(_ original: VerifyCall, deadline: Deadline) async throws(VerificationError) -> EncodedVerdict {
        let arrival = timeSource.now()
        try checkPosition(of: original)
        var attempt = VerificationCache.Attempt.first
        while true {
            let now = timeSource.now()
            if isDeniedUnderPreviousKey(original.token) { return cache.deniedVerdict }
            // Without a fleet, and as a rule with one, nothing is limited.
            let call = limited(original, at: now)
            let cached = cache.lookup(call, now: now, attempt)
            attempt = .repeated
            if case .hit(let verdict, let isDueForRefresh) = cached {
                try requireKnownRevocations(of: verdict.verdict, for: original)
                if isDueForRefresh { refresh(call) }
                return judge(verdict, for: call)
            }
            try requireUsableVerdict(for: original)
            let canServeStale = cached == .stale
            let result: LookupResult
            do throws(VerificationError) {
                result = try await lookups.value(
                    for: LookupKey(call), deadline: canServeStale ? staleIfErrorDeadline(deadline, now: now) : deadline
                ) { () async throws(VerificationError) in
                    try await self.requestVerdict(for: call, purpose: .demand)
                }
            } catch {
                if let verdict = staleVerdict(for: error, call, hadStaleEntry: canServeStale) {
                    try requireKnownRevocations(of: verdict.verdict, for: original)
                    return judge(verdict, for: call)
                }
                // It stopped waiting early to serve a stale entry. That entry is gone, so it waits on.
                if error.code == .deadlineExceeded, !Task.isCancelled, !deadline.hasPassed(at: timeSource.now()) { continue }
                throw error
            }
            // An entry that the lookup found may have been removed or denied since then.
            guard let requestedAt = result.requestedAt else { continue }
            // Its provider may have withdrawn the key of the token, or changed, while the lookup was in flight.
            if cache.isRemoved(result.verdict.verdict, requestedAt: requestedAt, now: timeSource.now()) { continue }
            // A lookup that began before this call arrived can have a result that is too old for it.
            if let maxAge = call.maxAge, requestedAt.duration(to: arrival) > maxAge { continue }
            // It may also be too old by now, if this node has lost the store in the meantime.
            try requireKnownRevocations(of: result.verdict.verdict, for: original)
            if isTooOldWithoutStore(requestedAt: requestedAt) || isDeniedUnderPreviousKey(original.token) { continue }
            return judge(try confirm(result.verdict, requestedAt: requestedAt, for: call), for: call)
        }
    }

    /// Returns the verdict of a lookup, unless the token or its account has been denied since its request was sent.
    private func confirm(
        _ encoded: EncodedVerdict, requestedAt: Instant, for call: VerifyCall
    ) throws(VerificationError) -> EncodedVerdict {
        switch cache.denial(of: encoded.verdict, for: call.key, requestedAt: requestedAt, now: timeSource.now()) {
        case nil: return EncodedVerdict(encoded.verdict, encoded.response, from: .provider)
        case .token: return cache.deniedVerdict
        case .account:
            throw VerificationError(
                .providerUnavailable,
                "The token's account was revoked moments ago, so the provider's verdict may be outdated: verify the token again.",
                scope: .request, request: .responded)
        }
    }

    /// Sends a provider request, and stores its verdict.
    private func requestVerdict(for call: VerifyCall, purpose: CallPurpose) async throws(VerificationError) -> LookupResult {
        let now = timeSource.now()
        // An earlier lookup may have completed after this call missed the cache.
        if purpose == .demand, case .hit(let verdict, _) = cache.lookup(call, now: now, .repeated) {
            return LookupResult(verdict: verdict, requestedAt: nil)
        }
        let known = cachedIdentity(of: call.key, now: now)
        let ticket: SharedTicket
        switch await findShared(call, now: now, isNewerThan: purpose == .refresh ? known : nil) {
        case .found(let verdict): return LookupResult(verdict: storeShared(verdict, for: call), requestedAt: verdict.requestedAt)
        case .miss(let its): ticket = its
        }
        let requestedAt = fleet == nil ? now : timeSource.now()
        var target = call.requirements.target
        // Only its own provider can judge a token that was valid before. Another one would reject it, and that would cost other calls the entry.
        if let known, let named = target.provider, !known.isFrom(named) { target.provider = known.provider }
        let request = VerificationRequest(
            token: call.token, requirements: TokenRequirements(target), purpose: purpose,
            known: known.map(ProviderTarget.init(of:)), caller: purpose == .demand ? call.caller : nil)
        do throws(VerificationError) {
            let verdict = try await reportingTimeout { () async throws(VerificationError) in
                let verdict = try await self.provider.verify(request, deadline: self.lookupDeadline(from: now))
                guard self.isInTime(requestedAt: requestedAt) else { throw .tooLate }
                if let known, !self.isBelieved(verdict, on: known) { throw .rejectionStorm }
                return verdict
            }
            return LookupResult(verdict: store(verdict, for: call, requestedAt: requestedAt, ticket), requestedAt: requestedAt)
        } catch {
            ticket.giveUp()
            if purpose == .refresh { postponeRefresh(of: call.key) }
            if error.code == .providerUnavailable || error.code == .providerBusy { prolongStaleEntry(of: call.key, maxAge: nil) }
            throw error
        }
    }

    /// Returns the identity in the token's entry, stale or not; `nil` if the token is unknown.
    private func cachedIdentity(of key: TokenKey, now: Instant) -> Identity? {
        guard case .valid(let identity)? = cache.staleEntry(for: key, maxAge: nil, now: now)?.verdict else { return nil }
        return identity
    }

    /// Returns whether the verdict on a token that was valid before can be believed. It is not if most such tokens are rejected: then the
    /// provider fails, and the token's entry may be served stale.
    private func isBelieved(_ verdict: Verdict, on known: Identity) -> Bool {
        var isRejected = false
        if case .rejected = verdict { isRejected = true }
        let (isBelieved, event) = storms.withLockedValue { [now = timeSource.now(), isRejected] storms in
            storms.record(known, isRejected: isRejected, settings.rejectionStorm, at: now)
        }
        if let event { stormObserver(ProviderTarget(of: known), event) }
        return isBelieved || !isRejected
    }

    /// Returns the deadline of a lookup that begins now.
    private func lookupDeadline(from now: Instant) -> Deadline {
        Deadline(now.advanced(by: settings.lookupTimeout))
    }

    /// Returns whether a response can be used. After a pause of the whole process, a response can arrive long after its deadline, when
    /// denials that concern it have ended.
    private func isInTime(requestedAt moment: Instant) -> Bool {
        moment.duration(to: timeSource.now()) < settings.longestResponseTime
    }

    /// Makes a provider request. Reports a timeout as `.providerUnavailable`: the deadline is the lookup's own, not its callers'.
    private func reportingTimeout<Value>(
        _ request: () async throws(VerificationError) -> Value
    ) async throws(VerificationError) -> Value {
        do throws(VerificationError) {
            return try await request()
        } catch {
            guard error.code == .deadlineExceeded else { throw error }
            throw VerificationError(
                .providerUnavailable, error.message, retryAfter: error.retryAfter, request: error.request)
        }
    }

    /// Judges a valid token by the requirements of the call.
    private func judge(_ encoded: EncodedVerdict, for call: VerifyCall) -> EncodedVerdict {
        cache.judge(encoded, call.requirements)
    }
}

// MARK: - Storing

extension CachingVerifier {
    /// Stores a verdict of the provider in place of the present entry.
    ///
    /// - Returns: The verdict for the waiting calls. An identity in it has its validity limited to its TTL, and is
    ///   ``Freshness/fresh``.
    private func store(
        _ verdict: Verdict, for call: VerifyCall, requestedAt: Instant, _ ticket: SharedTicket = .none
    ) -> EncodedVerdict {
        let key = call.key
        let now = timeSource.now()
        // A hit looks for no denial under previous secrets, so no entry may be stored beside one.
        guard !isDeniedUnderPreviousKey(call.token) else {
            ticket.giveUp()
            cache.remove(key, requestedBefore: requestedAt)
            return cache.deniedVerdict
        }
        switch verdict {
        case .forbidden: preconditionFailure("no provider judges what a call requires")
        case .rejected(let rejection):
            ticket.giveUp()
            let encoded = EncodedVerdict(verdict, coding.encode(verdict))
            let ttl = rejection.isCacheable ? settings.negativeLifetime(roll: random()) : .zero
            guard ttl > .zero else {
                cache.remove(key, requestedBefore: requestedAt)
                return encoded
            }
            var entry = CacheEntry(
                verdict: verdict, response: encoded.response, requestedAt: requestedAt, expiresAt: now.advanced(by: ttl))
            entry.named = call.requirements.target
            cache.store(entry, for: key, now: now)
            return encoded
        case .valid(var identity):
            let wallTime = timeSource.wallTime()
            guard wallTime < identity.validUntil else {
                ticket.giveUp()
                cache.remove(key, requestedBefore: requestedAt)
                let rejected = Verdict.rejected(
                    Rejection(.tokenRejected, "The token expired before the provider's response arrived."))
                return EncodedVerdict(rejected, coding.encode(rejected))
            }
            let lifetime = settings.lifetime(expiry: identity.validUntil, wallTime: wallTime, roll: random())
            let tokenEnd = identity.validUntil
            identity.validUntil = min(identity.validUntil, wallTime.advanced(by: max(.zero, lifetime.fresh)))
            identity.freshness = .cached
            if let entry = makeEntry(identity, lifetime, requestedAt: requestedAt, now: now) {
                cache.store(entry, for: key, now: now)
            } else {
                cache.remove(key, requestedBefore: requestedAt)
            }
            share(identity, for: key, tokenEnd: tokenEnd, requestedAt: requestedAt, ticket)
            identity.freshness = .fresh
            return EncodedVerdict(.valid(identity), coding.encode(.valid(identity)))
        }
    }

    /// - Returns: `nil` if the TTL is zero or less.
    func makeEntry(
        _ identity: Identity, _ lifetime: (fresh: Duration, stale: Duration), requestedAt: Instant, now: Instant
    ) -> CacheEntry? {
        guard lifetime.fresh > .zero else { return nil }
        let refreshAfter = lifetime.fresh - settings.refreshMargin(of: lifetime.fresh)
        return CacheEntry(
            verdict: .valid(identity), response: coding.encode(.valid(identity)), requestedAt: requestedAt,
            expiresAt: now.advanced(by: lifetime.fresh), refreshAt: now.advanced(by: refreshAfter),
            staleUntil: now.advanced(by: lifetime.stale))
    }
}

// MARK: - Stale entries

// A stale entry is served while the provider is unavailable. It never replaces a rejection.

extension CachingVerifier {
    /// Returns the time until which a call with a stale entry waits for the provider. The reserve leaves time to serve the entry.
    private func staleIfErrorDeadline(_ deadline: Deadline, now: Instant) -> Deadline {
        let reserve = min(settings.staleReserve, deadline.remaining(at: now) / 2)
        return Deadline(deadline.instant.advanced(by: .zero - reserve))
    }

    /// Returns the verdict to serve in place of an error; `nil` if the error stays.
    ///
    /// - Parameter hadStaleEntry: Whether this call stopped waiting early because of a stale entry.
    private func staleVerdict(for error: VerificationError, _ call: VerifyCall, hadStaleEntry: Bool) -> EncodedVerdict? {
        switch error.code {
        case .providerUnavailable, .providerBusy: break
        case .deadlineExceeded where hadStaleEntry && !Task.isCancelled: break
        default: return nil
        }
        // Another call or the lookup may have served the stale entry already.
        if case .hit(let verdict, _) = cache.lookup(call, now: timeSource.now(), .repeated) {
            return verdict
        }
        return prolongStaleEntry(of: call.key, maxAge: call.maxAge)
    }

    /// Makes calls get the stale entry from the cache for ``CacheSettings/staleRefreshInterval``, without a request to the provider that has
    /// just failed. An entry within its TTL stays as it is.
    ///
    /// - Returns: The verdict of the entry; `nil` if there is no entry that may still be served.
    @discardableResult
    private func prolongStaleEntry(of key: TokenKey, maxAge: Duration?) -> EncodedVerdict? {
        let now = timeSource.now()
        guard var entry = cache.staleEntry(for: key, maxAge: maxAge, now: now), case .valid(var identity) = entry.verdict else {
            return nil
        }
        // After a failed refresh, the entry may still be within its TTL.
        guard entry.expiresAt <= now else { return EncodedVerdict(entry.verdict, entry.response) }
        entry.expiresAt = min(now.advanced(by: settings.staleRefreshInterval), entry.staleUntil)
        identity.freshness = .stale
        identity.validUntil = timeSource.wallTime().advanced(by: now.duration(to: entry.expiresAt))
        entry.verdict = .valid(identity)
        entry.response = coding.encode(entry.verdict)
        cache.serveStale(entry, for: key)
        return EncodedVerdict(entry.verdict, entry.response)
    }
}

// MARK: - Exchange

extension CachingVerifier {
    /// Exchanges a code with one request for all simultaneous calls, since a code works once. Caches the identity of the token, unless
    /// its account was revoked moments ago: then the caller gets the token without an identity.
    package func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        // A call that leaves out the only provider or application must join a call that names it.
        let target = try provider.resolve(request.target, for: .exchange)
        var request = request
        (request.provider, request.applicationID) = (target.provider, target.applicationID)
        let key = keys.key(forCode: request.code.bytes.span, of: target)
        return try await exchanges.value(for: key, deadline: deadline) { [request] () async throws(VerificationError) in
            try await self.redeem(request)
        }
    }

    private func redeem(_ request: ExchangeRequest) async throws(VerificationError) -> ExchangeVerdict {
        let share = fleet?.sharingIssuedToken()
        let now = timeSource.now()
        let verdict = try await reportingTimeout { () async throws(VerificationError) in
            try await self.provider.exchange(request, deadline: self.lookupDeadline(from: now))
        }
        guard case .issued(let token, let identity?) = verdict else { return verdict }
        let call = VerifyCall(validated: token, key: keys.key(forToken: token.bytes.span))
        guard isInTime(requestedAt: now),
            cache.denial(of: .valid(identity), for: call.key, requestedAt: now, now: timeSource.now()) == nil
        else { return .issued(token, nil) }
        let ticket = share.map { share in SharedTicket(share: { share(call.key, $0, $1) }, giveUp: {}) } ?? .none
        guard case .valid(let fresh) = store(.valid(identity), for: call, requestedAt: now, ticket).verdict else { return verdict }
        return .issued(token, fresh)
    }
}

extension VerificationError {
    fileprivate static let rejectionStorm = VerificationError(
        .providerUnavailable,
        "The provider rejects most of the tokens that were valid a moment ago, which is taken for an outage.", scope: .request,
        request: .responded)
    fileprivate static let tooLate = VerificationError(
        .deadlineExceeded, "The provider's response arrived too late to be used.",
        request: .responded)
}
