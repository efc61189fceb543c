package import DoormanCore
package import DoormanSupport

/// Answers from the cache what it can, and asks the provider the rest: each token once, however many calls wait for it.
package final class CachingVerifier: Sendable {
    /// Encodes a verdict as it goes over the wire.
    package typealias Encode = @Sendable (Verdict) -> EncodedResponse

    private let upstream: any TokenProvider
    private let settings: CacheSettings
    private let timeSource: TimeSource
    private let encode: Encode
    private let random: @Sendable () -> UInt64
    private let keys: TokenKeyMaker
    private let cache: VerificationCache
    private let lookups: SingleFlight<TokenKey, LookupResult>
    private let exchanges: SingleFlight<TokenKey, ExchangeVerdict>

    /// - Parameters:
    ///   - upstream: The provider. `lookupTimeout` bounds each request to it.
    ///   - encode: Called for each verdict that is stored, and once for the calls that waited for it, never under a lock.
    ///   - random: Returns 64 random bits, for the jitter of TTLs.
    ///   - secret: The key of the cache keys; `nil` for 32 random bytes, which all but a simulator should take.
    /// - Throws: If the machine gives no random bytes for that.
    package init(
        upstream: any TokenProvider, settings: CacheSettings, timeSource: TimeSource, encode: @escaping Encode,
        random: @escaping @Sendable () -> UInt64 = { UInt64.random(in: .min ... .max) }, secret: [UInt8]? = nil
    ) throws {
        self.upstream = upstream
        self.settings = settings
        self.timeSource = timeSource
        self.encode = encode
        self.random = random
        keys = try TokenKeyMaker(secret: secret)
        cache = VerificationCache(settings: settings)
        lookups = SingleFlight(
            maximumInFlightLookups: settings.maximumInFlightLookups, maximumWaitersPerLookup: settings.maximumWaitersPerLookup,
            timeSource: timeSource)
        exchanges = SingleFlight(
            maximumInFlightLookups: settings.maximumInFlightLookups, maximumWaitersPerLookup: settings.maximumWaitersPerLookup,
            timeSource: timeSource)
    }

    /// Sets other bounds while calls go on. Entries over them are evicted at once.
    package func limit(valid: SegmentBounds, negative: SegmentBounds) {
        cache.limit(valid: valid, negative: negative)
    }

    package var statistics: CacheStatistics {
        var statistics = CacheStatistics()
        cache.count(into: &statistics)
        statistics.inFlightLookups = lookups.inFlightCount + exchanges.inFlightCount
        statistics.refreshed = lookups.startedAloneCount
        statistics.joined = lookups.joinedCount + exchanges.joinedCount
        return statistics
    }
}

#if DEBUG
    extension CachingVerifier {
        /// How many keys of tokens were made.
        package var tokenKeysMade: Int { keys.tokenKeysMade.withLockedValue { $0 } }
    }
#endif

// MARK: - On the event loop

extension CachingVerifier {
    /// The token's cache key. What the cache has under it is prefetched meanwhile.
    package func key(of token: Span<UInt8>) -> TokenKey {
        let key = keys.key(forToken: token)
        cache.prefetch(key)
        return key
    }

    /// Copies the cached response for a call, if the cache has one: within its TTL, young enough, and for the application.
    /// Otherwise ``verify(_:deadline:)`` gets it.
    ///
    /// - Parameters:
    ///   - applicationID: In UTF-8; empty for any.
    ///   - maxAgeSeconds: 0 for any age.
    ///   - response: Where the response is copied to.
    package func lookup(
        _ key: TokenKey, applicationID: Span<UInt8>, maxAgeSeconds: UInt32, now: Instant, into response: inout EncodedResponse
    ) -> CacheHit? {
        cache.reply(for: key, applicationID: applicationID, maxAgeSeconds: maxAgeSeconds, now: now, into: &response)
    }

    /// Copies the stale response for a call, if the cache has one that fits it otherwise: for a call that may not have the provider asked
    /// just now.
    package func serveStale(_ call: VerifyCall, now: Instant, into response: inout EncodedResponse) -> CacheHit? {
        guard serveStale(call.key, maxAge: call.maxAge) != nil else { return nil }
        let applicationID = Array((call.applicationID ?? "").utf8)
        let maxAgeSeconds = UInt32(clamping: call.maxAge?.components.seconds ?? 0)
        return lookup(
            call.key, applicationID: applicationID.span, maxAgeSeconds: maxAgeSeconds, now: now, into: &response)
    }

    /// Whether a provider request for the token is in flight, so that one more call costs the provider nothing.
    package func isLookupInFlight(_ key: TokenKey) -> Bool {
        lookups.isInFlight(key)
    }

    /// Judges a token by its syntax alone.
    ///
    /// - Returns: The rejection of what can't be a token; `nil` otherwise.
    package func validateSyntax(of token: Token) -> Rejection? {
        upstream.validateSyntax(of: token)
    }

    /// Asks the provider again about a token that was just answered from the cache, in the background, so that no call has to wait when
    /// its TTL ends. A call that comes meanwhile and can't be answered from the cache joins.
    package func refresh(_ token: Token, key: TokenKey) {
        let hasStarted = lookups.start(for: key) { () async throws(VerificationError) in
            try await self.ask(VerifyCall(validated: token, key: key), purpose: .refresh)
        }
        if !hasStarted { postponeRefresh(of: key) }
    }

    private func postponeRefresh(of key: TokenKey) {
        cache.postponeRefresh(of: key, until: timeSource.now().advanced(by: settings.staleRefreshInterval))
    }
}

// MARK: - Verify

extension CachingVerifier {
    /// What a lookup brings to all calls that waited for it.
    private struct LookupResult: Sendable {
        let verdict: EncodedVerdict
        /// When the provider was asked; `nil` if it was not, since the cache had the answer.
        let askedAt: Instant?
    }

    private enum LookupPurpose {
        case call
        /// No call waits, and the cached answer is still good.
        case refresh
    }

    /// Verifies a token, from the cache or else by the provider. A failed request is never cached.
    package func verify(_ call: VerifyCall, deadline: Deadline) async throws(VerificationError) -> EncodedVerdict {
        let arrival = timeSource.now()
        var attempt = VerificationCache.Attempt.first
        while true {
            let now = timeSource.now()
            let cached = cache.lookup(call.key, maxAge: call.maxAge, now: now, attempt)
            attempt = .repeated
            if case .hit(let verdict, let isDueForRefresh) = cached {
                if isDueForRefresh { refresh(call.token, key: call.key) }
                return judge(verdict, for: call)
            }
            let canServeStale = cached == .stale
            let result: LookupResult
            do throws(VerificationError) {
                result = try await lookups.value(
                    for: call.key, deadline: canServeStale ? staleIfErrorDeadline(deadline, now: now) : deadline
                ) { () async throws(VerificationError) in
                    try await self.ask(call, purpose: .call)
                }
            } catch {
                if let verdict = staleVerdict(for: error, call, hadStaleEntry: canServeStale) { return judge(verdict, for: call) }
                // The stale entry that it stopped waiting for early is gone: it goes on waiting.
                if error.code == .deadlineExceeded, !Task.isCancelled, !deadline.hasPassed(at: timeSource.now()) { continue }
                throw error
            }
            // A lookup that began for a call with a higher maximum age may bring an answer that is too old for this one.
            guard let maxAge = call.maxAge else { return judge(result.verdict, for: call) }
            if let askedAt = result.askedAt, askedAt.duration(to: arrival) <= maxAge { return judge(result.verdict, for: call) }
        }
    }

    /// Asks the provider and stores its answer.
    ///
    /// The provider is asked for facts, without the application of the call: others may wait for the same answer who expect another
    /// one. The application only says where to look first.
    private func ask(_ call: VerifyCall, purpose: LookupPurpose) async throws(VerificationError) -> LookupResult {
        let stamp = cache.stamp(for: call.key)
        let now = timeSource.now()
        // An earlier lookup may have ended after this one's caller looked into the cache.
        if purpose == .call, case .hit(let verdict, _) = cache.lookup(call.key, maxAge: call.maxAge, now: now, .repeated) {
            return LookupResult(verdict: verdict, askedAt: nil)
        }
        let request = VerificationRequest(
            token: call.token, isRefresh: purpose == .refresh,
            likelyApplicationID: call.applicationID ?? knownApplication(of: call.key, now: now))
        do throws(VerificationError) {
            let verdict = try await withinFlight { () async throws(VerificationError) in
                try await self.upstream.verify(request, deadline: self.flightDeadline(from: now))
            }
            return LookupResult(verdict: store(verdict, for: call.key, askedAt: now, stamp: stamp), askedAt: now)
        } catch {
            if purpose == .refresh { postponeRefresh(of: call.key) }
            if error.code == .providerUnavailable || error.code == .providerBusy { serveStale(call.key, maxAge: nil) }
            throw error
        }
    }

    /// The application that the token was made for, if the cache has an entry of it, stale or not.
    private func knownApplication(of key: TokenKey, now: Instant) -> String? {
        guard case .valid(let identity)? = cache.staleEntry(for: key, maxAge: nil, now: now)?.verdict else { return nil }
        return identity.applicationID.isEmpty ? nil : identity.applicationID
    }

    /// By when the provider must have answered a request that begins now.
    private func flightDeadline(from now: Instant) -> Deadline {
        Deadline(now.advanced(by: settings.lookupTimeout))
    }

    /// A flight's deadline is ours, not its callers', who have their own: that it passed means that the provider did not answer.
    private func withinFlight<Value>(
        _ request: () async throws(VerificationError) -> Value
    ) async throws(VerificationError) -> Value {
        do throws(VerificationError) {
            return try await request()
        } catch {
            guard error.code == .deadlineExceeded else { throw error }
            throw VerificationError(.providerUnavailable, error.message, retryAfter: error.retryAfter)
        }
    }

    private func judge(_ encoded: EncodedVerdict, for call: VerifyCall) -> EncodedVerdict {
        guard case .valid(let identity) = encoded.verdict, let wanted = call.applicationID, wanted != identity.applicationID else {
            return encoded
        }
        let rejected = Verdict.rejected(.anotherApplication)
        return EncodedVerdict(rejected, encode(rejected))
    }
}

// MARK: - Storing

extension CachingVerifier {
    /// Stores what the provider said, in place of what it said before.
    ///
    /// - Returns: The verdict as its callers get it: an identity with its time to live, ``Freshness/fresh``.
    private func store(
        _ verdict: Verdict, for key: TokenKey, askedAt: Instant, stamp: VerificationCache.Stamp
    ) -> EncodedVerdict {
        let now = timeSource.now()
        switch verdict {
        case .rejected(let rejection):
            let encoded = EncodedVerdict(verdict, encode(verdict))
            let ttl = rejection.isCacheable ? settings.negativeLifetime(roll: random()) : .zero
            guard ttl > .zero else {
                cache.remove(key, askedBefore: askedAt)
                return encoded
            }
            let entry = CacheEntry(
                verdict: verdict, reply: encoded.response, verifiedAt: askedAt, expiresAt: now.advanced(by: ttl))
            cache.store(entry, for: key, stamp: stamp)
            return encoded
        case .valid(var identity):
            let wallTime = timeSource.wallTime()
            guard wallTime < identity.validUntil else {
                cache.remove(key, askedBefore: askedAt)
                let rejected = Verdict.rejected(Rejection(.tokenRejected, "The token has expired since its provider was asked."))
                return EncodedVerdict(rejected, encode(rejected))
            }
            let lifetime = settings.lifetime(expiry: identity.validUntil, wallTime: wallTime, roll: random())
            identity.validUntil = min(identity.validUntil, wallTime.advanced(by: max(.zero, lifetime.fresh)))
            identity.freshness = .cached
            if let entry = makeEntry(identity, lifetime, askedAt: askedAt, now: now) {
                cache.store(entry, for: key, stamp: stamp)
            } else {
                cache.remove(key, askedBefore: askedAt)
            }
            identity.freshness = .fresh
            return EncodedVerdict(.valid(identity), encode(.valid(identity)))
        }
    }

    /// - Returns: `nil` if the identity may not be cached at all.
    private func makeEntry(
        _ identity: Identity, _ lifetime: (fresh: Duration, stale: Duration), askedAt: Instant, now: Instant
    ) -> CacheEntry? {
        guard lifetime.fresh > .zero else { return nil }
        let refreshAfter = lifetime.fresh - settings.refreshMargin(of: lifetime.fresh)
        return CacheEntry(
            verdict: .valid(identity), reply: encode(.valid(identity)), verifiedAt: askedAt,
            expiresAt: now.advanced(by: lifetime.fresh), refreshAt: now.advanced(by: refreshAfter),
            staleUntil: now.advanced(by: lifetime.stale))
    }
}

// MARK: - Stale entries

// They are served while the provider can't be asked, and never because it rejected: that is an answer.

extension CachingVerifier {
    /// By when a call with a stale entry gives up waiting for the provider: serving the entry takes time, too.
    private func staleIfErrorDeadline(_ deadline: Deadline, now: Instant) -> Deadline {
        let reserve = min(settings.staleReserve, deadline.remaining(at: now) / 2)
        return Deadline(deadline.instant.advanced(by: .zero - reserve))
    }

    /// The verdict to give in place of the error, if there is one.
    ///
    /// - Parameter hadStaleEntry: Whether this call stopped waiting early because of its stale entry.
    private func staleVerdict(for error: VerificationError, _ call: VerifyCall, hadStaleEntry: Bool) -> EncodedVerdict? {
        switch error.code {
        case .providerUnavailable, .providerBusy: break
        case .deadlineExceeded where hadStaleEntry && !Task.isCancelled: break
        default: return nil
        }
        // Another call, or the lookup, may have been here before.
        if case .hit(let verdict, _) = cache.lookup(call.key, maxAge: call.maxAge, now: timeSource.now(), .repeated) {
            return verdict
        }
        return serveStale(call.key, maxAge: call.maxAge)
    }

    /// Marks the stale entry, if it may still be served, so that for some moments calls find it in the cache without asking a provider
    /// that has just failed.
    @discardableResult
    private func serveStale(_ key: TokenKey, maxAge: Duration?) -> EncodedVerdict? {
        let now = timeSource.now()
        guard var entry = cache.staleEntry(for: key, maxAge: maxAge, now: now), case .valid(var identity) = entry.verdict else {
            return nil
        }
        // A refresh that failed, of an entry that is still within its TTL.
        guard entry.expiresAt <= now else { return EncodedVerdict(entry.verdict, entry.reply) }
        entry.expiresAt = min(now.advanced(by: settings.staleRefreshInterval), entry.staleUntil)
        identity.freshness = .stale
        identity.validUntil = timeSource.wallTime().advanced(by: now.duration(to: entry.expiresAt))
        entry.verdict = .valid(identity)
        entry.reply = encode(entry.verdict)
        cache.serveStale(entry, for: key)
        return EncodedVerdict(entry.verdict, entry.reply)
    }
}

// MARK: - Exchange

extension CachingVerifier {
    /// Exchanges a code, once for all calls that bring it at the same time: a code is good once, and a second request would be told
    /// that it has been used. The identity that comes with the token is cached.
    ///
    /// No revocation detaches an exchange: its token is known to no one yet, and a new flight could only lose it.
    package func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        // Whether the only application is named or not, it is the same code.
        let key = keys.key(
            forCode: request.code.bytes.span, applicationID: request.applicationID ?? settings.defaultApplicationID)
        return try await exchanges.value(for: key, deadline: deadline) { () async throws(VerificationError) in
            try await self.redeem(request)
        }
    }

    private func redeem(_ request: ExchangeRequest) async throws(VerificationError) -> ExchangeVerdict {
        let stamp = cache.stampForExchange()
        let now = timeSource.now()
        let verdict = try await withinFlight { () async throws(VerificationError) in
            try await self.upstream.exchange(request, deadline: self.flightDeadline(from: now))
        }
        guard case .issued(let token, let identity?) = verdict else { return verdict }
        let key = keys.key(forToken: token.bytes.span)
        guard case .valid(let fresh) = store(.valid(identity), for: key, askedAt: now, stamp: stamp).verdict else { return verdict }
        return .issued(token, fresh)
    }
}

// MARK: - Revoke, and the accounts

extension CachingVerifier {
    /// Revokes at the provider, and forgets here whether or not that worked. Once this has returned or thrown, no call that
    /// begins later is answered with anything that was asked before. Only a request that makes no sense leaves all as it is:
    /// forgetting stops answers under way from being stored, and costs a walk through the cache.
    package func revoke(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError) {
        do throws(VerificationError) {
            try await upstream.revoke(request, deadline: deadline)
        } catch {
            if error.code != .invalidRequest { forget(request) }
            throw error
        }
        forget(request)
    }

    /// Returns one page of an application's accounts. Nothing of it is cached: an operator wants the current state, and no page is
    /// asked for twice.
    package func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage {
        try await upstream.accounts(request, deadline: deadline)
    }

    /// Deletes at the provider, and forgets the account's tokens here, just as a revocation does: whether or not that worked.
    package func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) {
        do throws(VerificationError) {
            try await upstream.deleteAccount(request, deadline: deadline)
        } catch {
            if error.code != .invalidRequest { forget(accountID: request.accountID, applicationID: request.applicationID) }
            throw error
        }
        forget(accountID: request.accountID, applicationID: request.applicationID)
    }

    /// The cache first, then the lookups: an answer that comes in between is too late to be stored, and a lookup that has not ended
    /// can't be joined any more.
    private func forget(_ request: RevocationRequest) {
        switch request.subject {
        case .token(let token):
            let key = keys.key(forToken: token.bytes.span)
            cache.revoke(key)
            lookups.detach(key)
        case .account(let accountID):
            forget(accountID: accountID, applicationID: request.applicationID)
        }
    }

    private func forget(accountID: String, applicationID: String?) {
        cache.revoke(accountID: accountID, applicationID: applicationID)
        // Which of the lookups are about its tokens is not known yet.
        lookups.detachAll()
    }
}
