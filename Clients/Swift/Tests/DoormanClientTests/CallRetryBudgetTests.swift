import DoormanCore
import DoormanSupport
import Testing

@testable import DoormanClient

@Suite("the retry budget")
struct CallRetryBudgetTests {
    let start = Instant(nanoseconds: 1_000_000_000)

    private func withdrawals(_ budget: inout CallRetryBudget, at now: Instant, most: Int = 100_000) -> Int {
        var count = 0
        while count < most, budget.withdraw(at: now) { count += 1 }
        return count
    }

    @Test("the first calls have the fixed retries of ten seconds")
    func beginning() {
        var budget = CallRetryBudget(ratio: 0.2, perSecond: 10)
        #expect(withdrawals(&budget, at: start) == 100)
    }

    @Test("the budget is a ratio of the calls of the last ten seconds", arguments: [400, 400_000])
    func ratio(calls: Int) {
        var budget = CallRetryBudget(ratio: 0.25, perSecond: 0)
        #expect(withdrawals(&budget, at: start) == 0)
        for _ in 0..<calls { budget.deposit(at: start) }
        #expect(withdrawals(&budget, at: start.advanced(by: .seconds(9))) == calls / 4)
        #expect(withdrawals(&budget, at: start.advanced(by: .seconds(9))) == 0)
    }

    @Test(
        "a call counts for nine seconds after the second in which it was made", arguments: [(9.0, 1), (9.9, 1), (10, 0), (3600, 0)])
    func oldCalls(seconds: Double, withdrawals count: Int) {
        var budget = CallRetryBudget(ratio: 1, perSecond: 0)
        budget.deposit(at: start)
        #expect(withdrawals(&budget, at: start.advanced(by: .seconds(seconds))) == count)
    }

    @Test("a retry counts for nine seconds after its second")
    func steady() {
        var budget = CallRetryBudget(ratio: 0, perSecond: 10)
        #expect(withdrawals(&budget, at: start, most: 40) == 40)
        #expect(withdrawals(&budget, at: start.advanced(by: .seconds(5))) == 60)
        #expect(withdrawals(&budget, at: start.advanced(by: .seconds(9.9))) == 0)
        #expect(withdrawals(&budget, at: start.advanced(by: .seconds(10))) == 40)
        #expect(withdrawals(&budget, at: start.advanced(by: .seconds(3600))) == 100)
    }

    @Test("a budget of zero or less allows no retry", arguments: [0.0, -1])
    func nothing(value: Double) {
        var budget = CallRetryBudget(ratio: value, perSecond: value)
        for _ in 0..<1000 { budget.deposit(at: start) }
        #expect(budget.withdraw(at: start) == false)
    }
}
