import DoormanCore
import Testing

@testable import DoormanClient

@Suite("the retry budget")
struct RetryBudgetTests {
    let start = Instant(nanoseconds: 1_000_000_000)

    private func withdrawals(_ budget: inout RetryBudget, at now: Instant, most: Int = 100_000) -> Int {
        var count = 0
        while count < most, budget.withdraw(at: now) { count += 1 }
        return count
    }

    @Test("begins with ten seconds of its steady part")
    func beginning() {
        var budget = RetryBudget(ratio: 0.2, perSecond: 10)
        #expect(withdrawals(&budget, at: start) == 100)
    }

    @Test("grows by its part of the calls made")
    func ratio() {
        var budget = RetryBudget(ratio: 0.25, perSecond: 0)
        #expect(withdrawals(&budget, at: start) == 0)
        for _ in 0..<400 { budget.deposit() }
        #expect(withdrawals(&budget, at: start) == 100)
    }

    @Test("grows by its steady part with time, and saves ten seconds of it and a thousand calls' worth at most")
    func steady() {
        var budget = RetryBudget(ratio: 0.5, perSecond: 10)
        #expect(withdrawals(&budget, at: start) == 100)
        #expect(withdrawals(&budget, at: start.advanced(by: .seconds(2))) == 20)
        for _ in 0..<100_000 { budget.deposit() }
        #expect(withdrawals(&budget, at: start.advanced(by: .seconds(3600))) == 600)
    }

    @Test("a budget of nothing, or less, grants nothing", arguments: [0.0, -1])
    func nothing(value: Double) {
        var budget = RetryBudget(ratio: value, perSecond: value)
        for _ in 0..<1000 { budget.deposit() }
        #expect(budget.withdraw(at: start.advanced(by: .seconds(1000))) == false)
    }
}
