import DoormanCore
import DoormanSupport
import Testing

@testable import DoormanCache

@Suite("The memory of verdicts")
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

    @Test("a flood of refused tokens pushes out no valid one")
    func floodOfRefused() {
        var settings = CacheSettings()
        settings.valid = SegmentBounds(entries: 2_000, bytes: 4 << 20)
        settings.negative = SegmentBounds(entries: 100, bytes: 1 << 20)
        let cache = VerificationCache(settings: settings)
        for number in 0..<UInt64(1_000) { cache.store(.sample(), for: key(number), stamp: cache.stamp(for: key(number))) }
        for number in 10_000..<UInt64(20_000) {
            cache.store(.sample(.refused), for: key(number), stamp: cache.stamp(for: key(number)))
        }
        for number in 0..<UInt64(1_000) { #expect(cache.knows(key(number))) }
        let statistics = statistics(cache)
        #expect(statistics.valid.entries == 1_000)
        #expect(statistics.valid.evictions == 0)
        #expect(statistics.negative.entries == 100)
        #expect(statistics.negative.evictions == 9_900)
    }

    @Test("the shards' shares add up to the bound", arguments: [1, 3, 16, 100, 256])
    func sharesAddUp(shards: Int) {
        var settings = CacheSettings()
        settings.shards = shards
        settings.valid = SegmentBounds(entries: 1_003, bytes: 64 << 20)
        let cache = VerificationCache(settings: settings)
        for number in 0..<UInt64(5_000) { cache.store(.sample(), for: key(number), stamp: cache.stamp(for: key(number))) }
        #expect(statistics(cache).valid.entries == 1_003)
    }

    @Test("bounds can be lowered and raised while it is in use")
    func changesBounds() {
        let cache = VerificationCache(settings: CacheSettings())
        for number in 0..<UInt64(5_000) { cache.store(.sample(), for: key(number), stamp: cache.stamp(for: key(number))) }
        let before = statistics(cache)
        #expect(before.valid.entries == 5_000)
        cache.limit(valid: SegmentBounds(entries: 160, bytes: 1 << 20), negative: SegmentBounds(entries: 1, bytes: 1 << 20))
        #expect(statistics(cache).valid.entries == 160)
        #expect(statistics(cache).valid.bytes == before.valid.bytes / 5_000 * 160)
        #expect(statistics(cache).valid.maximumEntries == 160)
        #expect(statistics(cache).negative.maximumBytes == 1 << 20)
        cache.limit(valid: SegmentBounds(entries: 5_000, bytes: 8 << 20), negative: SegmentBounds(entries: 1, bytes: 1 << 20))
        for number in 0..<UInt64(1_000) { cache.store(.sample(), for: key(number), stamp: cache.stamp(for: key(number))) }
        #expect(statistics(cache).valid.entries > 1_000)
    }

    @Test("a verdict takes the place of the opposite one")
    func verdictsReplaceEachOther() {
        let cache = VerificationCache(settings: CacheSettings())
        let key = key(1)
        cache.store(.sample(), for: key, stamp: cache.stamp(for: key))
        cache.store(.sample(.refused), for: key, stamp: cache.stamp(for: key))
        #expect(cache.verdict(of: key, now: now) == .refused)
        #expect(statistics(cache).valid.entries == 0)
        cache.store(.sample(), for: key, stamp: cache.stamp(for: key))
        #expect(cache.knows(key))
        #expect(statistics(cache).negative.entries == 0)
    }

    @Test("an answer asked before its token was revoked is not stored")
    func stampOfToken() {
        let cache = VerificationCache(settings: CacheSettings())
        let key = key(1)
        let stamp = cache.stamp(for: key)
        cache.revoke(key)
        cache.store(.sample(), for: key, stamp: stamp)
        #expect(!cache.knows(key))
        cache.store(.sample(), for: key, stamp: cache.stamp(for: key))
        #expect(cache.knows(key))
    }

    @Test("an answer, of a question or an exchange, asked before its account was revoked is not stored; others are")
    func stampOfAccount() {
        let cache = VerificationCache(settings: CacheSettings())
        let stamps = [cache.stamp(for: key(1)), cache.stampForExchange()]
        cache.revoke(accountID: "1011166682335378", applicationID: "another application")
        cache.revoke(accountID: "somebody else", applicationID: nil)
        for stamp in stamps {
            cache.store(.sample(), for: key(1), stamp: stamp)
            #expect(cache.knows(key(1)))
        }
        cache.revoke(accountID: "1011166682335378", applicationID: nil)
        for stamp in stamps { cache.store(.sample(), for: key(1), stamp: stamp) }
        #expect(!cache.knows(key(1)))
    }

    @Test("an answer that is older than all account revocations that are told apart is not stored")
    func forgottenRevocations() {
        let cache = VerificationCache(settings: CacheSettings())
        let stamp = cache.stamp(for: key(1))
        for number in 0..<AccountRevocationHistory.capacity { cache.revoke(accountID: "\(number)", applicationID: nil) }
        cache.store(.sample(), for: key(1), stamp: stamp)
        #expect(cache.knows(key(1)))
        cache.revoke(accountID: "one more", applicationID: nil)
        cache.store(.sample(), for: key(2), stamp: stamp)
        #expect(!cache.knows(key(2)))
    }

    @Test("of two answers that overtake each other the one that was asked for later counts")
    func overtaking() {
        let cache = VerificationCache(settings: CacheSettings())
        let stamp = cache.stamp(for: key(1))
        cache.store(.sample(.refused, verifiedAt: Instant(nanoseconds: 200)), for: key(1), stamp: stamp)
        cache.store(.sample(verifiedAt: Instant(nanoseconds: 100)), for: key(1), stamp: stamp)
        #expect(cache.verdict(of: key(1), now: now) == .refused)
        cache.remove(key(1), askedBefore: Instant(nanoseconds: 100))
        #expect(cache.knows(key(1)))
        cache.remove(key(1), askedBefore: Instant(nanoseconds: 200))
        #expect(!cache.knows(key(1)))
    }

    @Test("revoking one token leaves nearly all answers that are on their way")
    func stampsAreFine() {
        let cache = VerificationCache(settings: CacheSettings())
        let stamps = (2..<1_002).map { (key(UInt64($0)), cache.stamp(for: key(UInt64($0)))) }
        cache.revoke(key(1))
        for (key, stamp) in stamps { cache.store(.sample(), for: key, stamp: stamp) }
        #expect(statistics(cache).valid.entries > 980)
    }
}

extension VerificationCache {
    fileprivate func knows(_ key: TokenKey) -> Bool {
        verdict(of: key, now: Instant(nanoseconds: 1)) != nil
    }

    fileprivate func verdict(of key: TokenKey, now: Instant) -> Verdict? {
        if case .hit(let encoded, isDueForRefresh: false) = lookup(key, maxAge: nil, now: now) { encoded.verdict } else { nil }
    }
}
