import DoormanCore
import DoormanSupport
import TestKit
import Testing

@testable import DoormanGovernor

@Suite("The rate of calls to the provider")
struct CallRateTests {
    @Test("calls over the rate wait their turn, and each goes when its share is there")
    func waits() async throws {
        let scene = GovernedScene(usesRealTime: true) {
            $0.callsPerSecond = 50
            $0.callsBurst = 1
        }
        scene.provider.script { .success(.refused) }
        let began = TimeSource.system.now()
        let calls = (0..<11).map { scene.start("\($0)", deadline: Deadline(began.advanced(by: .seconds(60)))) }
        for call in calls { #expect(await call.value == .success(.refused)) }
        #expect(began.duration(to: TimeSource.system.now()) >= .milliseconds(200))
    }

    @Test("a call whose share comes after its deadline is told at once that the provider is busy, and when to come back")
    func tooLate() async throws {
        let scene = GovernedScene {
            $0.callsPerSecond = 1
            $0.callsBurst = 1
        }
        scene.provider.script { .success(.refused) }
        #expect(await scene.verify() == .success(.refused))
        let error = await scene.verify(deadline: Deadline(scene.clock.now.advanced(by: .milliseconds(999)))).error
        #expect(error?.code == .providerBusy)
        #expect(error?.retryAfter == .seconds(1))
        scene.clock.advance(by: .seconds(1))
        #expect(await scene.verify() == .success(.refused))
    }
}
