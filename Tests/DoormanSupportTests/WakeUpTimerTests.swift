import DoormanCore
import DoormanSupport
import NIOConcurrencyHelpers
import TestKit
import Testing

/// Counts the tasks that sleep in a time source.
private final class SleeperCount: Sendable {
    let clock = SteppedClock()
    private let counts = NIOLockedValueBox((now: 0, most: 0))

    var now: Int { counts.withLockedValue { $0.now } }
    var most: Int { counts.withLockedValue { $0.most } }

    var timeSource: TimeSource {
        let inner = clock.timeSource
        return TimeSource(
            now: inner.now, wallTime: inner.wallTime,
            sleep: { moment in
                self.counts.withLockedValue { counts in
                    counts.now += 1
                    counts.most = max(counts.most, counts.now)
                }
                await inner.sleep(moment)
                self.counts.withLockedValue { $0.now -= 1 }
            }, spawn: inner.spawn)
    }
}

private final class Owner: Sendable {
    let calls = NIOLockedValueBox(0)
    var callCount: Int { calls.withLockedValue { $0 } }
}

@Suite("Wake-up timer")
struct WakeUpTimerTests {
    private let sleepers = SleeperCount()
    private let owner = Owner()

    private func timer() -> WakeUpTimer<Owner> {
        WakeUpTimer(timeSource: sleepers.timeSource) { owner in owner.calls.withLockedValue { $0 += 1 } }
    }

    private func moment(_ seconds: Int) -> Instant { SteppedClock().now.advanced(by: .seconds(seconds)) }

    @Test("a thousand decreasing moments leave one sleeping task, which calls the owner once")
    func decreasing() async throws {
        let timer = timer()
        for seconds in (1...1_000).reversed() { timer.set(to: moment(seconds), for: owner) }
        try await eventually("one task sleeps") { sleepers.now == 1 }
        sleepers.clock.advance(by: .seconds(1))
        try await eventually("the owner is called") { owner.callCount == 1 }
        try await eventually("no task sleeps") { sleepers.now == 0 }
        sleepers.clock.advance(by: .seconds(2_000))
        #expect(owner.callCount == 1)
    }

    @Test("a later moment does not postpone the call")
    func later() async throws {
        let timer = timer()
        timer.set(to: moment(1), for: owner)
        timer.set(to: moment(2), for: owner)
        timer.set(to: moment(1), for: owner)
        sleepers.clock.advance(by: .seconds(1))
        try await eventually("the owner is called") { owner.callCount == 1 }
        timer.set(to: moment(2), for: owner)
        sleepers.clock.advance(by: .seconds(1))
        try await eventually("the owner is called again") { owner.callCount == 2 }
    }

    @Test("a released timer ends its task")
    func released() async throws {
        var timer: WakeUpTimer<Owner>? = timer()
        timer?.set(to: moment(1_000), for: owner)
        try await eventually("a task sleeps") { sleepers.now == 1 }
        timer = nil
        try await eventually("no task sleeps", within: .seconds(20)) { sleepers.now == 0 }
    }

    @Test("joining calls with decreasing deadlines leave one sleeping task")
    func joiningCalls() async throws {
        let lookups = SingleFlight<String, Int>(
            maximumInFlightLookups: 10, maximumWaitersPerLookup: 10_000, timeSource: sleepers.timeSource)
        let end = NIOLockedValueBox<CheckedContinuation<Void, Never>?>(nil)
        let calls = (1...1_000).reversed().map { seconds in
            Task {
                try await lookups.value(for: "key", deadline: Deadline(moment(seconds))) { () async throws(VerificationError) in
                    await withCheckedContinuation { continuation in end.withLockedValue { $0 = continuation } }
                    return 1
                }
            }
        }
        try await eventually("all calls wait") { lookups.waiterCount == 1_000 && end.withLockedValue { $0 != nil } }
        try await eventually("one task sleeps") { sleepers.now == 1 }
        end.withLockedValue { $0 }?.resume()
        for call in calls { #expect(try await call.value == 1) }
    }
}

@Suite("Wake-up timer and queue of deadlines, with threads")
struct TimedQueueTests {
    /// An owner as the governor and the lookups are: it takes a moment under its lock, and sets the timer after that.
    private final class Waiters: Sendable {
        private let queue = NIOLockedValueBox(DeadlineQueue())
        private let timer = WakeUpTimer<Waiters>(timeSource: .system) { $0.timePassed() }
        let passed = NIOLockedValueBox(0)

        func add(_ ticket: UInt64, until moment: Instant) {
            let next = queue.withLockedValue { queue in
                queue.insert(ticket, deadline: Deadline(moment))
                return queue.nextWakeUp()
            }
            if let next { timer.set(to: next, for: self) }
        }

        private func timePassed() {
            let (count, next) = queue.withLockedValue { queue in
                (queue.passed(at: TimeSource.system.now()).count, queue.nextWakeUp())
            }
            passed.withLockedValue { $0 += count }
            if let next { timer.set(to: next, for: self) }
        }
    }

    @Test("every deadline of many threads passes")
    func threads() async throws {
        let waiters = Waiters()
        await withTaskGroup(of: Void.self) { tasks in
            for task in 0..<8 {
                tasks.addTask {
                    var random = SplitMix64(seed: UInt64(task))
                    for number in 0..<5_000 {
                        let wait = Duration.microseconds(Int64(random.next() % 3_000))
                        waiters.add(UInt64(task * 10_000 + number), until: TimeSource.system.now().advanced(by: wait))
                    }
                }
            }
        }
        try await eventually("all deadlines pass") { waiters.passed.withLockedValue { $0 } == 40_000 }
    }
}
