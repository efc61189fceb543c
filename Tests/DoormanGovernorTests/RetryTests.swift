import DoormanCore
import DoormanGovernor
import DoormanSupport
import NIOConcurrencyHelpers
import TestKit
import Testing

@Suite("Retries")
struct RetryTests {
    @Test("a governed provider has the equivalents of its provider")
    func equivalents() {
        let scene = GovernedScene()
        scene.provider.equivalentTokens.withLockedValue { $0 = [Token("twin")] }
        #expect(scene.verifier.equivalents(of: Token("EMAW"), naming: nil) == [Token("twin")])
    }

    @Test("a request that failed with an unavailable provider is retried")
    func retriesOnce() async throws {
        let scene = GovernedScene()
        let attempts = NIOLockedValueBox(0)
        scene.provider.script {
            attempts.withLockedValue { attempts in
                attempts += 1
                return attempts == 1 ? .failure(.unavailable) : .success(.rejectedToken)
            }
        }
        #expect(await scene.verify() == .success(.rejectedToken))
        #expect(scene.provider.verifyCount == 2)
    }

    @Test("a request is retried only once")
    func retriesNoMoreThanOnce() async throws {
        let scene = GovernedScene()
        scene.provider.script { .failure(.unavailable) }
        #expect(await scene.verify().error == .unavailable)
        #expect(scene.provider.verifyCount == 2)
    }

    @Test("retries are limited to ten percent of calls plus the burst")
    func budget() async throws {
        let scene = GovernedScene { $0.circuitBreaker.consecutiveFailures = 0 }
        scene.provider.script { .failure(.unavailable) }
        for _ in 0..<1_000 { #expect(await scene.verify().error == .unavailable) }
        #expect((1_000 + 100...1_000 + 110).contains(scene.provider.verifyCount))
    }

    @Test("with a retry burst of zero nothing is retried")
    func noBudget() async throws {
        let scene = GovernedScene {
            $0.retryBurst = 0
            $0.circuitBreaker.consecutiveFailures = 0
        }
        scene.provider.script { .failure(.unavailable) }
        for _ in 0..<100 { _ = await scene.verify() }
        #expect(scene.provider.verifyCount == 100)
    }

    @Test("nothing is retried with too little time left")
    func noTime() async throws {
        let scene = GovernedScene()
        scene.provider.script { [clock = scene.clock] in
            clock.advance(by: .milliseconds(960))
            return .failure(.unavailable)
        }
        let deadline = Deadline(scene.clock.now.advanced(by: .seconds(1)))
        #expect(await scene.verify(deadline: deadline).error == .unavailable)
        #expect(scene.provider.verifyCount == 1)
    }

    @Test(
        "no other error is retried",
        arguments: [
            VerificationError.Code.providerMisconfigured, .deadlineExceeded, .providerBusy, .internal, .invalidRequest,
        ])
    func otherFailures(code: VerificationError.Code) async throws {
        let scene = GovernedScene()
        scene.provider.script { .failure(VerificationError(code, "no")) }
        #expect(await scene.verify().error?.code == code)
        #expect(scene.provider.verifyCount == 1)
    }

    @Test("an error with a time to retry after is not retried before that time")
    func namedTime() async throws {
        let scene = GovernedScene()
        scene.provider.script { .failure(VerificationError(.providerUnavailable, "later", retryAfter: .seconds(30))) }
        #expect(await scene.verify().error?.retryAfter == .seconds(30))
        #expect(scene.provider.verifyCount == 1)
    }

    @Test("an exchange is never retried")
    func exchangeOnce() async throws {
        let scene = GovernedScene()
        scene.provider.respondsToExchanges(.failure(.unavailable))
        await #expect(throws: VerificationError.unavailable) { try await scene.exchange() }
        #expect(scene.provider.exchangeCount == 1)
    }
}
