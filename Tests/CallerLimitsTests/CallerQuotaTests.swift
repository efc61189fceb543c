import DoormanSupport
import Testing

@testable import CallerLimits

@Suite("What callers take of what they are granted")
struct CallerQuotaTests {
    private func moment(_ milliseconds: Int) -> Instant {
        Instant(nanoseconds: 1_000_000_000_000 + UInt64(milliseconds) * 1_000_000)
    }

    private func limits(calls: RateLimit? = nil, inFlight: Int? = nil) -> CallerQuota.Limits {
        var limits = CallerQuota.Limits()
        limits.calls = calls
        limits.callsInFlight = inFlight
        return limits
    }

    private let rate = RateLimit(perSecond: 10, burst: 5)

    @Test("connections of one caller have one share, those of two have two, and without limits there is none")
    func sharing() throws {
        let shares = CallerQuotaRegistry(maximumCallers: 10)
        let (one, other) = (Caller(name: "uid:1"), Caller(name: "uid:2"))
        let share = try #require(shares.quota(of: one, limits(calls: rate), at: moment(0)))
        #expect(shares.quota(of: one, limits(calls: rate), at: moment(0)) === share)
        #expect(shares.quota(of: other, limits(calls: rate), at: moment(0)) !== share)
        #expect(shares.quota(of: one, CallerQuota.Limits(), at: moment(0)) == nil)
    }

    @Test("a caller that comes back has not gained anything by it")
    func comingBack() {
        let shares = CallerQuotaRegistry(maximumCallers: 1)
        let caller = Caller(name: "uid:1")
        shares.quota(of: caller, limits(calls: rate), at: moment(0))?.charge(5, at: moment(0))
        _ = shares.quota(of: Caller(name: "uid:2"), limits(calls: rate), at: moment(0))
        #expect(shares.quota(of: caller, limits(calls: rate), at: moment(100))?.availableCalls(at: moment(100)) == 1)
    }

    @Test("limits that change hold from then on; a rate that stays goes on, and so do calls that wait")
    func adopting() throws {
        let shares = CallerQuotaRegistry(maximumCallers: 10)
        let caller = Caller(name: "uid:1")
        let share = try #require(shares.quota(of: caller, limits(calls: rate, inFlight: 2), at: moment(0)))
        share.charge(4, at: moment(0))
        #expect(share.beginWaiting())
        #expect(shares.quota(of: caller, limits(calls: rate, inFlight: 1), at: moment(0)) === share)
        #expect(share.availableCalls(at: moment(0)) == 1)
        #expect(!share.beginWaiting())
        share.endWaiting(1)
        #expect(share.beginWaiting())
        _ = shares.quota(of: caller, limits(calls: RateLimit(perSecond: 1, burst: 3)), at: moment(0))
        #expect(share.availableCalls(at: moment(0)) == 3)
        #expect(share.beginWaiting())
    }

    @Test("those who are gone and have all that they may save are forgotten for others; the rest with the same limits share one")
    func bounded() throws {
        let shares = CallerQuotaRegistry(maximumCallers: 2)
        let limits = limits(calls: rate)
        let held = try #require(shares.quota(of: Caller(name: "held"), limits, at: moment(0)))
        let busy = Caller(name: "busy")
        shares.quota(of: busy, limits, at: moment(0))?.charge(5, at: moment(0))
        let rest = try #require(shares.quota(of: Caller(name: "third"), limits, at: moment(0)))
        #expect(shares.quota(of: Caller(name: "fourth"), limits, at: moment(0)) === rest)
        #expect(shares.quota(of: Caller(name: "fifth"), self.limits(inFlight: 1), at: moment(0)) !== rest)
        #expect(shares.callerCount == 2)
        // By now the busy one is as good as new, and nobody holds its share.
        let sixth = try #require(shares.quota(of: Caller(name: "sixth"), limits, at: moment(2_000)))
        #expect(sixth !== rest)
        #expect(shares.callerCount == 2)
        #expect(shares.quota(of: Caller(name: "held"), limits, at: moment(2_000)) === held)
    }
}
