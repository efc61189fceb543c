internal import DoormanCore

extension CachingVerifier {
    /// Stores what the provider said, in place of what it said before.
    ///
    /// - Returns: The verdict as its callers get it: an identity with its time to live, ``Freshness/fresh``.
    func remember(
        _ verdict: Verdict, for key: TokenKey, askedAt: Instant, stamp: VerificationCache.Stamp
    ) -> Verdict {
        switch verdict {
        case .rejected(let rejection):
            let lifetime = rejection.isCacheable ? settings.rejectedLifetime(roll: random()) : .zero
            store(verdict, for: key, askedAt: askedAt, lifetime: lifetime, stamp: stamp)
            return verdict
        case .valid(var identity):
            let wallTime = timeSource.wallTime()
            let lifetime = settings.lifetime(expiry: identity.validUntil, wallTime: wallTime, roll: random())
            identity.validUntil = min(identity.validUntil, wallTime.advanced(by: max(.zero, lifetime)))
            identity.freshness = .cached
            store(.valid(identity), for: key, askedAt: askedAt, lifetime: lifetime, stamp: stamp)
            identity.freshness = .fresh
            return .valid(identity)
        }
    }

    private func store(
        _ verdict: Verdict, for key: TokenKey, askedAt: Instant, lifetime: Duration, stamp: VerificationCache.Stamp
    ) {
        guard lifetime > .zero else { return cache.remove(key) }
        let entry = CacheEntry(
            verdict: verdict, reply: pack(verdict), verifiedAt: askedAt, expiresAt: timeSource.now().advanced(by: lifetime))
        cache.store(entry, for: key, stamp: stamp)
    }
}
