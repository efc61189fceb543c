import CallerLimits
import DoormanSupport
import Testing

@Suite("A budget of misses for each caller")
struct CacheMissLimiterTests {
    private func moment(_ milliseconds: Int) -> Instant {
        Instant(nanoseconds: 1_000_000_000_000 + UInt64(milliseconds) * 1_000_000)
    }

    private func budgets(callers: Int = 10) -> CacheMissLimiter<String> {
        var settings = CacheMissLimiterSettings()
        settings.missesPerSecond = 10
        settings.missesBurst = 5
        settings.maximumCallers = callers
        return CacheMissLimiter(settings: settings)
    }

    @Test("one that spends its own leaves the others theirs, and is told when to come back")
    func separate() {
        let budgets = budgets()
        #expect((0..<100).filter { _ in budgets.charge("bad", at: moment(0)) == nil }.count == 5)
        #expect(budgets.charge("bad", at: moment(0)) == .milliseconds(100))
        #expect(budgets.charge("good", at: moment(0)) == nil)
        #expect(budgets.charge("bad", at: moment(100)) == nil)
        #expect((100..<10_100).filter { budgets.charge("bad", at: moment($0)) == nil }.count == 99)
    }

    @Test("one that is granted a rate of its own has that, and what it has used up stays used up when that changes")
    func granted() {
        let budgets = budgets()
        func taken(_ limit: RateLimit?, _ milliseconds: Int) -> Int {
            (0..<100).filter { _ in budgets.charge("own", limit: limit, at: moment(milliseconds)) == nil }.count
        }
        let own = RateLimit(perSecond: 100, burst: 20)
        #expect(taken(own, 0) == 20)
        #expect(taken(own, 0) == 0)
        #expect(budgets.charge("own", limit: own, at: moment(0)) == .milliseconds(10))
        #expect(taken(own, 50) == 5)
        #expect(taken(nil, 50) == 0)
        #expect(taken(nil, 10_000) == 5)
        #expect(taken(RateLimit(perSecond: 1, burst: 1), 10_000) == 0)
        #expect(taken(own, 20_000) == 20)
    }

    @Test("quiet callers are forgotten to make room for others, busy ones are not, and the rest share one budget")
    func bounded() {
        let budgets = budgets(callers: 3)
        for caller in ["a", "b", "c"] { #expect(budgets.charge(caller, at: moment(0)) == nil) }
        for _ in 0..<5 { _ = budgets.charge("c", at: moment(0)) }
        #expect((0..<100).filter { budgets.charge("rest \($0)", at: moment(0)) == nil }.count == 5)
        #expect(budgets.callerCount == 3)
        // A tenth of a second later a and b are as good as new; c is not, and stays known.
        #expect(budgets.charge("d", at: moment(1_000)) == nil)
        #expect(budgets.callerCount <= 3)
        let late = moment(1_000_000)
        for number in 0..<10_000 { _ = budgets.charge("\(number)", at: late) }
        #expect(budgets.callerCount == 3)
    }

    @Test("other budgets hold from the moment that they are set, and what was used up stays used up")
    func changed() {
        let budgets = budgets()
        for _ in 0..<4 { #expect(budgets.charge("a", at: moment(0)) == nil) }
        var settings = CacheMissLimiterSettings()
        settings.missesPerSecond = 100
        settings.missesBurst = 6
        settings.maximumCallers = 2
        budgets.change(to: settings, at: moment(0))
        #expect((0..<10).filter { _ in budgets.charge("a", at: moment(0)) == nil }.count == 2)
        #expect(budgets.charge("a", at: moment(0)) == .milliseconds(10))
        #expect((0..<10).filter { _ in budgets.charge("new", at: moment(0)) == nil }.count == 6)
        #expect((0..<10).filter { budgets.charge("shared \($0)", at: moment(0)) == nil }.count == 6)
        #expect(budgets.callerCount == 2)
    }
}
