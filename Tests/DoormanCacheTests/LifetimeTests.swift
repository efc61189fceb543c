import DoormanCore
import DoormanSupport
import Testing

@testable import DoormanCache

@Suite("TTL")
struct LifetimeTests {
    private let wallTime = Timestamp(millisecondsSince1970: 1_500_000_000_000)

    @Test(
        "jitter changes a TTL by at most a tenth",
        arguments: [(UInt64.min, 54_000), (1 << 63, 60_000), (UInt64.max, 66_000)])
    func jitters(roll: UInt64, milliseconds: Int) {
        let lifetime = CacheSettings().lifetime(expiry: .distantFuture, wallTime: wallTime, roll: roll).fresh
        #expect(abs((lifetime - .milliseconds(milliseconds)).nanoseconds) < 1_000_000)
    }

    @Test("random jitter stays within its range")
    func jitterStaysInRange() {
        var random = SplitMix64(seed: 1)
        for _ in 0..<10_000 {
            let lifetime = CacheSettings().lifetime(expiry: .distantFuture, wallTime: wallTime, roll: random.next()).fresh
            #expect(lifetime >= .seconds(54) && lifetime <= .seconds(66))
        }
    }

    @Test("the provider's expiry, less the clock skew, shortens a TTL")
    func expiryComesFirst() {
        var settings = CacheSettings()
        settings.clockSkew = .seconds(3)
        let expiry = wallTime.advanced(by: .seconds(20))
        #expect(
            settings.lifetime(expiry: expiry, wallTime: wallTime, roll: 1 << 63) == (.milliseconds(16_999), .milliseconds(16_999)))
    }

    @Test("stale-if-error ends five minutes after the TTL")
    func staleTime() {
        let lifetime = CacheSettings().lifetime(expiry: .distantFuture, wallTime: wallTime, roll: 1 << 63)
        #expect(lifetime == (.seconds(60), .seconds(360)))
    }

    @Test("stale-if-error ends at the provider's expiry")
    func staleTimeEndsWithExpiry() {
        let settings = CacheSettings()
        let expiry = wallTime.advanced(by: .seconds(100))
        #expect(settings.lifetime(expiry: expiry, wallTime: wallTime, roll: 1 << 63) == (.seconds(60), .milliseconds(99_999)))
    }

    @Test("an expired token has no TTL left", arguments: [Int64.min, 0, 1_500_000_000_000])
    func expired(milliseconds: Int64) {
        let expiry = Timestamp(millisecondsSince1970: milliseconds)
        #expect(CacheSettings().lifetime(expiry: expiry, wallTime: wallTime, roll: 1 << 63).fresh <= .zero)
    }

    @Test("the number of shards is rounded down to a power of two", arguments: [(-1, 1), (1, 1), (3, 2), (16, 16), (9_999, 256)])
    func shardCount(setting: Int, count: Int) {
        var settings = CacheSettings()
        settings.shards = setting
        #expect(settings.shardCount == count)
    }
}
