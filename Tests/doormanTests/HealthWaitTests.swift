import DoormanClient
import Testing

@testable import doorman

@Suite("waiting for a server")
struct HealthWaitTests {
    private static let rejected = HealthWait.Answer.failure(DoormanError(.unreachable, "nothing listens there", isRetryable: true))
    private static let late = HealthWait.Answer.failure(DoormanError(.deadlineExceeded, "too late", isRetryable: true))

    /// The answer in the end, and how long each question was given. A question takes what it may, or no time if it is answered.
    private func run(
        limit: Duration, _ answers: [HealthWait.Answer]
    ) async -> (answer: HealthWait.Answer, timeouts: [Duration], elapsed: Duration) {
        let clock = SkippingClock()
        let start = clock.now
        var (left, timeouts) = (answers[...], [Duration]())
        let answer = await HealthWait(limit: limit).run(timeout: .seconds(2), clock: clock) { timeout, _ in
            timeouts.append(timeout)
            let answer = left.count > 1 ? left.removeFirst() : left[left.startIndex]
            if case .failure = answer { clock.advance(by: timeout) }
            return answer
        }
        return (answer, timeouts, start.duration(to: clock.now))
    }

    @Test("ends as soon as it serves")
    func serves() async {
        let (answer, timeouts, elapsed) = await run(
            limit: .seconds(30), [Self.rejected, .success(.notServing), .success(.serving)])
        #expect(answer == .success(.serving) && timeouts.count == 3)
        #expect(elapsed == .seconds(2) + .milliseconds(200))
    }

    @Test("ends when the time is up, with the last that was heard")
    func timeUp() async {
        let (answer, timeouts, elapsed) = await run(limit: .seconds(5), [Self.rejected])
        #expect(answer == Self.rejected && elapsed == .seconds(5))
        #expect(timeouts == [.seconds(2), .seconds(2), .milliseconds(800)])
        #expect(await run(limit: .milliseconds(50), [.success(.notServing)]).answer == .success(.notServing))
    }

    @Test("is not told that it was late, if the last question had hardly any time")
    func lastQuestion() async {
        #expect(await run(limit: .seconds(3), [Self.rejected, Self.late]).answer == Self.rejected)
        #expect(await run(limit: .seconds(1), [Self.late]).answer == Self.late)
    }

    @Test(
        "ends at once where it is of no use",
        arguments: [
            HealthWait.Answer.success(.serviceUnknown),
            .failure(DoormanError(.protocolViolation, "that is HTTP", isRetryable: false)),
            .failure(DoormanError(.unimplemented, "no such service", isRetryable: false)),
        ])
    func hopeless(answer: HealthWait.Answer) async {
        #expect(await run(limit: .seconds(30), [answer]).timeouts.count == 1)
    }

    @Test("is half a minute unless another time is given, and shown as it is typed")
    func text() throws {
        #expect(HealthWait.standard.description == "30s")
        #expect(try HealthWait(parsing: "1500ms").description == "1.5s")
        #expect(try HealthCommand.parse(["--wait"]).wait == .standard)
        #expect(try HealthCommand.parse(["--wait", "--json"]).wait == .standard)
        #expect(try HealthCommand.parse(["--wait", "1m"]).wait == HealthWait(limit: .seconds(60)))
        #expect(try HealthCommand.parse([]).wait == nil)
    }
}
