import DoormanBench
import DoormanCore
import DoormanSupport
import Testing

@Suite("The schedule of calls")
struct CallScheduleTests {
    private static let start = Instant(nanoseconds: 5_000_000_000)

    private func schedule(_ rate: Int?, index: Int = 0, of count: Int = 1) -> CallSchedule {
        CallSchedule(
            rate: rate.map(CallRate.init(callsPerSecond:)), part: .init(index: index, of: count),
            window: BenchWindow(start: Self.start, warmUp: .zero, duration: .seconds(10)))
    }

    /// Takes the calls that are due at a time. Returns their due times since the start.
    private func taken(_ schedule: inout CallSchedule, after elapsed: Duration) -> [Duration] {
        let now = Self.start.advanced(by: elapsed)
        var taken: [Duration] = []
        while taken.count < 100_000, let due = schedule.take(at: now) { taken.append(Self.start.duration(to: due)) }
        return taken
    }

    @Test("keeps every call of an open loop until it is taken")
    func openLoop() {
        var schedule = schedule(1000)
        #expect(taken(&schedule, after: .zero) == [.zero])
        #expect(taken(&schedule, after: .microseconds(999)).isEmpty)
        #expect(taken(&schedule, after: .milliseconds(3)) == [.milliseconds(1), .milliseconds(2), .milliseconds(3)])
        #expect(taken(&schedule, after: .seconds(3)).count == 2997)
    }

    @Test("accumulates no rounding errors", arguments: [1, 3, 7, 9999])
    func rounding(rate: Int) {
        var schedule = schedule(rate)
        var count = 0
        for second in 0..<10 {
            let due = taken(&schedule, after: .seconds(second))
            count += due.count
            // One call is due exactly at the start of each second, at any rate.
            #expect(due.last == .seconds(second))
        }
        #expect(count == 9 * rate + 1)
    }

    @Test("divides all calls among the loops")
    func parts() {
        var all = schedule(999)
        var parts: [Duration] = []
        for index in 0..<3 {
            var part = schedule(999, index: index, of: 3)
            parts += taken(&part, after: .seconds(2))
        }
        #expect(parts.sorted() == taken(&all, after: .seconds(2)))
    }

    @Test("has no calls from its end on")
    func end() {
        var schedule = schedule(1)
        #expect(taken(&schedule, after: .seconds(60)).last == .seconds(9))
        #expect(schedule.next(at: Self.start) == nil)
        var cut = self.schedule(1)
        cut.cut(at: Self.start.advanced(by: .seconds(5)))
        #expect(taken(&cut, after: .seconds(60)).last == .seconds(4))
    }

    @Test("has a call due at any time in a closed loop")
    func closedLoop() {
        var schedule = schedule(nil)
        let now = Self.start.advanced(by: .milliseconds(1234))
        #expect(schedule.take(at: now) == now)
        #expect(schedule.take(at: now) == now)
        #expect(schedule.take(at: Self.start.advanced(by: .seconds(10))) == nil)
    }
}
