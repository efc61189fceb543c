import DoormanCore
import DoormanSupport
import Testing

@testable import DoormanCache

@Suite("Verification cache")
struct VerificationCacheTests {
    private let now = Instant(nanoseconds: 1)

    private func key(_ number: UInt64) -> TokenKey {
        var random = SplitMix64(seed: number)
        return TokenKey(words: (random.next(), random.next(), number, 0))
    }

    private func statistics(_ cache: VerificationCache) -> CacheStatistics {
        var statistics = CacheStatistics()
        cache.count(into: &statistics)
        return statistics
    }

    @Test("a flood of rejected tokens evicts no valid token")
    func floodOfRefused() {
        var settings = CacheSettings()
        settings.valid = SegmentBounds(entries: 2_000, bytes: 4 << 20)
        settings.negative = SegmentBounds(entries: 100, bytes: 1 << 20)
        let cache = VerificationCache(settings: settings)
        for number in 0..<UInt64(1_000) { cache.store(.sample(), for: key(number), epoch: cache.epoch(for: key(number))) }
        for number in 10_000..<UInt64(20_000) {
            cache.store(.sample(.rejectedToken), for: key(number), epoch: cache.epoch(for: key(number)))
        }
        for number in 0..<UInt64(1_000) { #expect(cache.contains(key(number))) }
        let statistics = statistics(cache)
        #expect(statistics.valid.entries == 1_000)
        #expect(statistics.valid.evictions == 0)
        #expect(statistics.negative.entries == 100)
        #expect(statistics.negative.evictions == 9_900)
    }

    @Test("the bounds of the shards add up to the bound of the cache", arguments: [1, 3, 16, 100, 256])
    func shardBoundsAddUp(shards: Int) {
        var settings = CacheSettings()
        settings.shards = shards
        settings.valid = SegmentBounds(entries: 1_003, bytes: 64 << 20)
        let cache = VerificationCache(settings: settings)
        for number in 0..<UInt64(5_000) { cache.store(.sample(), for: key(number), epoch: cache.epoch(for: key(number))) }
        #expect(statistics(cache).valid.entries == 1_003)
    }

    @Test("the bounds can change while the cache is in use")
    func changesBounds() {
        let cache = VerificationCache(settings: CacheSettings())
        for number in 0..<UInt64(5_000) { cache.store(.sample(), for: key(number), epoch: cache.epoch(for: key(number))) }
        let before = statistics(cache)
        #expect(before.valid.entries == 5_000)
        cache.limit(valid: SegmentBounds(entries: 160, bytes: 1 << 20), negative: SegmentBounds(entries: 1, bytes: 1 << 20))
        #expect(statistics(cache).valid.entries == 160)
        #expect(statistics(cache).valid.bytes == before.valid.bytes / 5_000 * 160)
        #expect(statistics(cache).valid.maximumEntries == 160)
        #expect(statistics(cache).negative.maximumBytes == 1 << 20)
        cache.limit(valid: SegmentBounds(entries: 5_000, bytes: 8 << 20), negative: SegmentBounds(entries: 1, bytes: 1 << 20))
        for number in 0..<UInt64(1_000) { cache.store(.sample(), for: key(number), epoch: cache.epoch(for: key(number))) }
        #expect(statistics(cache).valid.entries > 1_000)
    }

    @Test("a verdict replaces the opposite verdict")
    func verdictsReplaceEachOther() {
        let cache = VerificationCache(settings: CacheSettings())
        let key = key(1)
        cache.store(.sample(), for: key, epoch: cache.epoch(for: key))
        cache.store(.sample(.rejectedToken), for: key, epoch: cache.epoch(for: key))
        #expect(cache.verdict(of: key, now: now) == .rejectedToken)
        #expect(statistics(cache).valid.entries == 0)
        cache.store(.sample(), for: key, epoch: cache.epoch(for: key))
        #expect(cache.contains(key))
        #expect(statistics(cache).negative.entries == 0)
    }

    @Test("a result requested before the revocation of its token is not stored")
    func stampOfToken() {
        let cache = VerificationCache(settings: CacheSettings())
        let key = key(1)
        let epoch = cache.epoch(for: key)
        cache.revoke(key)
        cache.store(.sample(), for: key, epoch: epoch)
        #expect(!cache.contains(key))
        cache.store(.sample(), for: key, epoch: cache.epoch(for: key))
        #expect(cache.contains(key))
    }

    @Test("a result requested before the revocation of its account is not stored")
    func stampOfAccount() {
        let cache = VerificationCache(settings: CacheSettings())
        let epochs = [cache.epoch(for: key(1)), cache.epochForExchange()]
        cache.revoke(accountID: "1011166682335378", applicationID: "another application")
        cache.revoke(accountID: "another account", applicationID: nil)
        for epoch in epochs {
            cache.store(.sample(), for: key(1), epoch: epoch)
            #expect(cache.contains(key(1)))
        }
        cache.revoke(accountID: "1011166682335378", applicationID: nil)
        for epoch in epochs { cache.store(.sample(), for: key(1), epoch: epoch) }
        #expect(!cache.contains(key(1)))
    }

    @Test("a result that is older than the history of account revocations is not stored")
    func olderThanHistory() {
        let cache = VerificationCache(settings: CacheSettings())
        let epoch = cache.epoch(for: key(1))
        for number in 0..<AccountRevocationHistory.capacity { cache.revoke(accountID: "\(number)", applicationID: nil) }
        cache.store(.sample(), for: key(1), epoch: epoch)
        #expect(cache.contains(key(1)))
        cache.revoke(accountID: "one more", applicationID: nil)
        cache.store(.sample(), for: key(2), epoch: epoch)
        #expect(!cache.contains(key(2)))
    }

    @Test("the result of the later request counts, whichever arrives first")
    func overtaking() {
        let cache = VerificationCache(settings: CacheSettings())
        let epoch = cache.epoch(for: key(1))
        cache.store(.sample(.rejectedToken, verifiedAt: Instant(nanoseconds: 200)), for: key(1), epoch: epoch)
        cache.store(.sample(verifiedAt: Instant(nanoseconds: 100)), for: key(1), epoch: epoch)
        #expect(cache.verdict(of: key(1), now: now) == .rejectedToken)
        cache.remove(key(1), requestedBefore: Instant(nanoseconds: 100))
        #expect(cache.contains(key(1)))
        cache.remove(key(1), requestedBefore: Instant(nanoseconds: 200))
        #expect(!cache.contains(key(1)))
    }

    @Test("revoking a token drops few results of other tokens")
    func stampsAreFine() {
        let cache = VerificationCache(settings: CacheSettings())
        let epochs = (2..<1_002).map { (key(UInt64($0)), cache.epoch(for: key(UInt64($0)))) }
        cache.revoke(key(1))
        for (key, epoch) in epochs { cache.store(.sample(), for: key, epoch: epoch) }
        #expect(statistics(cache).valid.entries > 980)
    }
}

extension VerificationCache {
    fileprivate func contains(_ key: TokenKey) -> Bool {
        verdict(of: key, now: Instant(nanoseconds: 1)) != nil
    }

    fileprivate func verdict(of key: TokenKey, now: Instant) -> Verdict? {
        if case .hit(let encoded, isDueForRefresh: false) = lookup(key, maxAge: nil, now: now) { encoded.verdict } else { nil }
    }
}
