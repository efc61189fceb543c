import DoormanCore
import DoormanGovernor
import DoormanSupport
import TestKit
import Testing

@Suite("Throttle back-off")
struct BackOffTests {
    private func throttled(_ retryAfter: Duration?) -> @Sendable () -> Result<Verdict, VerificationError> {
        { .failure(VerificationError(.providerBusy, "limit reached", retryAfter: retryAfter)) }
    }

    @Test(
        "a back-off lasts for the time that the provider named, up to a minute, or else for a second",
        arguments: [
            (Duration?.some(.seconds(5)), Duration.seconds(5)), (nil, .seconds(1)), (.zero, .seconds(1)),
            (.seconds(3600), .seconds(60)),
        ])
    func lasts(retryAfter: Duration?, length: Duration) async throws {
        let scene = GovernedScene()
        scene.provider.script(throttled(retryAfter))
        #expect(await scene.verify().error == VerificationError(.providerBusy, "limit reached", retryAfter: length))
        scene.provider.script { .success(.rejectedToken) }
        scene.clock.advance(by: length - .milliseconds(400))
        let error = await scene.verify().error
        #expect(error?.code == .providerBusy)
        // One permit of the rate limit after the call before.
        #expect(error?.retryAfter == .milliseconds(401))
        #expect(scene.governor.statistics.backOff == .milliseconds(400))
        #expect(scene.provider.verifyCount == 1)
        scene.clock.advance(by: .milliseconds(400))
        #expect(await scene.verify() == .success(.rejectedToken))
    }

    @Test("a throttled exchange blocks requests of every kind")
    func holdsForAll() async throws {
        let scene = GovernedScene()
        scene.provider.respondsToExchanges(.failure(VerificationError(.providerBusy, "limit reached")))
        await #expect(throws: VerificationError.self) { try await scene.exchange() }
        await #expect(throws: VerificationError.self) { try await scene.exchange() }
        await #expect(throws: VerificationError.self) {
            _ = try await scene.verifier.revoke(RevocationRequest(.account("1")), deadline: Deadline(.distantFuture))
        }
        #expect(await scene.verify().error?.code == .providerBusy)
        #expect(scene.provider.exchangeCount == 1)
        #expect(scene.provider.revokeCount == 0)
        #expect(scene.provider.verifyCount == 0)
    }

    @Test("a call that waits fails when a back-off begins")
    func holdsForWaiters() async throws {
        let scene = GovernedScene { $0.concurrentCalls = 1 }
        let first = scene.start()
        try await eventually("the slot is taken") { scene.provider.verifyCount == 1 }
        let second = scene.start()
        try await eventually("one call waits") { scene.governor.statistics.waiting == 1 }
        try await scene.provider.respondNext(.failure(VerificationError(.providerBusy, "limit reached", retryAfter: .seconds(2))))
        #expect(await second.value.error?.retryAfter == .seconds(2))
        #expect(await first.value.error?.retryAfter == .milliseconds(2_001))
        #expect(scene.provider.verifyCount == 1)
    }

    @Test("a shorter back-off never shortens the present back-off")
    func longestHolds() async throws {
        let scene = GovernedScene { $0.concurrentCalls = 2 }
        let calls = [scene.start(), scene.start()]
        try await eventually("both requests are sent") { scene.provider.verifyCount == 2 }
        try await scene.provider.respondNext(.failure(VerificationError(.providerBusy, "limit reached", retryAfter: .seconds(9))))
        try await scene.provider.respondNext(.failure(VerificationError(.providerBusy, "limit reached", retryAfter: .seconds(1))))
        for call in calls { _ = await call.value }
        #expect(scene.governor.statistics.backOff == .seconds(9))
    }

    @Test("a back-off doubles until a call succeeds")
    func doubles() async throws {
        let scene = GovernedScene()
        scene.provider.script(throttled(nil))
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            #expect(await scene.verify().error?.retryAfter == .seconds(seconds))
            scene.clock.advance(by: .seconds(seconds))
        }
        scene.provider.script { .success(.rejectedToken) }
        _ = await scene.verify()
        scene.provider.script(throttled(nil))
        #expect(await scene.verify().error?.retryAfter == .seconds(1))
    }

    @Test("concurrent calls that are all throttled begin one back-off")
    func oneForAll() async throws {
        let scene = GovernedScene()
        let calls = (0..<10).map { scene.start("\($0)") }
        try await eventually("all requests are sent") { scene.provider.verifyCount == 10 }
        for _ in 0..<10 {
            try await scene.provider.respondNext(.failure(VerificationError(.providerBusy, "limit reached")))
        }
        var times: Set<Duration> = []
        for call in calls { times.insert(try #require(await call.value.error?.retryAfter)) }
        // Spread over ten permits of the rate limit after one back-off.
        #expect(times == Set((0..<10).map { .milliseconds(1_000 + $0) }))
    }

    @Test("a report that our allowance is nearly used up pauses requests for a second", arguments: [(94, false), (95, true)])
    func usage(percent: Int, isPaused: Bool) async throws {
        let scene = GovernedScene()
        scene.provider.script { .success(.rejectedToken) }
        scene.governor.noteUsage(percent: percent)
        #expect((await scene.verify().error?.code == .providerBusy) == isPaused)
        scene.clock.advance(by: .seconds(1))
        #expect(await scene.verify() == .success(.rejectedToken))
    }

    @Test("a usage report does not lengthen a later back-off")
    func usageIsNoThrottling() async throws {
        let scene = GovernedScene()
        scene.provider.script { [governor = scene.governor] in
            governor.noteUsage(percent: 96)
            return .success(.rejectedToken)
        }
        for _ in 0..<8 {
            #expect(await scene.verify() == .success(.rejectedToken))
            scene.clock.advance(by: .seconds(2))
        }
        scene.provider.script(throttled(nil))
        #expect(await scene.verify().error?.retryAfter == .seconds(1))
    }
}
