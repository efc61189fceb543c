import CallerLimits
import DoormanSupport
import Testing

@Suite("The limit of a sole caller")
struct SoleCallerTests {
    private let budget = RateLimit(perSecond: 1_000, burst: 20)

    private func moment(_ milliseconds: Int) -> Instant {
        Instant(nanoseconds: 1_000_000_000_000 + UInt64(milliseconds) * 1_000_000)
    }

    /// Makes a limiter of 100 calls per second for a caller, and of 150 for a network, which is the text before a dot.
    private func makeLimiter(budget: RateLimit?) -> CallerRateLimiter<String> {
        var settings = CallerRateLimiterSettings(perSecond: 100, burst: 10)
        settings.networkPerSecond = 150
        settings.networkBurst = 30
        return CallerRateLimiter(
            settings: settings, network: { $0.split(separator: ".").first.map(String.init) }, soleCallerLimit: budget, roll: { 0 })
    }

    /// Returns how many permits a caller gets in a second, with ten calls in each millisecond.
    private func permits(
        _ limiter: CallerRateLimiter<String>, _ caller: String, from begin: Int, limit: RateLimit? = nil
    ) -> Int {
        (0..<10_000).filter { limiter.charge(caller, limit: limit, at: moment(begin + $0 / 10)) == nil }.count
    }

    @Test("a sole caller may use the whole budget")
    func whole() {
        let limiter = makeLimiter(budget: budget)
        #expect(permits(limiter, "a.1", from: 0) == 1_000 + 20 - 1)
        #expect(permits(limiter, "a.1", from: 1_000) == 1_000)
    }

    @Test("without a budget a sole caller has the limit of every caller")
    func noBudget() {
        #expect(permits(makeLimiter(budget: nil), "a.1", from: 0) == 100 + 10 - 1)
    }

    @Test("the first call of another caller ends it", arguments: ["a.2", "b.1"])
    func ended(other: String) {
        let limiter = makeLimiter(budget: budget)
        _ = permits(limiter, "a.1", from: 0)
        // The newcomer is not held up by the use of the first caller, even in the same network.
        #expect((0..<10).filter { _ in limiter.charge(other, at: moment(1_000)) == nil }.count == 10)
        #expect(permits(limiter, "a.1", from: 1_000) <= 100)
    }

    @Test("a minute without a call of another caller begins it", arguments: [(59_999, false), (60_000, true)])
    func begun(milliseconds: Int, isSole: Bool) {
        let limiter = makeLimiter(budget: budget)
        #expect(limiter.charge("a.1", at: moment(0)) == nil)
        for second in 0..<10 { #expect(limiter.charge("b.1", at: moment(1_000 * second)) == nil) }
        // Calls of its own don't count.
        for second in 9..<60 { #expect(limiter.charge("a.1", at: moment(1_000 * second)) == nil) }
        let taken = (0..<100).filter { _ in limiter.charge("a.1", at: moment(9_000 + milliseconds)) == nil }.count
        #expect(taken == (isSole ? 20 : 10))
    }

    @Test("callers that take turns are no sole callers")
    func turns() {
        let limiter = makeLimiter(budget: budget)
        var taken = 0
        for step in 0..<100_000 where limiter.charge(step.isMultiple(of: 2) ? "a.1" : "b.1", at: moment(step / 10)) == nil {
            taken += 1
        }
        // 10 seconds, two callers, and the budget of the very first calls.
        #expect(taken <= 2 * (10 * 100 + 20))
    }

    @Test("a limit of the caller's own holds for a sole caller, too")
    func ownLimit() {
        let limiter = makeLimiter(budget: budget)
        let own = RateLimit(perSecond: 10, burst: 5)
        #expect(permits(limiter, "a.1", from: 0, limit: own) == 10 + 5 - 1)
    }

    @Test("a budget below the limit lowers nothing")
    func smallBudget() {
        let limiter = makeLimiter(budget: RateLimit(perSecond: 1, burst: 1))
        #expect(permits(limiter, "a.1", from: 0) == 100 + 10 - 1)
    }
}
