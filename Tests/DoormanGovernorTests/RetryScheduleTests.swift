import DoormanCore
import DoormanSupport
import TestKit
import Testing

@testable import DoormanGovernor

@Suite("Times told to refused calls")
struct RetryScheduleTests {
    private func scene(_ change: (inout GovernorSettings) -> Void = { _ in }) -> GovernedScene {
        GovernedScene {
            $0.callsPerSecond = 100
            change(&$0)
        }
    }

    /// Starts calls that are refused, one after another.
    private func retryTimes(_ count: Int, in scene: GovernedScene, deadline: Duration = .milliseconds(5)) async -> [Duration?] {
        var times: [Duration?] = []
        for number in 0..<count {
            let deadline = Deadline(scene.clock.now.advanced(by: deadline))
            times.append(await scene.verify("refused \(number)", deadline: deadline).error?.retryAfter)
        }
        return times
    }

    @Test("calls over the rate are told times that are one permit apart")
    func rate() async throws {
        let scene = scene { $0.callsBurst = 1 }
        scene.provider.script { .success(.rejectedToken) }
        _ = await scene.verify()
        #expect(await retryTimes(3, in: scene) == [.milliseconds(10), .milliseconds(20), .milliseconds(30)])
        // The first time has passed, and a call that was told it may take the permit.
        scene.clock.advance(by: .milliseconds(10))
        #expect(await retryTimes(1, in: scene) == [nil])
        #expect(await retryTimes(1, in: scene) == [.milliseconds(30)])
    }

    @Test("times that have passed are forgotten")
    func forgotten() async throws {
        let scene = scene { $0.callsBurst = 1 }
        scene.provider.script { .success(.rejectedToken) }
        _ = await scene.verify()
        _ = await retryTimes(100, in: scene)
        scene.clock.advance(by: .seconds(2))
        #expect(await retryTimes(3, in: scene) == [nil, .milliseconds(10), .milliseconds(20)])
    }

    @Test("a call that the maximum of waiting calls refuses is told a time after all calls ahead of it")
    func fullQueue() async throws {
        let scene = scene {
            $0.callsBurst = 1
            $0.maximumWaiting = 20
        }
        scene.provider.script { .success(.rejectedToken) }
        _ = await scene.verify()
        let waiting = (0..<20).map { scene.start("waiting \($0)") }
        try await eventually("20 calls wait") { scene.governor.statistics.waiting == 20 }
        #expect(
            await retryTimes(2, in: scene, deadline: .seconds(60)) == [.milliseconds(210), .milliseconds(220)])
        for call in waiting { call.cancel() }
        for call in waiting { _ = await call.value }
    }

    @Test("calls during a back-off are told times after its end that are one permit apart")
    func backOff() async throws {
        let scene = scene()
        scene.provider.script { .failure(VerificationError(.providerBusy, "limit reached", retryAfter: .seconds(5))) }
        #expect(await scene.verify().error?.retryAfter == .seconds(5))
        #expect(await retryTimes(2, in: scene) == [.milliseconds(5_010), .milliseconds(5_020)])
    }

    @Test("refreshes take no place among the calls that come back")
    func refreshes() async throws {
        let scene = scene {
            $0.circuitBreaker.consecutiveFailures = 1
            $0.retryBurst = 0
        }
        scene.provider.script { .failure(.unavailable) }
        _ = await scene.verify()
        for number in 0..<50 { _ = await scene.start("refreshed \(number)", for: .refresh).value }
        #expect(await retryTimes(2, in: scene) == [.seconds(1), .milliseconds(1_010)])
    }

    @Test("calls during a pause for the usage limit are told times after its end that are one permit apart")
    func usage() async throws {
        let scene = scene()
        scene.governor.noteUsage(percent: 100)
        #expect(await retryTimes(2, in: scene) == [.seconds(1), .milliseconds(1_010)])
    }

    @Test("calls while the circuit breaker is open are told times after its end that are one permit apart")
    func circuitBreaker() async throws {
        let scene = scene {
            $0.circuitBreaker.consecutiveFailures = 1
            $0.retryBurst = 0
        }
        scene.provider.script { .failure(.unavailable) }
        _ = await scene.verify()
        #expect(await retryTimes(3, in: scene) == [.seconds(1), .milliseconds(1_010), .milliseconds(1_020)])
    }

    @Test("waiting calls that fail together are told times that are one permit apart")
    func failedWaiters() async throws {
        let scene = scene { $0.concurrentCalls = 1 }
        let first = scene.start()
        try await eventually("the slot is taken") { scene.provider.verifyCount == 1 }
        var waiting: [GovernedScene.Call] = []
        for number in 0..<5 {
            waiting.append(scene.start("\(number)"))
            try await eventually("the call waits") { scene.governor.statistics.waiting == number + 1 }
        }
        try await scene.provider.respondNext(.failure(VerificationError(.providerBusy, "limit reached", retryAfter: .seconds(2))))
        for (number, call) in waiting.enumerated() {
            #expect(await call.value.error?.retryAfter == .seconds(2) + .milliseconds(10 * number))
        }
        #expect(await first.value.error?.retryAfter == .milliseconds(2_050))
    }

    @Test("a call whose slot becomes free after its deadline is refused at once")
    func slowProvider() async throws {
        let scene = scene { $0.concurrentCalls = 1 }
        // The governor measures a latency of almost 400 ms.
        scene.provider.script { [clock = scene.clock] in
            clock.advance(by: .milliseconds(400))
            return .success(.rejectedToken)
        }
        for _ in 0..<100 { _ = await scene.verify() }
        scene.provider.respondsByHand()
        let first = scene.start()
        try await eventually("the slot is taken") { scene.provider.verifyCount == 101 }
        let soon = Deadline(scene.clock.now.advanced(by: .seconds(1)))
        // With no call ahead, the estimate refuses nothing: otherwise it would never be corrected.
        let impatient = Deadline(scene.clock.now.advanced(by: .milliseconds(100)))
        let second = scene.start("second", deadline: impatient)
        try await eventually("one call waits") { scene.governor.statistics.waiting == 1 }
        let refused = await scene.verify("third", deadline: soon).error
        #expect(refused?.code == .providerBusy)
        let retryAfter = try #require(refused?.retryAfter)
        #expect((.milliseconds(799)...Duration.milliseconds(801)).contains(retryAfter))
        #expect(scene.governor.statistics.waiting == 1)
        let patient = scene.start("fourth", deadline: Deadline(scene.clock.now.advanced(by: .seconds(2))))
        try await eventually("two calls wait") { scene.governor.statistics.waiting == 2 }
        try await scene.provider.respondNext(.success(.rejectedToken))
        try await scene.provider.respondNext(.success(.rejectedToken))
        try await scene.provider.respondNext(.success(.rejectedToken))
        for call in [first, second, patient] { #expect(await call.value == .success(.rejectedToken)) }
    }

    @Test("the jitter adds up to a tenth of the time")
    func jitter() throws {
        var settings = GovernorSettings()
        settings.throttleBackOff = .seconds(10)
        var machine = GovernorStateMachine(settings: settings, seed: 1)
        let now = Instant(nanoseconds: 1_000_000_000_000)
        _ = machine.noteUsage(percent: 100, now: now)
        var times: Set<Duration> = []
        for number in 0..<1_000 {
            let time = try machine.refuse(UInt64(number), now: now)
            let turn = Duration.seconds(10) + .milliseconds(number)
            #expect(time >= turn && time < turn * 1.1)
            times.insert(time)
        }
        #expect(times.count == 1_000)
    }

    @Test("calls are spread over a minute at most")
    func bound() throws {
        var schedule = RetrySchedule()
        var random = SplitMix64(seed: 1)
        let now = Instant(nanoseconds: 1_000_000_000_000)
        var times: [Duration] = []
        for _ in 0..<100_000 {
            times.append(
                now.duration(to: schedule.add(earliest: now, turn: now, interval: .milliseconds(10), using: &random)))
        }
        #expect(times.max()! <= .seconds(60))
        #expect((0..<6_000).allSatisfy { times[$0] == .milliseconds(10 * $0) })
        #expect(times[7_000...].allSatisfy { $0 >= .seconds(30) })
        #expect(Set(times[7_000...]).count > 90_000)
        let outstanding = schedule.outstanding(at: now)
        #expect(outstanding <= 6_001)
        let later = schedule.outstanding(at: now.advanced(by: .seconds(61)))
        #expect(later == 0)
    }
}

extension GovernorStateMachine {
    /// Returns the time that a call is told which must be refused at once.
    fileprivate mutating func refuse(_ ticket: UInt64, now: Instant) throws -> Duration {
        let deadline = Deadline(now.advanced(by: .seconds(1)))
        guard case .immediate(.failure(let error)) = requestPermit(ticket, .demand, deadline: deadline, now: now) else {
            throw VerificationError(.internal, "the call was not refused")
        }
        return try #require(error.retryAfter)
    }
}
