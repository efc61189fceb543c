import DoormanCore
import DoormanGovernor
import DoormanSupport
import NIOConcurrencyHelpers
import TestKit
import Testing

@Suite("Second tries")
struct RetryTests {
    @Test("a question that the provider was unavailable for is put once more")
    func retriesOnce() async throws {
        let scene = GovernedScene()
        let tries = NIOLockedValueBox(0)
        scene.provider.script {
            tries.withLockedValue { tries in
                tries += 1
                return tries == 1 ? .failure(.unavailable) : .success(.refused)
            }
        }
        #expect(await scene.verify() == .success(.refused))
        #expect(scene.provider.verifyCount == 2)
    }

    @Test("and not a third time")
    func retriesNoMoreThanOnce() async throws {
        let scene = GovernedScene()
        scene.provider.script { .failure(.unavailable) }
        #expect(await scene.verify().error == .unavailable)
        #expect(scene.provider.verifyCount == 2)
    }

    @Test("second tries are ten in a hundred, and those saved up")
    func budget() async throws {
        let scene = GovernedScene { $0.circuitBreaker.consecutiveFailures = 0 }
        scene.provider.script { .failure(.unavailable) }
        for _ in 0..<1_000 { #expect(await scene.verify().error == .unavailable) }
        #expect((1_000 + 100...1_000 + 110).contains(scene.provider.verifyCount))
    }

    @Test("with a budget of nothing there is no second try")
    func noBudget() async throws {
        let scene = GovernedScene {
            $0.retryBurst = 0
            $0.circuitBreaker.consecutiveFailures = 0
        }
        scene.provider.script { .failure(.unavailable) }
        for _ in 0..<100 { _ = await scene.verify() }
        #expect(scene.provider.verifyCount == 100)
    }

    @Test("there is none either if too little time is left")
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
        "no other failure is tried again",
        arguments: [
            VerificationError.Code.providerMisconfigured, .deadlineExceeded, .providerBusy, .internal, .invalidRequest,
        ])
    func otherFailures(code: VerificationError.Code) async throws {
        let scene = GovernedScene()
        scene.provider.script { .failure(VerificationError(code, "no")) }
        #expect(await scene.verify().error?.code == code)
        #expect(scene.provider.verifyCount == 1)
    }

    @Test("a provider that names a time is not asked again before")
    func namedTime() async throws {
        let scene = GovernedScene()
        scene.provider.script { .failure(VerificationError(.providerUnavailable, "later", retryAfter: .seconds(30))) }
        #expect(await scene.verify().error?.retryAfter == .seconds(30))
        #expect(scene.provider.verifyCount == 1)
    }

    @Test("an exchange is never tried again")
    func exchangeOnce() async throws {
        let scene = GovernedScene()
        scene.provider.answersExchanges(.failure(.unavailable))
        await #expect(throws: VerificationError.unavailable) { try await scene.exchange() }
        #expect(scene.provider.exchangeCount == 1)
    }
}
