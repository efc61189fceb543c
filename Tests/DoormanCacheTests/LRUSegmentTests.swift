import DoormanCore
import DoormanSupport
import Testing

@testable import DoormanCache

/// A simple model of the segment: an array with the most recently used entry first.
private struct NaiveLRU {
    struct Entry {
        let key: TokenKey
        let response: [UInt8]
        let verdict: Verdict
        let cost: Int
    }

    var bounds: SegmentBounds
    var entries: [Entry] = []
    var byteCount = 0
    var evictions: UInt64 = 0

    mutating func use(_ key: TokenKey) -> Entry? {
        guard let position = entries.firstIndex(where: { $0.key == key }) else { return nil }
        let found = entries.remove(at: position)
        entries.insert(found, at: 0)
        return found
    }

    mutating func insert(_ entry: CacheEntry, for key: TokenKey) -> Bool {
        remove(key)
        let cost = entry.cost
        guard bounds.entries > 0, cost <= bounds.bytes else { return false }
        entries.insert(Entry(key: key, response: entry.response.bytes, verdict: entry.verdict, cost: cost), at: 0)
        byteCount += cost
        evict()
        return true
    }

    mutating func remove(_ key: TokenKey) {
        guard let position = entries.firstIndex(where: { $0.key == key }) else { return }
        byteCount -= entries.remove(at: position).cost
    }

    func keys(accountID: String) -> Set<TokenKey> {
        Set(entries.filter { $0.verdict.identity?.accountID == accountID }.map(\.key))
    }

    mutating func evict() {
        while entries.count > bounds.entries || byteCount > bounds.bytes {
            byteCount -= entries.removeLast().cost
            evictions += 1
        }
    }
}

@Suite("LRU segment")
struct LRUSegmentTests {
    /// A time within the TTL of every sample.
    private static let now = Instant(nanoseconds: 1)

    private func key(_ number: UInt64) -> TokenKey { TokenKey(words: (number << 32 | number, number)) }

    /// Encodes the account of an identity as the first byte. Reads a verdict back if that is a digit.
    private static let coding = VerdictCoding { verdict in
        EncodedResponse(bytes: Array((verdict.identity?.accountID ?? "").utf8))
    } decode: { response in
        response.bytes.first.map { .valid(.sample(account: String(decoding: [$0], as: UTF8.self))) }
    }

    @Test("a hundred thousand random operations agree with a naive model", arguments: [0, 1, 2])
    func agreesWithModel(readBackOneIn divisor: Int) async {
        var random = SplitMix64(seed: 1)
        // The bits for the index and for the home slot have few values, so that cells, tags and home slots collide.
        let keys = (0..<200).map { TokenKey(words: ((UInt64($0) % 37) << 32, (UInt64($0) % 29) << 59 | UInt64($0))) }
        var segment = LRUSegment(
            bounds: SegmentBounds(entries: 60, bytes: 30_000), decode: Self.coding.decode, publishingSlotsTo: nil)
        var model = NaiveLRU(bounds: segment.bounds)
        for step in 0..<100_000 {
            let agrees = performOperation(
                on: &segment, and: &model, keys.randomElement(using: &random)!, readBackOneIn: divisor, &random)
            guard agrees, segment.count == model.entries.count, segment.byteCount == model.byteCount else {
                Issue.record("the segment differs from the model at step \(step)")
                return
            }
            if step % 100 == 0 {
                #expect(segment.keys == model.entries.map(\.key))
                await Task.yield()
            }
        }
        #expect(segment.keys == model.entries.map(\.key))
        #expect(segment.evictions == model.evictions)
    }

    private func performOperation(
        on segment: inout LRUSegment, and model: inout NaiveLRU, _ key: TokenKey, readBackOneIn divisor: Int,
        _ random: inout SplitMix64
    ) -> Bool {
        switch UInt64.random(in: 0..<1000, using: &random) {
        case 0..<450:
            let known = model.use(key)
            var response = EncodedResponse()
            let hit = segment.copyResponse(for: key, applicationID: Span(), maxAge: .max, now: 1, into: &response)
            return segment.lookup(key, maxAge: .max, now: 1, mayRefresh: true).verdict == known?.verdict
                && (hit != nil) == (known != nil)
                && (known == nil || response.bytes == known?.response)
        case 450..<900:
            let account = String(Int.random(in: 0...9, using: &random))
            let length = Int.random(in: 0...300, using: &random)
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            var entry = CacheEntry.sample(.valid(.sample(account: account)), responseBytes: Array(account.utf8) + bytes)
            if divisor > 0, length.isMultiple(of: divisor) { entry.tryReading(Self.coding) }
            return segment.insert(entry, for: key, now: Self.now) == model.insert(entry, for: key)
        case 900..<990:
            segment.remove(key)
            model.remove(key)
        case 990..<995:
            let account = String(Int.random(in: 0...9, using: &random))
            let keys = segment.keys(accountID: account, of: ProviderTarget())
            guard Set(keys) == model.keys(accountID: account), Set(keys).count == keys.count else { return false }
            for key in keys {
                segment.remove(key)
                model.remove(key)
            }
        default:
            model.bounds = SegmentBounds(
                entries: Int.random(in: 0...100, using: &random), bytes: Int.random(in: 300...50_000, using: &random))
            segment.limit(to: model.bounds, now: Self.now)
            model.evict()
        }
        return true
    }

    @Test(
        "a call that names an application gets the entry only if it is the whole application of the identity",
        arguments: ["1234", "123", "12345", "234", "4", " ", "0"], [false, true])
    func comparesWholeApplications(named: String, isReadBack: Bool) {
        let verdict = Verdict.valid(.sample(application: "1234"))
        let coding = VerdictCoding { _ in
            EncodedResponse(bytes: Array("0123456 1234 ".utf8))
        } decode: { _ in
            verdict
        }
        var segment = LRUSegment(bounds: SegmentBounds(entries: 9, bytes: 9_000), decode: coding.decode, publishingSlotsTo: nil)
        var entry = CacheEntry(
            verdict: verdict, response: coding.encode(verdict), requestedAt: Instant(nanoseconds: 0), expiresAt: .distantFuture)
        if isReadBack { entry.tryReading(coding) }
        segment.insert(entry, for: key(1), now: Self.now)
        var response = EncodedResponse()
        let hit = segment.copyResponse(
            for: key(1), applicationID: named.utf8Span.span, maxAge: .max, now: 1, into: &response)
        #expect((hit != nil) == (named == "1234"))
    }

    @Test("a verdict that can't be read back as it was is stored")
    func storesWhatIsNotReadBack() {
        var scoped = Identity.sample()
        scoped.scopes = ["read"]
        for verdict in [Verdict.valid(scoped), .valid(.sample(account: "10")), .rejectedToken] {
            var entry = CacheEntry.sample(verdict, responseBytes: Array("1".utf8))
            entry.tryReading(Self.coding)
            #expect(!entry.isReadFromResponse)
        }
        // Only a segment of valid tokens reads from responses.
        var rejected = CacheEntry.sample(.rejectedToken, responseBytes: Array("1".utf8))
        rejected.tryReading(VerdictCoding(encode: { _ in EncodedResponse() }, decode: { _ in .rejectedToken }))
        #expect(!rejected.isReadFromResponse)
        var long = CacheEntry.sample(.valid(.sample(account: "1")), responseBytes: Array(repeating: UInt8(ascii: "1"), count: 127))
        long.tryReading(Self.coding)
        #expect(!long.isReadFromResponse)
        var short = CacheEntry.sample(.valid(.sample(account: "1")), responseBytes: Array(repeating: UInt8(ascii: "1"), count: 126))
        short.tryReading(Self.coding)
        #expect(short.isReadFromResponse && short.cost < long.cost - 100)
    }

    @Test("the bytes stay within their bound")
    func boundsBytes() {
        var segment = LRUSegment(bounds: SegmentBounds(entries: 1_000_000, bytes: 100_000))
        for number in 0..<UInt64(1_000) {
            segment.insert(.sample(responseBytes: Array(repeating: 7, count: Int(number))), for: key(number), now: Self.now)
            #expect(segment.byteCount <= 100_000)
        }
        #expect(segment.count > 50)
        #expect(segment.keys.first == key(999))
    }

    @Test("an entry over the byte bound removes the present entry without being stored")
    func tooLarge() {
        var segment = LRUSegment(bounds: SegmentBounds(entries: 10, bytes: 2_000))
        let stored = [
            segment.insert(.sample(), for: key(1), now: Self.now), segment.insert(.sample(), for: key(2), now: Self.now),
            segment.insert(.sample(responseBytes: Array(repeating: 7, count: 5_000)), for: key(1), now: Self.now),
        ]
        #expect(stored == [true, true, false])
        #expect(segment.keys == [key(2)])
    }

    @Test("lower bounds evict the oldest entries at once")
    func lowersBounds() {
        var segment = LRUSegment(bounds: SegmentBounds(entries: 10, bytes: 1_000_000))
        for number in 1...10 { segment.insert(.sample(), for: key(UInt64(number)), now: Self.now) }
        segment.limit(to: SegmentBounds(entries: 3, bytes: 1_000_000), now: Self.now)
        #expect(segment.keys == [key(10), key(9), key(8)])
        #expect(segment.evictions == 7)
        #expect(segment.evictionsForBytes == 0)
        segment.limit(to: SegmentBounds(entries: 3, bytes: 1), now: Self.now)
        #expect(segment.keys.isEmpty)
        #expect(segment.evictions == 10)
        #expect(segment.evictionsForBytes == 3)
    }

    /// What makes an entry leave.
    enum Pressure: CaseIterable, Sendable {
        case entries, bytes, lowerBounds
    }

    /// Ages of an entry whose TTL is 60 s and whose stale serving ends after an hour, and its evictions.
    static let ages: [(seconds: UInt64, evictions: UInt64)] = [(59, 1), (60, 0), (61, 0), (5_000, 0)]

    @Test("only an entry within its TTL that makes room is an eviction", arguments: ages, Pressure.allCases)
    func evictsWithinTTL(age: (seconds: UInt64, evictions: UInt64), pressure: Pressure) {
        let now = Instant(nanoseconds: age.seconds * 1_000_000_000)
        var entry = CacheEntry.sample(expiresAt: Instant(nanoseconds: 60_000_000_000))
        entry.staleUntil = Instant(nanoseconds: 3_600_000_000_000)
        let bytes = pressure == .bytes ? entry.cost : 1_000_000
        var segment = LRUSegment(bounds: SegmentBounds(entries: pressure == .entries ? 1 : 10, bytes: bytes))
        segment.insert(entry, for: key(1), now: Self.now)
        switch pressure {
        case .entries, .bytes: segment.insert(.sample(), for: key(2), now: now)
        case .lowerBounds: segment.limit(to: SegmentBounds(entries: 0, bytes: bytes), now: now)
        }
        #expect(!segment.keys.contains(key(1)))
        #expect(segment.evictions == age.evictions)
        #expect(segment.evictionsForBytes == (pressure == .bytes ? age.evictions : 0))
    }

    @Test("an entry that is served stale makes room without an eviction")
    func evictsStale() {
        var segment = LRUSegment(bounds: SegmentBounds(entries: 1, bytes: 1_000_000))
        var entry = CacheEntry.sample(expiresAt: Instant(nanoseconds: 60_000_000_000))
        entry.staleUntil = Instant(nanoseconds: 3_600_000_000_000)
        segment.insert(entry, for: key(1), now: Self.now)
        entry.expiresAt = Instant(nanoseconds: 70_000_000_000)
        segment.serveStale(entry, for: key(1))
        segment.insert(.sample(), for: key(2), now: Instant(nanoseconds: 65_000_000_000))
        #expect(segment.keys == [key(2)])
        #expect(segment.evictions == 0)
    }

    @Test("the fixed cost of an entry covers its part of the flat arrays")
    func fixedCostCoversArrays() {
        let slot = 3 * 64
        let apart = MemoryLayout<StoredVerdict>.stride + 2 * MemoryLayout<UInt32>.stride
        let index = 4 * MemoryLayout<UInt64>.stride
        // A dictionary is between three eighths and three quarters full.
        let accounts = (MemoryLayout<Int>.stride + MemoryLayout<UInt32>.stride) * 8 / 3
        #expect((slot + apart) * 25 / 16 + index + accounts <= CacheEntry.fixedCost)
    }
}

extension CacheLookup {
    fileprivate var verdict: Verdict? {
        guard case .hit(let encoded, _) = self else { return nil }
        return encoded.verdict
    }
}
