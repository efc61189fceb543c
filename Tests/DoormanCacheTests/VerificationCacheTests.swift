import DoormanCore
import DoormanSupport
import Testing

@testable import DoormanCache

@Suite("Verification cache")
struct VerificationCacheTests {
    private let now = Instant(nanoseconds: 1)

    private func key(_ number: UInt64) -> TokenKey {
        var random = SplitMix64(seed: number)
        return TokenKey(words: (random.next(), random.next()))
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
        let cache = VerificationCache(settings: settings, coding: VerdictCoding(encode: encodeForTests))
        for number in 0..<UInt64(1_000) { cache.store(.sample(), for: key(number), now: now) }
        for number in 10_000..<UInt64(20_000) {
            cache.store(.sample(.rejectedToken), for: key(number), now: now)
        }
        for number in 0..<UInt64(1_000) { #expect(cache.contains(key(number))) }
        let statistics = statistics(cache)
        #expect(statistics.valid.entries == 1_000)
        #expect(statistics.valid.evictions == 0)
        #expect(statistics.negative.entries == 100)
        #expect(statistics.negative.evictions == 9_900)
    }

    @Test("cached rejections are counted among the hits, and the ages of some served entries are recorded")
    func hits() {
        var settings = CacheSettings()
        settings.shards = 1
        let cache = VerificationCache(settings: settings, coding: VerdictCoding(encode: encodeForTests))
        cache.store(.sample(requestedAt: now), for: key(1), now: now)
        cache.store(.sample(.rejectedToken, requestedAt: now), for: key(2), now: now)
        var response = EncodedResponse()
        func look(_ number: UInt64, after time: Duration) -> CacheHit? {
            cache.copyResponse(
                for: key(number), applicationID: Span(), maxAgeSeconds: 0, now: now.advanced(by: time), into: &response)
        }
        for _ in 0..<64 { #expect(look(1, after: .seconds(3)) != nil) }
        #expect(look(1, after: .seconds(9)) != nil)
        #expect(look(2, after: .seconds(1))?.denial == .rejected(.tokenRejected))
        let statistics = statistics(cache)
        #expect(statistics.hits == 66)
        #expect(statistics.negativeHits == 1)
        // The first hit and the 65th.
        #expect(statistics.ages.nanoseconds == 12_000_000_000)
        #expect(statistics.ages.counts == [0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test("the bounds of the shards add up to the bound of the cache", arguments: [1, 3, 16, 100, 256])
    func shardBoundsAddUp(shards: Int) {
        var settings = CacheSettings()
        settings.shards = shards
        settings.valid = SegmentBounds(entries: 1_003, bytes: 64 << 20)
        let cache = VerificationCache(settings: settings, coding: VerdictCoding(encode: encodeForTests))
        for number in 0..<UInt64(5_000) { cache.store(.sample(), for: key(number), now: now) }
        #expect(statistics(cache).valid.entries == 1_003)
    }

    @Test("the bounds can change while the cache is in use")
    func changesBounds() {
        let cache = VerificationCache(settings: CacheSettings(), coding: VerdictCoding(encode: encodeForTests))
        for number in 0..<UInt64(5_000) { cache.store(.sample(), for: key(number), now: now) }
        let before = statistics(cache)
        #expect(before.valid.entries == 5_000)
        cache.limit(
            valid: SegmentBounds(entries: 160, bytes: 1 << 20), negative: SegmentBounds(entries: 1, bytes: 1 << 20), now: now)
        #expect(statistics(cache).valid.entries == 160)
        #expect(statistics(cache).valid.bytes == before.valid.bytes / 5_000 * 160)
        #expect(statistics(cache).valid.maximumEntries == 160)
        #expect(statistics(cache).negative.maximumBytes == 1 << 20)
        cache.limit(
            valid: SegmentBounds(entries: 5_000, bytes: 8 << 20), negative: SegmentBounds(entries: 1, bytes: 1 << 20), now: now)
        for number in 0..<UInt64(1_000) { cache.store(.sample(), for: key(number), now: now) }
        #expect(statistics(cache).valid.entries > 1_000)
    }

    @Test("a verdict replaces the opposite verdict")
    func verdictsReplaceEachOther() {
        let cache = VerificationCache(settings: CacheSettings(), coding: VerdictCoding(encode: encodeForTests))
        let key = key(1)
        cache.store(.sample(), for: key, now: now)
        cache.store(.sample(.rejectedToken), for: key, now: now)
        #expect(cache.verdict(of: key, now: now) == .rejectedToken)
        #expect(statistics(cache).valid.entries == 0)
        cache.store(.sample(), for: key, now: now)
        #expect(cache.contains(key))
        #expect(statistics(cache).negative.entries == 0)
    }

    private static let account = DenialList.AccountKey(
        accountID: "1011166682335378", target: ProviderTarget(applicationID: "5432154321543210"))
    private static let times = VerificationCache.AccountDenialTimes(
        requestedBefore: Instant(nanoseconds: 100), end: Instant(nanoseconds: 200), tokensEnd: Instant(nanoseconds: 300))

    @Test("a denied token has no entry, and gets none until the denial ends")
    func deniedToken() throws {
        let cache = VerificationCache(settings: CacheSettings(), coding: VerdictCoding(encode: encodeForTests))
        let key = key(1)
        cache.store(.sample(), for: key, now: now)
        var reservation = try cache.reserveDenials(ofTokens: 1, for: .unknown, now: now)
        cache.deny(key, until: Instant(nanoseconds: 300), &reservation)
        #expect(statistics(cache).valid.entries == 0)
        cache.store(.sample(requestedAt: Instant(nanoseconds: 250)), for: key, now: Instant(nanoseconds: 299))
        #expect(cache.verdict(of: key, now: Instant(nanoseconds: 299)) == .rejected(.denied))
        #expect(statistics(cache).valid.entries == 0)
        cache.store(.sample(requestedAt: Instant(nanoseconds: 300)), for: key, now: Instant(nanoseconds: 300))
        #expect(cache.verdict(of: key, now: Instant(nanoseconds: 300)) == .valid(.sample()))
    }

    @Test("a denied account's tokens are denied, and a later token is stored only if its request was sent after the lag")
    func deniedAccount() throws {
        let cache = VerificationCache(settings: CacheSettings(), coding: VerdictCoding(encode: encodeForTests))
        for number in 1...3 as ClosedRange<UInt64> { cache.store(.sample(), for: key(number), now: now) }
        cache.store(.sample(.valid(.sample(account: "other"))), for: key(4), now: now)
        cache.store(.sample(.valid(.sample(application: "other"))), for: key(5), now: now)
        var reservation = try cache.reserveDenials(of: Self.account, for: .unknown, now: now)
        cache.deny(Self.account, Self.times, &reservation)
        cache.release(reservation)
        for number in 1...3 as ClosedRange<UInt64> { #expect(cache.verdict(of: key(number), now: now) == .rejected(.denied)) }
        for number in 4...5 as ClosedRange<UInt64> { #expect(cache.contains(key(number))) }
        #expect(statistics(cache).denials == 4)
        let later = Instant(nanoseconds: 150)
        for (requested, isStored) in [(0, false), (99, false), (100, true)] as [(UInt64, Bool)] {
            cache.store(.sample(requestedAt: Instant(nanoseconds: requested)), for: key(6 + requested), now: later)
            #expect(cache.contains(key(6 + requested)) == isStored, "\(requested)")
        }
    }

    @Test("the denial of an account finds its tokens after others were evicted, replaced and moved")
    func accountIndex() throws {
        var settings = CacheSettings()
        settings.shards = 1
        settings.valid = SegmentBounds(entries: 50, bytes: 1 << 20)
        let cache = VerificationCache(settings: settings, coding: VerdictCoding(encode: encodeForTests))
        var random = SplitMix64(seed: 1)
        for round in 0..<2_000 {
            let number = random.next() % 80
            let account = "\(random.next() % 7)"
            cache.store(
                .sample(.valid(.sample(account: account)), requestedAt: Instant(nanoseconds: UInt64(1_000 + round))),
                for: key(number),
                now: now)
            guard round % 20 == 0 else { continue }
            let present = (0..<80).filter { cache.verdict(of: key($0), now: now)?.identity?.accountID == account }
            var reservation = try cache.reserveDenials(
                of: .init(accountID: account, target: ProviderTarget()), for: .unknown, now: Instant(nanoseconds: UInt64(round)))
            // The denials end at once, so that later rounds can store the tokens again.
            cache.deny(
                .init(accountID: account, target: ProviderTarget()),
                .init(requestedBefore: now, end: now, tokensEnd: now), &reservation)
            cache.release(reservation)
            #expect(!present.isEmpty)
            for number in present { #expect(!cache.contains(key(number))) }
        }
    }

    @Test("the result of the later request counts, whichever arrives first")
    func overtaking() {
        let cache = VerificationCache(settings: CacheSettings(), coding: VerdictCoding(encode: encodeForTests))
        cache.store(.sample(.rejectedToken, requestedAt: Instant(nanoseconds: 200)), for: key(1), now: now)
        cache.store(.sample(requestedAt: Instant(nanoseconds: 100)), for: key(1), now: now)
        #expect(cache.verdict(of: key(1), now: now) == .rejectedToken)
        cache.remove(key(1), requestedBefore: Instant(nanoseconds: 100))
        #expect(cache.contains(key(1)))
        cache.remove(key(1), requestedBefore: Instant(nanoseconds: 200))
        #expect(!cache.contains(key(1)))
    }
}

extension VerificationCache {
    fileprivate func contains(_ key: TokenKey) -> Bool {
        verdict(of: key, now: Instant(nanoseconds: 1)) != nil
    }

    fileprivate func verdict(of key: TokenKey, now: Instant) -> Verdict? {
        let call = VerifyCall(validated: Token("EMAW"), key: key)
        guard case .hit(let encoded, isDueForRefresh: false) = lookup(call, now: now) else { return nil }
        return encoded.verdict
    }
}
