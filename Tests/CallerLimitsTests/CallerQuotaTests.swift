import DoormanSupport
import Testing

@testable import CallerLimits

@Suite("Caller quotas")
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

    @Test("all connections of a caller have the same quota")
    func onePerCaller() throws {
        let registry = CallerQuotaRegistry(maximumCallers: 10)
        let (one, other) = (Caller(name: "uid:1"), Caller(name: "uid:2"))
        let quota = try #require(registry.quota(of: one, limits(calls: rate), at: moment(0)))
        #expect(registry.quota(of: one, limits(calls: rate), at: moment(0)) === quota)
        #expect(registry.quota(of: other, limits(calls: rate), at: moment(0)) !== quota)
    }

    @Test("a caller without limits has no quota")
    func unlimited() {
        let registry = CallerQuotaRegistry(maximumCallers: 10)
        #expect(registry.quota(of: Caller(name: "uid:1"), CallerQuota.Limits(), at: moment(0)) == nil)
    }

    @Test("a caller that reconnects keeps its used quota")
    func reconnecting() {
        let registry = CallerQuotaRegistry(maximumCallers: 1)
        let caller = Caller(name: "uid:1")
        registry.quota(of: caller, limits(calls: rate), at: moment(0))?.charge(5, at: moment(0))
        _ = registry.quota(of: Caller(name: "uid:2"), limits(calls: rate), at: moment(0))
        #expect(registry.quota(of: caller, limits(calls: rate), at: moment(100))?.availableCalls(at: moment(100)) == 1)
    }

    @Test("a quota keeps its calls in flight when its limits change")
    func adopting() throws {
        let registry = CallerQuotaRegistry(maximumCallers: 10)
        let caller = Caller(name: "uid:1")
        let quota = try #require(registry.quota(of: caller, limits(calls: rate, inFlight: 2), at: moment(0)))
        quota.charge(4, at: moment(0))
        #expect(quota.takePermit())
        #expect(registry.quota(of: caller, limits(calls: rate, inFlight: 1), at: moment(0)) === quota)
        #expect(quota.availableCalls(at: moment(0)) == 1)
        #expect(!quota.takePermit())
        quota.releasePermits(1)
        #expect(quota.takePermit())
        _ = registry.quota(of: caller, limits(calls: RateLimit(perSecond: 1, burst: 3)), at: moment(0))
        #expect(quota.availableCalls(at: moment(0)) == 3)
        #expect(quota.takePermit())
    }

    @Test("a changed maximum applies to the next new caller")
    func changedMaximum() {
        let registry = CallerQuotaRegistry(maximumCallers: 1)
        // A quota that is held stays in the registry.
        var held: [CallerQuota?] = []
        for (maximum, count) in [(3, 3), (1, 3)] {
            registry.limit(callers: maximum)
            for number in 1...5 {
                held.append(registry.quota(of: Caller(name: "uid:\(number)"), limits(inFlight: 1), at: moment(0)))
            }
            #expect(registry.callerCount == count)
        }
        #expect(!held.contains { $0 == nil })
    }

    @Test("callers beyond the maximum share one quota per set of limits")
    func bounded() throws {
        let registry = CallerQuotaRegistry(maximumCallers: 2)
        let limits = limits(calls: rate)
        let held = try #require(registry.quota(of: Caller(name: "held"), limits, at: moment(0)))
        let busy = Caller(name: "busy")
        registry.quota(of: busy, limits, at: moment(0))?.charge(5, at: moment(0))
        let rest = try #require(registry.quota(of: Caller(name: "third"), limits, at: moment(0)))
        #expect(registry.quota(of: Caller(name: "fourth"), limits, at: moment(0)) === rest)
        #expect(registry.quota(of: Caller(name: "fifth"), self.limits(inFlight: 1), at: moment(0)) !== rest)
        #expect(registry.callerCount == 2)
        // By now the quota of the busy caller is full again, and no connection holds it.
        let sixth = try #require(registry.quota(of: Caller(name: "sixth"), limits, at: moment(2_000)))
        #expect(sixth !== rest)
        #expect(registry.callerCount == 2)
        #expect(registry.quota(of: Caller(name: "held"), limits, at: moment(2_000)) === held)
    }
}
