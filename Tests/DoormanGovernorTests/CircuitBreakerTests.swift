import DoormanCore
import DoormanSupport
import TestKit
import Testing

@testable import DoormanGovernor

@Suite("Circuit breaker")
struct CircuitBreakerTests {
    private func scene(_ change: (inout GovernorSettings) -> Void = { _ in }) -> GovernedScene {
        GovernedScene {
            $0.retryBurst = 0
            $0.circuitBreaker.consecutiveFailures = 3
            change(&$0)
        }
    }

    private func fail(_ scene: GovernedScene, times: Int = 3) async {
        scene.provider.script { .failure(.unavailable) }
        for _ in 0..<times { #expect(await scene.verify().error == .unavailable) }
    }

    @Test("consecutive failures open the circuit breaker for the open time")
    func opens() async throws {
        let scene = scene()
        await fail(scene)
        let error = await scene.verify().error
        #expect(error?.code == .providerUnavailable)
        #expect(error?.retryAfter == .seconds(1))
        #expect(scene.provider.verifyCount == 3)
        #expect(scene.governor.statistics.circuitBreaker == .open(until: scene.clock.now.advanced(by: .seconds(1))))
    }

    @Test(
        "a rejection or a malformed response resets the count of failures",
        arguments: [
            .success(.rejectedToken), .failure(VerificationError(.providerUnavailable, "malformed", scope: .request)),
        ] as [Result<Verdict, VerificationError>])
    func countsConsecutiveFailures(between: Result<Verdict, VerificationError>) async throws {
        let scene = scene()
        for _ in 0..<5 {
            await fail(scene, times: 2)
            scene.provider.script { between }
            _ = await scene.verify()
        }
        #expect(scene.governor.statistics.circuitBreaker == .closed(failures: 0))
    }

    @Test("a token that always fails does not open the circuit breaker while others succeed", arguments: [1, 2])
    func oneBadToken(badTokens: Int) async {
        let scene = scene()
        scene.provider.verifications.script { request in
            String(decoding: request.token.bytes, as: UTF8.self).hasPrefix("bad")
                ? .failure(.unavailable) : .success(.rejectedToken)
        }
        for number in 0..<48 {
            #expect(await scene.verify("new \(number)").error == nil)
            for attempt in 0..<10 { #expect(await scene.verify("bad \(attempt % badTokens)").error == .unavailable) }
            scene.clock.advance(by: .milliseconds(250))
        }
        #expect(scene.provider.verifyCount == 48 * 11)
    }

    @Test("the failures of three tokens open the circuit breaker, though others succeeded before")
    func threeBadTokens() async {
        let scene = scene()
        scene.provider.script { .success(.rejectedToken) }
        for number in 0..<5 { _ = await scene.verify("good \(number)") }
        scene.provider.script { .failure(.unavailable) }
        for number in 0..<3 { _ = await scene.verify("bad \(number)") }
        #expect(scene.governor.statistics.circuitBreaker != .closed(failures: 3))
        #expect(await scene.verify("good 1").error?.retryAfter == .seconds(1))
    }

    @Test("the failures of the only token in use open the circuit breaker")
    func onlyToken() async {
        let scene = scene()
        scene.provider.script { .success(.rejectedToken) }
        _ = await scene.verify("other")
        scene.clock.advance(by: .seconds(10))
        await fail(scene)
        #expect(await scene.verify().error?.retryAfter == .seconds(1))
    }

    @Test("a probe that succeeds closes the circuit breaker")
    func probeSucceeds() async throws {
        let scene = scene()
        await fail(scene)
        scene.clock.advance(by: .seconds(1))
        scene.provider.respondsByHand()
        let probe = scene.start("probe")
        try await eventually("the probe is sent") { scene.provider.verifyCount == 4 }
        #expect(await scene.verify().error?.code == .providerUnavailable)
        #expect(scene.provider.verifyCount == 4)
        try await scene.provider.respondNext(.success(.rejectedToken))
        #expect(await probe.value == .success(.rejectedToken))
        scene.provider.script { .success(.rejectedToken) }
        for _ in 0..<10 { #expect(await scene.verify() == .success(.rejectedToken)) }
    }

    @Test("a probe that fails doubles the open time, up to five seconds")
    func probeFails() async throws {
        let scene = scene()
        await fail(scene)
        for seconds in [2, 4, 5, 5] {
            let end = scene.governor.statistics.openUntil!
            scene.clock.advance(by: scene.clock.now.duration(to: end) - .nanoseconds(1))
            #expect(await scene.verify().error?.retryAfter == .nanoseconds(1))
            scene.clock.advance(by: .nanoseconds(1))
            #expect(await scene.verify().error == .unavailable)
            #expect(scene.governor.statistics.openUntil == scene.clock.now.advanced(by: .seconds(seconds)))
        }
    }

    @Test("a call that began before the circuit breaker opened does not extend the open time")
    func oldCalls() async throws {
        let scene = scene()
        let old = (0..<4).map { scene.start("\($0)") }
        try await eventually("all requests are sent") { scene.provider.verifyCount == 4 }
        for _ in 0..<3 { try await scene.provider.respondNext(.failure(.unavailable)) }
        try await eventually("the circuit breaker opens") { scene.governor.statistics.openUntil != nil }
        let end = scene.governor.statistics.openUntil
        try await scene.provider.respondNext(.failure(.unavailable))
        for call in old { _ = await call.value }
        #expect(scene.governor.statistics.openUntil == end)
    }

    @Test("a call that waits fails at once when the circuit breaker opens")
    func failsWaiters() async throws {
        let scene = scene {
            $0.circuitBreaker.consecutiveFailures = 1
            $0.concurrentCalls = 1
        }
        let first = scene.start()
        try await eventually("the request is sent") { scene.provider.verifyCount == 1 }
        let second = scene.start()
        try await eventually("one call waits") { scene.governor.statistics.waiting == 1 }
        try await scene.provider.respondNext(.failure(.unavailable))
        #expect(await first.value.error == .unavailable)
        #expect(await second.value.error?.code == .providerUnavailable)
        #expect(scene.provider.verifyCount == 1)
    }

    @Test("a call that its own deadline ended counts as a failure from one second on", arguments: [(999, false), (1_000, true)])
    func slowCalls(milliseconds: Int, counts: Bool) async throws {
        let scene = scene { $0.circuitBreaker.consecutiveFailures = 1 }
        scene.provider.script { [clock = scene.clock] in
            clock.advance(by: .milliseconds(milliseconds))
            return .failure(VerificationError(.deadlineExceeded, "too slow"))
        }
        #expect(await scene.verify().error?.code == .deadlineExceeded)
        #expect((scene.governor.statistics.openUntil != nil) == counts)
    }

    @Test("an inconclusive probe allows another probe")
    func inconclusiveProbe() async throws {
        let scene = scene()
        await fail(scene)
        scene.clock.advance(by: .seconds(1))
        scene.provider.script { .failure(VerificationError(.providerMisconfigured, "no secret")) }
        for _ in 0..<3 { #expect(await scene.verify().error?.code == .providerMisconfigured) }
        scene.provider.script { .success(.rejectedToken) }
        #expect(await scene.verify() == .success(.rejectedToken))
        #expect(scene.governor.statistics.circuitBreaker == .closed(failures: 0))
    }

    @Test("a circuit breaker with zero failures configured never opens")
    func switchedOff() async throws {
        let scene = scene { $0.circuitBreaker.consecutiveFailures = 0 }
        await fail(scene, times: 100)
        #expect(scene.provider.verifyCount == 100)
    }
}

extension GovernorStatistics {
    fileprivate var openUntil: Instant? {
        guard case .open(let end) = circuitBreaker else { return nil }
        return end
    }
}
