import CallerLimits
import DoormanSupport
import Testing

/// An attacker that shows up with a new name for each call.
@Suite("Callers that a full table forgets")
struct ForgottenCallerTests {
    private let rate = RateLimit(perSecond: 10, burst: 5)

    private func moment(_ milliseconds: Int) -> Instant {
        Instant(nanoseconds: 1_000_000_000_000 + UInt64(milliseconds) * 1_000_000)
    }

    private func makeLimiter(callers: Int) -> CallerRateLimiter<String> {
        var settings = CallerRateLimiterSettings(perSecond: rate.perSecond, burst: rate.burst)
        settings.maximumCallers = callers
        return CallerRateLimiter(settings: settings)
    }

    /// Returns how many permits a caller gets at once.
    private func permits(_ limiter: CallerRateLimiter<String>, _ caller: String, at now: Instant) -> Int {
        (0..<10).filter { _ in limiter.charge(caller, at: now) == nil }.count
    }

    @Test("100,000 new names do not push a caller with a history out of the limiter")
    func limiter() {
        let limiter = makeLimiter(callers: 1_000)
        for second in 0..<10 { #expect(limiter.charge("good", at: moment(1_000 * second)) == nil) }
        for name in 0..<100_000 {
            let now = 10_000 + name / 10
            _ = limiter.charge("attacker \(name)", at: moment(now))
            // The good caller's limit is full before each of its calls, and its names are the only ones to come back.
            if name.isMultiple(of: 10_000) { #expect(limiter.charge("good", at: moment(now)) == nil) }
        }
        // The attacker has used up the limit of the callers beyond the maximum.
        #expect(permits(limiter, "late", at: moment(20_000 - 1)) == 0)
        #expect(permits(limiter, "good", at: moment(20_000 - 1)) == 5)
        #expect(limiter.callerCount == 1_000)
    }

    @Test("names that the attacker keeps do not push out a caller with a longer history")
    func keptNames() {
        let limiter = makeLimiter(callers: 100)
        for minute in 0..<60 { #expect(limiter.charge("good", at: moment(60_000 * minute)) == nil) }
        for second in 3_600..<3_900 {
            for name in 0..<200 { _ = limiter.charge("attacker \(name)", at: moment(1_000 * second)) }
        }
        #expect(permits(limiter, "attacker 150", at: moment(3_899_000)) == 0)
        #expect(permits(limiter, "good", at: moment(3_899_000)) == 5)
    }

    @Test("a caller loses its history while it makes no calls", arguments: [(3_000, true), (4_000, false)])
    func longPause(seconds: Int, isKept: Bool) {
        let limiter = makeLimiter(callers: 2)
        for minute in 0...60 { #expect(limiter.charge("old", at: moment(60_000 * minute)) == nil) }
        let now = 3_600_000 + 1_000 * seconds
        #expect(limiter.charge("new", at: moment(now - 100_000)) == nil)
        #expect(limiter.charge("new", at: moment(now - 80_000)) == nil)
        // It takes the slot of the caller with the shorter history.
        #expect(limiter.charge("third", at: moment(now)) == nil)
        // One of these two shares a limit with all further callers, and uses it up.
        for name in ["fourth", "fifth"] { _ = permits(limiter, name, at: moment(now)) }
        #expect(permits(limiter, "old", at: moment(now)) == (isKept ? 5 : 0))
    }

    @Test("100,000 new names do not push the quota of a caller with a history out of the registry", arguments: [true, false])
    func registry(isHeld: Bool) throws {
        var limits = CallerQuota.Limits()
        limits.calls = rate
        let registry = CallerQuotaRegistry(maximumCallers: 1_000)
        let good = Caller(name: "uid:1")
        // One connection for a minute, with calls until its end.
        var connection = registry.quota(of: good, limits, at: moment(0))
        for second in 0..<60 { connection?.charge(1, at: moment(1_000 * second)) }
        weak let quota = connection
        if !isHeld { connection = nil }
        for name in 0..<100_000 {
            _ = registry.quota(of: Caller(name: "attacker \(name)"), limits, at: moment(60_000 + name / 10))
        }
        #expect(registry.callerCount == 1_000)
        let late = moment(70_000 - 1)
        let shared = try #require(registry.quota(of: Caller(name: "late"), limits, at: late))
        let after = try #require(registry.quota(of: good, limits, at: late))
        #expect(after === quota)
        #expect(after !== shared)
    }
}
