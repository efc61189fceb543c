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
        NearCache.Key(token: Token(token), requirements: TokenRequirements(applicationID: application))
    }

    private func identity(_ account: String, validFor time: Duration = .seconds(60), _ freshness: Freshness = .fresh) -> Identity {
        var identity = Identity.sample(accountID: account, freshness: freshness)
        identity.validUntil = civil.advanced(by: time)
        return identity
    }

    private func cache(capacity: Int = 10, ttl: Duration = .seconds(5)) throws -> NearCache {
        try #require(NearCache(capacity: capacity, ttl: ttl))
    }

    private func store(_ identity: Identity, _ token: String, in cache: NearCache) {
        cache.store(identity, for: key(token), revocations: cache.revocations, at: start, civil: civil)
    }

    @Test("the near cache needs a capacity and a TTL", arguments: [(0, 5), (-1, 5), (1, 0)])
    func off(capacity: Int, seconds: Int) {
        #expect(NearCache(capacity: capacity, ttl: .seconds(seconds)) == nil)
    }

    @Test("an entry is served as cached until its TTL")
    func lifetime() throws {
        let cache = try cache()
        store(identity("1"), "a", in: cache)
        #expect(cache.identity(for: key("a"), at: start.advanced(by: .seconds(4.9)))?.accountID == "1")
        #expect(cache.identity(for: key("a"), at: start)?.freshness == .cached)
        #expect(cache.identity(for: key("a"), at: start.advanced(by: .seconds(5))) == nil)
        #expect(cache.identity(for: key("b"), at: start) == nil)
        #expect(cache.count == 0)
    }

    @Test("validUntil limits the TTL of an entry")
    func validUntil() throws {
        let cache = try cache()
        store(identity("1", validFor: .seconds(2)), "a", in: cache)
        store(identity("2", validFor: .zero), "b", in: cache)
        store(identity("3", validFor: .seconds(-100)), "c", in: cache)
        #expect(cache.identity(for: key("a"), at: start.advanced(by: .seconds(1.9))) != nil)
        #expect(cache.identity(for: key("a"), at: start.advanced(by: .seconds(2))) == nil)
        #expect(cache.identity(for: key("b"), at: start) == nil)
        #expect(cache.identity(for: key("c"), at: start) == nil)
    }

    @Test("an extreme validUntil does not overflow", arguments: [Int64.min, Int64.max])
    func extremes(milliseconds: Int64) throws {
        let cache = try cache()
        var identity = identity("1")
        identity.validUntil = Timestamp(millisecondsSince1970: milliseconds)
        cache.store(
            identity, for: key("a"), revocations: 0, at: start,
            civil: Timestamp(millisecondsSince1970: milliseconds < 0 ? .max : .min))
        #expect((cache.identity(for: key("a"), at: start) != nil) == (milliseconds > 0))
        #expect(cache.identity(for: key("a"), at: start.advanced(by: .seconds(6))) == nil)
    }

    @Test("a stale verdict is not stored")
    func stale() throws {
        let cache = try cache()
        store(identity("1", .stale), "a", in: cache)
        #expect(cache.count == 0)
    }

    @Test("an entry is for one application")
    func applications() throws {
        let cache = try cache()
        cache.store(identity("1"), for: key("a", "1"), revocations: 0, at: start, civil: civil)
        #expect(cache.identity(for: key("a", "2"), at: start) == nil)
        #expect(cache.identity(for: key("a"), at: start) == nil)
        #expect(cache.identity(for: key("a", "1"), at: start) != nil)
    }

    @Test("an entry with hits survives eviction")
    func capacity() throws {
        let cache = try cache(capacity: 10)
        for number in 0..<1000 {
            store(identity("\(number)"), "token \(number)", in: cache)
            #expect(cache.identity(for: key("token 0"), at: start)?.accountID == "0")
            #expect(cache.count <= 10)
        }
    }

    @Test("a revocation removes the entries of the token or account")
    func revocation() throws {
        let cache = try cache()
        for (token, account) in [("a", "1"), ("b", "1"), ("c", "2"), ("d", "3")] { store(identity(account), token, in: cache) }
        cache.remove(.account("1"))
        cache.remove(.token(Token("c")))
        #expect(["a", "b", "c", "d"].map { cache.identity(for: key($0), at: start) != nil } == [false, false, false, true])
    }

    @Test("a rejected token goes, whatever it was verified with")
    func rejected() throws {
        let cache = try cache()
        for application in [nil, "1", "2"] {
            cache.store(identity("1"), for: key("a", application), revocations: 0, at: start, civil: civil)
        }
        store(identity("1"), "b", in: cache)
        #expect(cache.count == 4)
        cache.remove(rejected: Token("a"))
        #expect(cache.count == 1)
        for application in [nil, "1", "2"] { #expect(cache.identity(for: key("a", application), at: start) == nil) }
        #expect(cache.identity(for: key("b"), at: start) != nil)
    }

    @Test("a closed cache is empty")
    func closed() throws {
        let cache = try cache()
        store(identity("1"), "a", in: cache)
        cache.close()
        store(identity("1"), "b", in: cache)
        #expect(cache.count == 0)
    }

    @Test("a revoked JSON Web Token goes with its other spellings")
    func otherSpellings() throws {
        let cache = try cache()
        let kept = ["head.body2.sign", "head.bod.sign", "other.body.sign", "head.body"]
        for token in ["head.body.sign", "head.body.twin"] + kept { store(identity("1"), token, in: cache) }
        cache.remove(.token(Token("head.body.sign")))
        #expect(cache.identity(for: key("head.body.sign"), at: start) == nil)
        #expect(cache.identity(for: key("head.body.twin"), at: start) == nil)
        for token in kept { #expect(cache.identity(for: key(token), at: start) != nil, "\(token)") }
    }

    @Test("a response to a call during a revocation is not stored")
    func revocationUnderWay() throws {
        let cache = try cache()
        let before = cache.revocations
        cache.remove(.token(Token("a")))
        cache.store(identity("1"), for: key("a"), revocations: before, at: start, civil: civil)
        #expect(cache.count == 0)
    }
}
