internal import DoormanCore
internal import DoormanSupport

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
