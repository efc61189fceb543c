import DoormanCore
import DoormanSupport
import TestKit
import Testing

@testable import DoormanGovernor

@Suite("A provider that fails again and again is left alone")
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

    @Test("after so many failures in a row nobody asks, and all are told that it is unavailable, and for how long")
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
        "a success in between starts the count anew, and a refusal, a throttling and an odd answer count as one",
        arguments: [
            .success(.refused), .failure(VerificationError(.providerUnavailable, "nonsense", scope: .request)),
        ] as [Result<Verdict, VerificationError>])
    func needsARow(between: Result<Verdict, VerificationError>) async throws {
        let scene = scene()
        for _ in 0..<5 {
            await fail(scene, times: 2)
            scene.provider.script { between }
            _ = await scene.verify()
        }
        #expect(scene.governor.statistics.circuitBreaker == .closed(failures: 0))
    }

    @Test("when its time is up one call is let through; its success lets all through")
    func probeSucceeds() async throws {
        let scene = scene()
        await fail(scene)
        scene.clock.advance(by: .seconds(1))
        scene.provider.asksByHand()
        let probe = scene.start("probe")
        try await eventually("the probe asks") { scene.provider.verifyCount == 4 }
        #expect(await scene.verify().error?.code == .providerUnavailable)
        #expect(scene.provider.verifyCount == 4)
        try await scene.provider.answerNext(.success(.refused))
        #expect(await probe.value == .success(.refused))
        scene.provider.script { .success(.refused) }
        for _ in 0..<10 { #expect(await scene.verify() == .success(.refused)) }
    }

    @Test("a probe that fails keeps it open for twice as long, five seconds at most")
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

    @Test("calls that began before it opened say nothing about a provider that was left alone since")
    func oldCalls() async throws {
        let scene = scene()
        let old = (0..<4).map { scene.start("\($0)") }
        try await eventually("they ask") { scene.provider.verifyCount == 4 }
        for _ in 0..<3 { try await scene.provider.answerNext(.failure(.unavailable)) }
        try await eventually("it opens") { scene.governor.statistics.openUntil != nil }
        let end = scene.governor.statistics.openUntil
        try await scene.provider.answerNext(.failure(.unavailable))
        for call in old { _ = await call.value }
        #expect(scene.governor.statistics.openUntil == end)
    }

    @Test("those who waited when it opened are sent away at once")
    func sendsAway() async throws {
        let scene = scene {
            $0.circuitBreaker.consecutiveFailures = 1
            $0.concurrentCalls = 1
        }
        let first = scene.start()
        try await eventually("it asks") { scene.provider.verifyCount == 1 }
        let second = scene.start()
        try await eventually("one waits") { scene.governor.statistics.waiting == 1 }
        try await scene.provider.answerNext(.failure(.unavailable))
        #expect(await first.value.error == .unavailable)
        #expect(await second.value.error?.code == .providerUnavailable)
        #expect(scene.provider.verifyCount == 1)
    }

    @Test("a call that its own deadline ended counts only if it had a second", arguments: [(999, false), (1_000, true)])
    func slowCalls(milliseconds: Int, counts: Bool) async throws {
        let scene = scene { $0.circuitBreaker.consecutiveFailures = 1 }
        scene.provider.script { [clock = scene.clock] in
            clock.advance(by: .milliseconds(milliseconds))
            return .failure(VerificationError(.deadlineExceeded, "too slow"))
        }
        #expect(await scene.verify().error?.code == .deadlineExceeded)
        #expect((scene.governor.statistics.openUntil != nil) == counts)
    }

    @Test("a probe that tells nothing makes room for another")
    func probeTellsNothing() async throws {
        let scene = scene()
        await fail(scene)
        scene.clock.advance(by: .seconds(1))
        scene.provider.script { .failure(VerificationError(.providerMisconfigured, "no secret")) }
        for _ in 0..<3 { #expect(await scene.verify().error?.code == .providerMisconfigured) }
        scene.provider.script { .success(.refused) }
        #expect(await scene.verify() == .success(.refused))
        #expect(scene.governor.statistics.circuitBreaker == .closed(failures: 0))
    }

    @Test("with a count of nothing it never opens")
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
