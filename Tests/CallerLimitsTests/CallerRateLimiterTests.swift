import CallerLimits
import DoormanSupport
import Testing

@Suite("Cache miss limiter")
struct CallerRateLimiterTests {
    private func moment(_ milliseconds: Int) -> Instant {
        Instant(nanoseconds: 1_000_000_000_000 + UInt64(milliseconds) * 1_000_000)
    }

    private func makeLimiter(callers: Int = 10) -> CallerRateLimiter<String> {
        var settings = CallerRateLimiterSettings()
        settings.perSecond = 10
        settings.burst = 5
        settings.maximumCallers = callers
        return CallerRateLimiter(settings: settings, roll: { 0 })
    }

    @Test("a caller over its limit does not use up the limit of another caller")
    func separate() {
        let limiter = makeLimiter()
        #expect((0..<5).filter { _ in limiter.charge("bad", at: moment(0)) == nil }.count == 5)
        for call in 1...95 { #expect(limiter.charge("bad", at: moment(0))?.retryAfter == .milliseconds(100 * call)) }
        #expect(limiter.charge("good", at: moment(0)) == nil)
        #expect(limiter.charge("bad", at: moment(100)) == nil)
        #expect((100..<10_100).filter { limiter.charge("bad", at: moment($0)) == nil }.count == 99)
    }

    @Test("permits used under a caller's own limit stay used when the limit changes")
    func ownLimit() {
        let limiter = makeLimiter()
        func taken(_ limit: RateLimit?, _ milliseconds: Int) -> Int {
            (0..<100).prefix { _ in limiter.charge("own", limit: limit, at: moment(milliseconds)) == nil }.count
        }
        let own = RateLimit(perSecond: 100, burst: 20)
        #expect(taken(own, 0) == 20)
        #expect(taken(own, 0) == 0)
        #expect(limiter.charge("own", limit: own, at: moment(0))?.retryAfter == .milliseconds(30))
        #expect(taken(own, 50) == 5)
        #expect(taken(nil, 50) == 0)
        #expect(taken(nil, 10_000) == 5)
        #expect(taken(RateLimit(perSecond: 1, burst: 1), 10_000) == 0)
        #expect(taken(own, 20_000) == 20)
    }

    @Test("callers beyond the maximum share one limit")
    func bounded() {
        let limiter = makeLimiter(callers: 3)
        for caller in ["a", "b", "c"] { #expect(limiter.charge(caller, at: moment(0)) == nil) }
        for _ in 0..<5 { _ = limiter.charge("c", at: moment(0)) }
        #expect((0..<100).filter { limiter.charge("rest \($0)", at: moment(0)) == nil }.count == 5)
        #expect(limiter.callerCount == 3)
        // A second later the limits are full again, so their callers can be removed.
        #expect(limiter.charge("d", at: moment(1_000)) == nil)
        #expect(limiter.callerCount <= 3)
        let late = moment(1_000_000)
        for number in 0..<10_000 { _ = limiter.charge("\(number)", at: late) }
        #expect(limiter.callerCount == 3)
    }

    @Test("permits used before a change of the settings stay used")
    func changed() {
        let limiter = makeLimiter()
        for _ in 0..<4 { #expect(limiter.charge("a", at: moment(0)) == nil) }
        var settings = CallerRateLimiterSettings()
        settings.perSecond = 100
        settings.burst = 6
        settings.maximumCallers = 2
        limiter.change(to: settings, at: moment(0))
        #expect((0..<10).filter { _ in limiter.charge("a", at: moment(0)) == nil }.count == 2)
        // Eight calls before it were told earlier times.
        #expect(limiter.charge("a", at: moment(0))?.retryAfter == .milliseconds(90))
        #expect((0..<10).filter { _ in limiter.charge("new", at: moment(0)) == nil }.count == 6)
        #expect((0..<10).filter { limiter.charge("shared \($0)", at: moment(0)) == nil }.count == 6)
        #expect(limiter.callerCount == 2)
    }
}
