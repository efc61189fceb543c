import Simulation
import Testing

/// Days that operators fear, each in virtual time and at a size that tests have time for. `simulate` plays them at full size.
@Suite("Days that operators fear")
struct ScenarioTests {
    @Test("ten thousand new tokens at once take as long as the bound on concurrent calls makes them")
    func coldStart() throws {
        let day = try Scenarios.coldStart(tokens: 10_000)
        #expect(day.verified == 10_000)
        #expect(day.mostAtOnce == 64)
        #expect(abs(day.seconds - day.predictedSeconds) < 0.2 * day.predictedSeconds)
    }

    @Test("a flood of bad tokens leaves the good ones alone, with budgets of misses and without", arguments: [true, false])
    func flood(hasBudget: Bool) throws {
        let day = try Scenarios.flood(
            badPerSecond: 5_000, goodTokens: 2_000, goodPerSecond: 1_000, seconds: 30, hasBudget: hasBudget)
        #expect(day.hitRate > 0.99)
        #expect(day.goodFailures == 0)
        #expect(day.badCalls == 150_000)
        #expect(day.providerRequests <= day.providerBudget)
    }

    @Test(
        "a provider that is gone for a minute makes nobody's good token bad, and is not stormed when it is back",
        arguments: [true, false])
    func outage(isHanging: Bool) throws {
        let day = try Scenarios.outage(tokens: 5_000, callsPerSecond: 1_500, isHanging: isHanging)
        #expect(day.failures == 0)
        #expect(day.staleAnswers > 1_000)
        #expect(day.callsDuringOutage < 500)
        #expect(day.callsInFirstSecondAfter <= day.budgetOfASecond)
        #expect(day.staleAfterRecovery == 0)
    }

    @Test("more new tokens than the provider may be asked about leave it answering as many as it may")
    func overload() throws {
        let day = try Scenarios.overload(newTokensPerSecond: 3_000, seconds: 10)
        #expect(day.verifiedPerSecond > 0.9 * Double(day.rate))
    }

    @Test("tokens of Zipf's law are found as often as in an exact list of those used last, to half a point")
    func hitRatio() throws {
        let day = try Scenarios.zipf(
            tokens: 100_000, entries: 10_000, calls: 200_000, callsPerSecond: 1_000_000, ttl: .seconds(86_400), latency: .zero)
        #expect(abs(day.hitRatio - day.exactHitRatio) < 0.005)
    }

    @Test("single flight and refreshing ahead save the calls and the waiting that they are for")
    func savings() throws {
        let day = try Scenarios.zipf(
            tokens: 10_000, entries: 10_000, calls: 200_000, callsPerSecond: 2_000, ttl: .seconds(20), latency: .milliseconds(100))
        #expect(day.joined > 100)
        #expect(day.refreshed > 1_000)
        #expect(day.providerRequests < 100_000)
    }
}
