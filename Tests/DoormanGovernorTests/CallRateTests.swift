import DoormanCore
import DoormanSupport
import TestKit
import Testing

@testable import DoormanGovernor

@Suite("Rate limit")
struct CallRateTests {
    @Test("a call over the rate waits for the next permit")
    func waits() async throws {
        let scene = GovernedScene(usesRealTime: true) {
            $0.callsPerSecond = 50
            $0.callsBurst = 1
        }
        scene.provider.script { .success(.rejectedToken) }
        let began = TimeSource.system.now()
        let calls = (0..<11).map { scene.start("\($0)", deadline: Deadline(began.advanced(by: .seconds(60)))) }
        for call in calls { #expect(await call.value == .success(.rejectedToken)) }
        #expect(began.duration(to: TimeSource.system.now()) >= .milliseconds(200))
    }

    @Test("requests that the transport repeated by itself are charged to the rate limit")
    func repeats() async throws {
        let scene = GovernedScene {
            $0.callsPerSecond = 1
            $0.callsBurst = 2
        }
        scene.provider.script { .success(.rejectedToken) }
        #expect(await scene.verify() == .success(.rejectedToken))
        scene.governor.noteRepeats(2)
        let error = await scene.verify(deadline: Deadline(scene.clock.now.advanced(by: .milliseconds(999)))).error
        #expect(error?.retryAfter == .seconds(2))
        scene.clock.advance(by: .seconds(2))
        #expect(await scene.verify() == .success(.rejectedToken))
    }

    @Test("a call whose permit comes after its deadline gets the time of the next permit at once")
    func tooLate() async throws {
        let scene = GovernedScene {
            $0.callsPerSecond = 1
            $0.callsBurst = 1
        }
        scene.provider.script { .success(.rejectedToken) }
        #expect(await scene.verify() == .success(.rejectedToken))
        let error = await scene.verify(deadline: Deadline(scene.clock.now.advanced(by: .milliseconds(999)))).error
        #expect(error?.code == .providerBusy)
        #expect(error?.retryAfter == .seconds(1))
        scene.clock.advance(by: .seconds(1))
        #expect(await scene.verify() == .success(.rejectedToken))
    }
}
