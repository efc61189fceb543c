package import DoormanCore
package import DoormanSupport

/// Answers from memory what it can, and asks the verifier behind it the rest: each token once, however many ask.
package final class CachingVerifier: Sendable {
    /// How a verdict goes over the wire; what it returns is stored with the verdict.
    package typealias Pack = @Sendable (Verdict) -> EncodedResponse

    let upstream: any TokenProvider
    let settings: CacheSettings
    let timeSource: TimeSource
    let pack: Pack
    let random: @Sendable () -> UInt64
    let keys: TokenKeyMaker
    let cache: VerificationCache
    let questions: SingleFlight<TokenKey, Answer>
    let exchanges: SingleFlight<TokenKey, ExchangeVerdict>

    /// - Parameters:
    ///   - upstream: Whom to ask. Its own deadline, `flightTimeout`, bounds each question.
    ///   - providerName: Part of every key.
    ///   - pack: Called once for each verdict that is stored, never under a lock. Its identity has ``Freshness/cached``.
    ///   - random: 64 random bits, for the jitter of the times to live.
    ///   - secret: What the keys of memory are made with; nil for 32 random bytes, which all but a simulator should take.
    /// - Throws: If the machine gives no random bytes for that.
    package init(
        upstream: any TokenProvider, settings: CacheSettings, providerName: String, timeSource: TimeSource,
        pack: @escaping Pack, random: @escaping @Sendable () -> UInt64 = { UInt64.random(in: .min ... .max) },
        secret: [UInt8]? = nil
    ) throws {
        self.upstream = upstream
        self.settings = settings
        self.timeSource = timeSource
        self.pack = pack
        self.random = random
        keys = try TokenKeyMaker(providerName: providerName, secret: secret)
        cache = VerificationCache(settings: settings)
        questions = SingleFlight(
            maximumFlights: settings.maximumFlights, maximumWaitersPerFlight: settings.maximumWaitersPerFlight,
            timeSource: timeSource)
        exchanges = SingleFlight(
            maximumFlights: settings.maximumFlights, maximumWaitersPerFlight: settings.maximumWaitersPerFlight,
            timeSource: timeSource)
    }

    /// What the token is known by in memory, from where what there is of it is fetched meanwhile.
    package func key(ofToken token: Span<UInt8>) -> TokenKey {
        let key = keys.key(forToken: token)
        cache.prefetch(key)
        return key
    }

    /// The packed reply, if memory has one that suits the call: within its time, young enough, and of the audience asked for.
    /// Whenever it has none, ``verify(_:deadline:)`` knows the answer or gets it.
    ///
    /// - Parameters:
    ///   - key: The token's.
    ///   - applicationID: In UTF-8; empty for any.
    ///   - maxAgeSeconds: 0 for any age.
    ///   - reply: Where the reply is copied to.
    /// - Returns: Whether there is one.
    package func reply(
        token: Span<UInt8>, key: TokenKey, applicationID: Span<UInt8>, maxAgeSeconds: UInt32, now: Instant,
        into reply: inout EncodedResponse
    ) -> Bool {
        assert(key == keys.key(forToken: token), "the key is another token's")
        let hit = cache.reply(for: key, applicationID: applicationID, maxAgeSeconds: maxAgeSeconds, now: now, into: &reply)
        guard let hit else { return false }
        if hit.isDueForRefresh { refresh(Token(bytes: Array(copying: token)), key) }
        return true
    }

    /// The packed reply past its time, if memory has one that suits the call otherwise: for a call that may not have the provider
    /// asked just now.
    package func staleReply(
        token: Span<UInt8>, applicationID: Span<UInt8>, maxAgeSeconds: UInt32, now: Instant, into reply: inout EncodedResponse
    ) -> Bool {
        let key = keys.key(forToken: token)
        guard giveStale(key, maxAge: maxAgeSeconds == 0 ? nil : .seconds(Int64(maxAgeSeconds))) != nil else { return false }
        return cache.reply(for: key, applicationID: applicationID, maxAgeSeconds: maxAgeSeconds, now: now, into: &reply) != nil
    }

    /// Whether the provider is being asked about the token, so that one more call costs it nothing.
    package func isBeingAsked(about token: Span<UInt8>) -> Bool {
        questions.isInTheAir(keys.key(forToken: token))
    }

    /// Sets other bounds while calls go on. What is over them goes at once.
    package func limit(valid: SegmentBounds, rejected: SegmentBounds) {
        cache.limit(valid: valid, rejected: rejected)
    }

    package var statistics: CacheStatistics {
        var statistics = CacheStatistics()
        cache.count(into: &statistics)
        statistics.flights = questions.flightCount + exchanges.flightCount
        statistics.refreshed = questions.startedAloneCount
        statistics.joined = questions.joinedCount + exchanges.joinedCount
        return statistics
    }

    /// By when the provider must have answered a question that is put now.
    func flightDeadline(from now: Instant) -> Deadline {
        Deadline(now.advanced(by: settings.flightTimeout))
    }
}

extension Array where Element == UInt8 {
    init(copying span: Span<UInt8>) {
        self.init()
        reserveCapacity(span.count)
        for index in span.indices { append(span[index]) }
    }
}

extension CachingVerifier: TokenProvider {
    package func validateSyntax(of token: Token) -> Rejection? {
        upstream.validateSyntax(of: token)
    }

    /// Whose token it is, from memory or else from the provider. Failing to ask is never remembered.
    package func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        if let refusal = upstream.validateSyntax(of: request.token) { return .rejected(refusal) }
        let key = keys.key(forToken: request.token.bytes.span)
        let arrival = timeSource.now()
        var isRepeated = false
        while true {
            let now = timeSource.now()
            let recollection = cache.recall(key, maxAge: request.maxAge, now: now, isRepeated: isRepeated)
            isRepeated = true
            if case .known(let verdict, let isDueForRefresh) = recollection {
                if isDueForRefresh { refresh(request.token, key) }
                return judge(verdict, for: request)
            }
            let hasStandIn = recollection == .outdated
            let answer: Answer
            do throws(VerificationError) {
                answer = try await questions.value(
                    for: key, deadline: patience(until: deadline, hasStandIn: hasStandIn, now: now)
                ) { () async throws(VerificationError) in
                    try await self.ask(request, key)
                }
            } catch {
                if let verdict = standIn(for: error, request, key, hadStandIn: hasStandIn) { return judge(verdict, for: request) }
                // What it stopped waiting for early is gone: it goes on waiting.
                if error.code == .deadlineExceeded, !Task.isCancelled, !deadline.hasPassed(at: timeSource.now()) { continue }
                throw error
            }
            // A flight that was started for a call with less strict a wish may bring an answer that is too old for this one.
            guard let maxAge = request.maxAge else { return judge(answer.verdict, for: request) }
            if let askedAt = answer.askedAt, askedAt.duration(to: arrival) <= maxAge { return judge(answer.verdict, for: request) }
        }
    }

    /// What a flight brings.
    struct Answer: Sendable {
        let verdict: Verdict
        /// When the provider was asked; nil if it was not, since memory had the answer.
        let askedAt: Instant?
    }

    /// Puts the question and stores the answer.
    ///
    /// The provider is asked for facts, without the audience: others may wait for the same answer who expect another one. The
    /// audience only says where to look first.
    func ask(_ request: VerificationRequest, _ key: TokenKey) async throws(VerificationError) -> Answer {
        let stamp = cache.stamp(for: key)
        let now = timeSource.now()
        // An earlier flight may have landed after this one's caller looked into memory.
        if !request.isRefresh,
            case .known(let verdict, _) = cache.recall(key, maxAge: request.maxAge, now: now, isRepeated: true)
        {
            return Answer(verdict: verdict, askedAt: nil)
        }
        let question = VerificationRequest(
            token: request.token, isRefresh: request.isRefresh,
            likelyApplicationID: request.applicationID ?? request.likelyApplicationID ?? knownApplication(of: key, now: now))
        do throws(VerificationError) {
            let verdict = try await withinFlight { () async throws(VerificationError) in
                try await self.upstream.verify(question, deadline: self.flightDeadline(from: now))
            }
            return Answer(verdict: remember(verdict, for: key, askedAt: now, stamp: stamp), askedAt: now)
        } catch {
            if request.isRefresh { postponeRefresh(of: key) }
            if error.code == .providerUnavailable || error.code == .providerBusy { giveStale(key, maxAge: nil) }
            throw error
        }
    }

    /// The application that the token was made for, if memory has an answer about it, past its time or not.
    private func knownApplication(of key: TokenKey, now: Instant) -> String? {
        guard case .valid(let identity)? = cache.standIn(for: key, maxAge: nil, now: now)?.verdict else { return nil }
        return identity.applicationID.isEmpty ? nil : identity.applicationID
    }

    /// A flight's deadline is ours, not its callers', who have their own: that it passed means that the provider did not answer.
    func withinFlight<Value>(
        _ call: () async throws(VerificationError) -> Value
    ) async throws(VerificationError) -> Value {
        do throws(VerificationError) {
            return try await call()
        } catch {
            guard error.code == .deadlineExceeded else { throw error }
            throw VerificationError(.providerUnavailable, error.message, retryAfter: error.retryAfter)
        }
    }

    private func judge(_ verdict: Verdict, for request: VerificationRequest) -> Verdict {
        guard case .valid(let identity) = verdict, let wanted = request.applicationID, wanted != identity.applicationID else {
            return verdict
        }
        return .rejected(Rejection(.wrongApplication, "The token was made for another application."))
    }
}

extension CachingVerifier {
    /// Stores what the provider said, in place of what it said before.
    ///
    /// - Returns: The verdict as its callers get it: an identity with its time to live, ``Freshness/fresh``.
    func remember(
        _ verdict: Verdict, for key: TokenKey, askedAt: Instant, stamp: VerificationCache.Stamp
    ) -> Verdict {
        let now = timeSource.now()
        switch verdict {
        case .rejected(let rejection):
            let lifetime = rejection.isCacheable ? settings.rejectedLifetime(roll: random()) : .zero
            guard lifetime > .zero else {
                cache.remove(key, askedBefore: askedAt)
                return verdict
            }
            let entry = CacheEntry(
                verdict: verdict, reply: pack(verdict), verifiedAt: askedAt, expiresAt: now.advanced(by: lifetime))
            cache.store(entry, for: key, stamp: stamp)
            return verdict
        case .valid(var identity):
            let wallTime = timeSource.wallTime()
            guard wallTime < identity.validUntil else {
                cache.remove(key, askedBefore: askedAt)
                return .rejected(Rejection(.tokenRejected, "The token has expired since its provider was asked."))
            }
            let lifetime = settings.lifetime(expiry: identity.validUntil, wallTime: wallTime, roll: random())
            identity.validUntil = min(identity.validUntil, wallTime.advanced(by: max(.zero, lifetime.fresh)))
            identity.freshness = .cached
            remember(identity, for: key, askedAt: askedAt, now: now, lifetime, stamp)
            identity.freshness = .fresh
            return .valid(identity)
        }
    }

    private func remember(
        _ identity: Identity, for key: TokenKey, askedAt: Instant, now: Instant, _ lifetime: (fresh: Duration, stale: Duration),
        _ stamp: VerificationCache.Stamp
    ) {
        guard lifetime.fresh > .zero else { return cache.remove(key, askedBefore: askedAt) }
        let refreshAfter = lifetime.fresh - settings.refreshMargin(of: lifetime.fresh)
        let entry = CacheEntry(
            verdict: .valid(identity), reply: pack(.valid(identity)), verifiedAt: askedAt,
            expiresAt: now.advanced(by: lifetime.fresh), refreshAt: now.advanced(by: refreshAfter),
            staleUntil: now.advanced(by: lifetime.stale))
        cache.store(entry, for: key, stamp: stamp)
    }
}

extension CachingVerifier {
    /// Asks again about a token that was just answered from memory, in the background, so that no call has to wait when its time
    /// is up. A call that comes meanwhile and can't be answered from memory joins.
    func refresh(_ token: Token, _ key: TokenKey) {
        let hasStarted = questions.start(for: key) { () async throws(VerificationError) in
            try await self.ask(VerificationRequest(token: token, isRefresh: true), key)
        }
        if !hasStarted { postponeRefresh(of: key) }
    }

    func postponeRefresh(of key: TokenKey) {
        cache.postponeRefresh(of: key, until: timeSource.now().advanced(by: settings.staleRetry))
    }
}

// Answers past their time, for while the provider can't be asked. Never because it refused: that is an answer.

extension CachingVerifier {
    /// By when a call gives up waiting for the provider.
    ///
    /// - Parameter hasStandIn: Whether there is an answer that can be given then, which takes its time, too.
    func patience(until deadline: Deadline, hasStandIn: Bool, now: Instant) -> Deadline {
        guard hasStandIn else { return deadline }
        let reserve = min(settings.staleReserve, deadline.remaining(at: now) / 2)
        return Deadline(deadline.instant.advanced(by: .zero - reserve))
    }

    /// The answer to give in place of the error, if there is one.
    ///
    /// - Parameter hadStandIn: Whether this call stopped waiting early because of it.
    func standIn(for error: VerificationError, _ request: VerificationRequest, _ key: TokenKey, hadStandIn: Bool) -> Verdict? {
        switch error.code {
        case .providerUnavailable, .providerBusy: break
        case .deadlineExceeded where hadStandIn && !Task.isCancelled: break
        default: return nil
        }
        // Another call, or the flight, may have been here before.
        if case .known(let verdict, _) = cache.recall(key, maxAge: request.maxAge, now: timeSource.now(), isRepeated: true) {
            return verdict
        }
        return giveStale(key, maxAge: request.maxAge)
    }

    /// Marks the entry that is past its time, if it still will do, so that for some moments calls find it in memory without
    /// asking a provider that has just failed.
    @discardableResult
    func giveStale(_ key: TokenKey, maxAge: Duration?) -> Verdict? {
        let now = timeSource.now()
        guard var entry = cache.standIn(for: key, maxAge: maxAge, now: now), case .valid(var identity) = entry.verdict else {
            return nil
        }
        // A refresh that failed, of what is still within its time.
        guard entry.expiresAt <= now else { return entry.verdict }
        entry.expiresAt = min(now.advanced(by: settings.staleRetry), entry.staleUntil)
        identity.freshness = .stale
        identity.validUntil = timeSource.wallTime().advanced(by: now.duration(to: entry.expiresAt))
        entry.verdict = .valid(identity)
        entry.reply = pack(entry.verdict)
        cache.giveStale(entry, for: key)
        return entry.verdict
    }
}

extension CachingVerifier {
    /// Exchanges a code, once for all calls that bring it at the same time: a code is good once, and a second try would be told
    /// that it has been used. The identity that comes with the token is remembered.
    ///
    /// No revocation detaches an exchange: its token is known to nobody yet, and a new flight could only lose it.
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
        guard case .valid(let fresh) = remember(.valid(identity), for: key, askedAt: now, stamp: stamp) else { return verdict }
        return .issued(token, fresh)
    }
}

extension CachingVerifier {
    /// Revokes at the provider, and forgets here whether or not that worked. Once this has returned or thrown, no call that
    /// begins later is answered with anything that was asked before. Only a request that makes no sense leaves all as it is:
    /// forgetting stops answers under way from being stored, and costs a walk through memory.
    package func revoke(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError) {
        do throws(VerificationError) {
            try await upstream.revoke(request, deadline: deadline)
        } catch {
            if error.code != .invalidRequest { forget(request) }
            throw error
        }
        forget(request)
    }

    /// Memory first, then the flights: an answer that lands in between is too late to be stored, and one that has not landed
    /// can't be joined any more.
    private func forget(_ request: RevocationRequest) {
        switch request.subject {
        case .token(let token):
            let key = keys.key(forToken: token.bytes.span)
            cache.revoke(key)
            questions.detach(key)
        case .account(let accountID):
            forget(accountID: accountID, applicationID: request.applicationID)
        }
    }

    func forget(accountID: String, applicationID: String?) {
        cache.revoke(accountID: accountID, applicationID: applicationID)
        // Whose tokens the open questions are about is not known yet.
        questions.detachAll()
    }
}

extension CachingVerifier {
    /// Nothing of it is remembered: an operator wants what is, and pages are not asked for twice.
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
}
