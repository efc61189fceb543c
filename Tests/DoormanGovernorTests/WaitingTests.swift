import DoormanCore
import DoormanSupport
import TestKit
import Testing

@testable import DoormanGovernor

@Suite("Concurrency limit")
struct WaitingTests {
    /// Expects a governor without calls whose provider works.
    private func expectIdle(_ statistics: GovernorStatistics, freeSlots: Int) {
        #expect(statistics.freeSlots == freeSlots)
        #expect(statistics.waiting == 0)
        #expect(statistics.backOff == nil)
        #expect(statistics.circuitBreaker == .closed(failures: 0))
        #expect(statistics.openings == 0)
    }

    @Test("calls over the concurrency limit begin in order of arrival")
    func firstComeFirstServed() async throws {
        let scene = GovernedScene { $0.concurrentCalls = 2 }
        var calls = [scene.start("0"), scene.start("1")]
        try await eventually("both slots are taken") { scene.provider.verifyCount == 2 }
        for number in 2..<20 {
            calls.append(scene.start("\(number)"))
            try await eventually("the call waits") { scene.governor.statistics.waiting == number - 1 }
        }
        #expect(scene.provider.verifyCount == 2)
        for number in 0..<20 {
            try await scene.provider.respondNext(.success(.rejectedToken))
            try await eventually("the next call begins") { scene.provider.verifyCount == min(20, number + 3) }
        }
        for call in calls { #expect(await call.value == .success(.rejectedToken)) }
        #expect(scene.provider.tokens.dropFirst(2) == (2..<20).map { Token("\($0)") }[...])
        expectIdle(scene.governor.statistics, freeSlots: 2)
    }

    @Test("a call over the maximum of waiting calls gets a busy error")
    func boundedQueue() async throws {
        let scene = GovernedScene {
            $0.concurrentCalls = 1
            $0.maximumWaiting = 1
        }
        let first = scene.start()
        try await eventually("the slot is taken") { scene.provider.verifyCount == 1 }
        let second = scene.start()
        try await eventually("one call waits") { scene.governor.statistics.waiting == 1 }
        #expect(await scene.verify().error?.code == .providerBusy)
        try await scene.provider.respondNext(.success(.rejectedToken))
        try await eventually("the waiting call begins") { scene.provider.verifyCount == 2 }
        try await scene.provider.respondNext(.success(.rejectedToken))
        #expect(await first.value == .success(.rejectedToken))
        #expect(await second.value == .success(.rejectedToken))
    }

    @Test("a call that is cancelled leaves the queue at once")
    func cancelledWaiter() async throws {
        let scene = GovernedScene {
            $0.concurrentCalls = 1
            $0.maximumWaiting = 1
        }
        let first = scene.start()
        try await eventually("the slot is taken") { scene.provider.verifyCount == 1 }
        let second = scene.start()
        try await eventually("one call waits") { scene.governor.statistics.waiting == 1 }
        second.cancel()
        #expect(await second.value.error?.code == .deadlineExceeded)
        #expect(scene.governor.statistics.waiting == 0)
        let third = scene.start("third")
        try await eventually("another call waits") { scene.governor.statistics.waiting == 1 }
        try await scene.provider.respondNext(.success(.rejectedToken))
        try await eventually("the third call begins") { scene.provider.tokens.last == Token("third") }
        try await scene.provider.respondNext(.success(.rejectedToken))
        #expect(await first.value == .success(.rejectedToken))
        #expect(await third.value == .success(.rejectedToken))
    }

    @Test("a free slot skips a call past its deadline")
    func skipsExpired() async throws {
        let scene = GovernedScene { $0.concurrentCalls = 1 }
        let first = scene.start()
        try await eventually("the slot is taken") { scene.provider.verifyCount == 1 }
        let impatient = scene.start("impatient", deadline: Deadline(scene.clock.now.advanced(by: .seconds(600))))
        try await eventually("one call waits") { scene.governor.statistics.waiting == 1 }
        let patient = scene.start("patient")
        try await eventually("two calls wait") { scene.governor.statistics.waiting == 2 }
        scene.clock.advance(by: .seconds(700))
        try await scene.provider.respondNext(.success(.rejectedToken))
        #expect(await impatient.value.error?.code == .providerBusy)
        try await eventually("the patient call begins") { scene.provider.tokens.last == Token("patient") }
        try await scene.provider.respondNext(.success(.rejectedToken))
        #expect(await patient.value == .success(.rejectedToken))
        #expect(await first.value == .success(.rejectedToken))
        #expect(scene.provider.verifyCount == 2)
    }

    @Test("a call past its deadline leaves the queue even if no slot is free")
    func waiterDeadline() async throws {
        let scene = GovernedScene(usesRealTime: true) { $0.concurrentCalls = 1 }
        let far = Deadline(.distantFuture)
        let first = scene.start(deadline: far)
        try await eventually("the slot is taken") { scene.provider.verifyCount == 1 }
        let soon = Deadline(TimeSource.system.now().advanced(by: .milliseconds(20)))
        #expect(await scene.verify(deadline: soon).error?.code == .providerBusy)
        #expect(scene.governor.statistics.waiting == 0)
        try await scene.provider.respondNext(.success(.rejectedToken))
        #expect(await first.value == .success(.rejectedToken))
    }

    @Test("a call with less time left than the provider takes is not sent")
    func tooLateToBegin() async throws {
        let scene = GovernedScene { $0.concurrentCalls = 1 }
        // The governor measures a latency of 400 ms.
        scene.provider.script { [clock = scene.clock] in
            clock.advance(by: .milliseconds(400))
            return .success(.rejectedToken)
        }
        for _ in 0..<50 { _ = await scene.verify() }
        scene.provider.respondsByHand()
        let first = scene.start()
        try await eventually("the slot is taken") { scene.provider.verifyCount == 51 }
        let late = scene.start("late", deadline: Deadline(scene.clock.now.advanced(by: .seconds(2))))
        try await eventually("one call waits") { scene.governor.statistics.waiting == 1 }
        scene.clock.advance(by: .milliseconds(1700))
        try await scene.provider.respondNext(.success(.rejectedToken))
        #expect(await late.value.error?.code == .providerBusy)
        #expect(await first.value == .success(.rejectedToken))
        #expect(scene.provider.verifyCount == 51)
    }

    @Test("no slot is lost when calls are cancelled while slots become free")
    func cancellationRacesRelease() async throws {
        let scene = GovernedScene { $0.concurrentCalls = 4 }
        scene.provider.script { .success(.rejectedToken) }
        for _ in 0..<50 {
            let calls = (0..<100).map { scene.start("\($0)") }
            for call in calls where Bool.random() { call.cancel() }
            for call in calls {
                let result = await call.value
                #expect(result == .success(.rejectedToken) || result.error?.code == .deadlineExceeded)
            }
            expectIdle(scene.governor.statistics, freeSlots: 4)
        }
    }
}

@Suite("Call purposes")
struct PurposeTests {
    @Test("a flood of unknown tokens does not delay refreshes")
    func inTurn() async throws {
        let scene = GovernedScene { $0.concurrentCalls = 1 }
        var calls = [scene.start("first")]
        try await eventually("the slot is taken") { scene.provider.verifyCount == 1 }
        for number in 0..<10 {
            calls.append(scene.start("unknown \(number)"))
            try await eventually("the call waits") { scene.governor.statistics.waiting == number + 1 }
        }
        for number in 0..<3 {
            calls.append(scene.start("known \(number)", for: .refresh))
            try await eventually("the call waits") { scene.governor.statistics.waiting == 11 + number }
        }
        for number in 0..<14 {
            try await scene.provider.respondNext(.success(.rejectedToken))
            try await eventually("the next call begins") { scene.provider.verifyCount == min(14, number + 2) }
        }
        for call in calls { _ = await call.value }
        let served = scene.provider.tokens.map { String(decoding: $0.bytes, as: UTF8.self) }
        #expect(
            served.prefix(8) == [
                "first", "unknown 0", "known 0", "unknown 1", "known 1", "unknown 2", "known 2", "unknown 3",
            ])
    }
}
