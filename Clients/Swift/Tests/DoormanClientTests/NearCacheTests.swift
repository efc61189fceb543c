import DoormanCore
import DoormanSupport
import DoormanTesting
import Testing

@testable import DoormanClient

@Suite("the near cache")
struct NearCacheTests {
    let start = Instant(nanoseconds: 1_000_000_000)
    let civil = Timestamp(millisecondsSince1970: 1_500_000_000_000)

    private func key(_ token: String, _ application: String? = nil) -> NearCache.Key {
        NearCache.Key(token: Token(token), applicationID: application)
    }

    private func identity(_ account: String, validFor time: Duration = .seconds(60), _ freshness: Freshness = .fresh) -> Identity {
        var identity = Identity.sample(accountID: account, freshness: freshness)
        identity.validUntil = civil.advanced(by: time)
        return identity
    }

    private func cache(capacity: Int = 10, lifetime: Duration = .seconds(5)) throws -> NearCache {
        try #require(NearCache(capacity: capacity, lifetime: lifetime))
    }

    private func keep(_ identity: Identity, _ token: String, in cache: NearCache) {
        cache.keep(identity, for: key(token), revocations: cache.revocations, at: start, civil: civil)
    }

    @Test("is off unless it is given a capacity and a lifetime", arguments: [(0, 5), (-1, 5), (1, 0)])
    func off(capacity: Int, seconds: Int) {
        #expect(NearCache(capacity: capacity, lifetime: .seconds(seconds)) == nil)
    }

    @Test("gives what it was given until its lifetime is over, as from memory")
    func lifetime() throws {
        let cache = try cache()
        keep(identity("1"), "a", in: cache)
        #expect(cache.identity(for: key("a"), at: start.advanced(by: .seconds(4.9)))?.accountID == "1")
        #expect(cache.identity(for: key("a"), at: start)?.freshness == .cached)
        #expect(cache.identity(for: key("a"), at: start.advanced(by: .seconds(5))) == nil)
        #expect(cache.identity(for: key("b"), at: start) == nil)
        #expect(cache.count == 0)
    }

    @Test("an answer that the server says is good for less is kept for less, and one that is over not at all")
    func validUntil() throws {
        let cache = try cache()
        keep(identity("1", validFor: .seconds(2)), "a", in: cache)
        keep(identity("2", validFor: .zero), "b", in: cache)
        keep(identity("3", validFor: .seconds(-100)), "c", in: cache)
        #expect(cache.identity(for: key("a"), at: start.advanced(by: .seconds(1.9))) != nil)
        #expect(cache.identity(for: key("a"), at: start.advanced(by: .seconds(2))) == nil)
        #expect(cache.identity(for: key("b"), at: start) == nil)
        #expect(cache.identity(for: key("c"), at: start) == nil)
    }

    @Test("a validity at the ends of time does not overflow", arguments: [Int64.min, Int64.max])
    func extremes(milliseconds: Int64) throws {
        let cache = try cache()
        var identity = identity("1")
        identity.validUntil = Timestamp(millisecondsSince1970: milliseconds)
        cache.keep(
            identity, for: key("a"), revocations: 0, at: start,
            civil: Timestamp(millisecondsSince1970: milliseconds < 0 ? .max : .min))
        #expect((cache.identity(for: key("a"), at: start) != nil) == (milliseconds > 0))
        #expect(cache.identity(for: key("a"), at: start.advanced(by: .seconds(6))) == nil)
    }

    @Test("a stale answer is not kept")
    func stale() throws {
        let cache = try cache()
        keep(identity("1", .stale), "a", in: cache)
        #expect(cache.count == 0)
    }

    @Test("the same token for another application is another question")
    func applications() throws {
        let cache = try cache()
        cache.keep(identity("1"), for: key("a", "1"), revocations: 0, at: start, civil: civil)
        #expect(cache.identity(for: key("a", "2"), at: start) == nil)
        #expect(cache.identity(for: key("a"), at: start) == nil)
        #expect(cache.identity(for: key("a", "1"), at: start) != nil)
    }

    @Test("holds no more than its capacity, and drops first the entries without a hit")
    func capacity() throws {
        let cache = try cache(capacity: 10)
        for number in 0..<1000 {
            keep(identity("\(number)"), "token \(number)", in: cache)
            #expect(cache.identity(for: key("token 0"), at: start)?.accountID == "0")
            #expect(cache.count <= 10)
        }
    }

    @Test("a revocation forgets the token, or all tokens of the account, of whatever application")
    func revocation() throws {
        let cache = try cache()
        for (token, account) in [("a", "1"), ("b", "1"), ("c", "2"), ("d", "3")] { keep(identity(account), token, in: cache) }
        cache.forget(.account("1"))
        cache.forget(.token(Token("c")))
        #expect(["a", "b", "c", "d"].map { cache.identity(for: key($0), at: start) != nil } == [false, false, false, true])
    }

    @Test("an answer that was under way during a revocation is not kept")
    func revocationUnderWay() throws {
        let cache = try cache()
        let before = cache.revocations
        cache.forget(.token(Token("a")))
        cache.keep(identity("1"), for: key("a"), revocations: before, at: start, civil: civil)
        #expect(cache.count == 0)
    }
}
