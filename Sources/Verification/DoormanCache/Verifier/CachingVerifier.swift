package import DoormanCore
package import DoormanSupport

/// Answers from memory what it can, and asks the verifier behind it the rest: each token once, however many ask.
package final class CachingVerifier: Sendable {
    /// How a verdict goes over the wire; what it returns is stored with the verdict.
    package typealias Pack = @Sendable (Verdict) -> PackedReply

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
        into reply: inout PackedReply
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
        token: Span<UInt8>, applicationID: Span<UInt8>, maxAgeSeconds: UInt32, now: Instant, into reply: inout PackedReply
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
