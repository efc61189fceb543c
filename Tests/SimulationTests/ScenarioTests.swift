import Simulation
import Testing

/// Overload and outage scenarios in virtual time, at a size that suits tests. `simulate` runs them at full size.
@Suite("Scenarios of overload and outage")
struct ScenarioTests {
    @Test("the concurrency limit determines the time of a cold start")
    func coldStart() throws {
        let result = try Scenarios.coldStart(tokens: 10_000)
        #expect(result.verified == 10_000)
        #expect(result.maxConcurrent == 64)
        #expect(abs(result.seconds - result.predictedSeconds) < 0.2 * result.predictedSeconds)
    }

    @Test("a flood of bad tokens does not affect good tokens", arguments: [true, false])
    func flood(limitsMisses: Bool) throws {
        let result = try Scenarios.flood(
            badPerSecond: 5_000, goodTokens: 2_000, goodPerSecond: 1_000, seconds: 30, limitsMisses: limitsMisses)
        #expect(result.hitRate > 0.99)
        #expect(result.goodFailures == 0)
        #expect(result.badCalls == 150_000)
        #expect(result.providerRequests <= result.providerBudget)
    }

    @Test(
        "an outage of a minute fails no call with a good token",
        arguments: [true, false])
    func outage(isHanging: Bool) throws {
        let result = try Scenarios.outage(tokens: 5_000, callsPerSecond: 1_500, isHanging: isHanging)
        #expect(result.failures == 0)
        #expect(result.staleResponses > 1_000)
        #expect(result.callsDuringOutage < 500)
        #expect(result.callsInFirstSecondAfter <= result.budgetPerSecond)
        #expect(result.staleAfterRecovery == 0)
    }

    @Test("an overload leaves provider requests at their rate limit")
    func overload() throws {
        let result = try Scenarios.overload(newTokensPerSecond: 3_000, seconds: 10)
        #expect(result.verifiedPerSecond > 0.9 * Double(result.rate))
    }

    @Test("the hit ratio under Zipf's law equals an exact LRU list's within half a percentage point")
    func hitRatio() throws {
        let result = try Scenarios.zipf(
            tokens: 100_000, entries: 10_000, calls: 200_000, callsPerSecond: 1_000_000, ttl: .seconds(86_400), latency: .zero)
        #expect(abs(result.hitRatio - result.exactHitRatio) < 0.005)
    }

    @Test("single flight and refresh-ahead save provider requests")
    func savings() throws {
        let result = try Scenarios.zipf(
            tokens: 10_000, entries: 10_000, calls: 200_000, callsPerSecond: 2_000, ttl: .seconds(20), latency: .milliseconds(100))
        #expect(result.joined > 100)
        #expect(result.refreshed > 1_000)
        #expect(result.providerRequests < 100_000)
    }
}
