import DoormanClient
import Testing

@testable import doorman

@Suite("doorman health --wait")
struct HealthWaitTests {
    private static let unreachable = HealthWait.CheckResult.failure(
        DoormanError(.unreachable, "nothing listens there", isRetryable: true))
    private static let late = HealthWait.CheckResult.failure(DoormanError(.deadlineExceeded, "too late", isRetryable: true))

    /// Waits with scripted results of the checks, of which the last repeats. A failed check takes its whole time, others take none.
    ///
    /// - Returns: The final result, the time for each check, and the time for all.
    private func run(
        limit: Duration, _ results: [HealthWait.CheckResult]
    ) async -> (result: HealthWait.CheckResult, timeouts: [Duration], elapsed: Duration) {
        let clock = SkippingClock()
        let start = clock.now
        var (remaining, timeouts) = (results[...], [Duration]())
        let result = await HealthWait(limit: limit).run(timeout: .seconds(2), clock: clock) { timeout, _ in
            timeouts.append(timeout)
            let result = remaining.count > 1 ? remaining.removeFirst() : remaining[remaining.startIndex]
            if case .failure = result { clock.advance(by: timeout) }
            return result
        }
        return (result, timeouts, start.duration(to: clock.now))
    }

    @Test("the wait ends as soon as the server is serving")
    func serves() async {
        let (result, timeouts, elapsed) = await run(
            limit: .seconds(30), [Self.unreachable, .success(.notServing), .success(.serving)])
        #expect(result == .success(.serving) && timeouts.count == 3)
        #expect(elapsed == .seconds(2) + .milliseconds(200))
    }

    @Test("the wait ends with the last result when the time is over")
    func timeUp() async {
        let (result, timeouts, elapsed) = await run(limit: .seconds(5), [Self.unreachable])
        #expect(result == Self.unreachable && elapsed == .seconds(5))
        #expect(timeouts == [.seconds(2), .seconds(2), .milliseconds(800)])
        #expect(await run(limit: .milliseconds(50), [.success(.notServing)]).result == .success(.notServing))
    }

    @Test("a last check with too little time does not replace the result before it")
    func lastCheck() async {
        #expect(await run(limit: .seconds(3), [Self.unreachable, Self.late]).result == Self.unreachable)
        #expect(await run(limit: .seconds(1), [Self.late]).result == Self.late)
    }

    @Test(
        "the wait ends at once if it cannot succeed",
        arguments: [
            HealthWait.CheckResult.success(.serviceUnknown),
            .failure(DoormanError(.protocolViolation, "that is HTTP", isRetryable: false)),
            .failure(DoormanError(.unimplemented, "no such service", isRetryable: false)),
        ])
    func permanent(result: HealthWait.CheckResult) async {
        #expect(await run(limit: .seconds(30), [result]).timeouts.count == 1)
    }

    @Test("the default limit is 30 seconds")
    func text() throws {
        #expect(HealthWait.standard.description == "30s")
        #expect(try HealthWait(parsing: "1500ms").description == "1.5s")
        #expect(try HealthCommand.parse(["--wait"]).wait == .standard)
        #expect(try HealthCommand.parse(["--wait", "--json"]).wait == .standard)
        #expect(try HealthCommand.parse(["--wait", "1m"]).wait == HealthWait(limit: .seconds(60)))
        #expect(try HealthCommand.parse([]).wait == nil)
    }
}
