import DoormanSupport
import Testing

@Suite("Times to retry")
struct RetryScheduleTests {
    private let interval = Duration.milliseconds(10)

    private func moment(_ milliseconds: Int) -> Instant {
        Instant(nanoseconds: 1_000_000_000_000 + UInt64(milliseconds) * 1_000_000)
    }

    @Test("each call is told one permit later than the call before it")
    func queue() {
        var schedule = RetrySchedule()
        let waits = (0..<5).map { _ in schedule.wait(until: moment(7), interval: interval, roll: 0, at: moment(0)) }
        #expect(waits == [7, 17, 27, 37, 47].map { .milliseconds($0) })
        #expect(schedule.wait(until: moment(37), interval: interval, roll: 0, at: moment(30)) == .milliseconds(27))
    }

    @Test("times that have passed drop out of the queue")
    func passed() {
        var schedule = RetrySchedule()
        for _ in 0..<5 { _ = schedule.wait(until: moment(7), interval: interval, roll: 0, at: moment(0)) }
        #expect(schedule.wait(until: moment(108), interval: interval, roll: 0, at: moment(100)) == .milliseconds(8))
        #expect(schedule.wait(until: moment(108), interval: interval, roll: 0, at: moment(100)) == .milliseconds(18))
    }

    @Test("random bits delay a call by less than the time between two permits", arguments: [(0, 7_000), (1, 12_000), (2, 16_999)])
    func jitter(roll: Int, microseconds: Int) {
        var schedule = RetrySchedule()
        let roll = [0, UInt64.max / 2 + 1, .max][roll]
        let wait = schedule.wait(until: moment(7), interval: interval, roll: roll, at: moment(0))
        #expect(wait.components.attoseconds / 1_000_000_000_000 == microseconds)
        #expect(schedule.wait(until: moment(7), interval: interval, roll: 0, at: moment(0)) == .milliseconds(17))
    }

    @Test("calls beyond the longest queue are told times within it")
    func bounded() {
        var schedule = RetrySchedule()
        var random = SplitMix64(seed: 1)
        var waits: [Duration] = []
        for _ in 0..<10_000 {
            waits.append(schedule.wait(until: moment(10), interval: interval, roll: random.next(), at: moment(0)))
        }
        let length = interval * RetrySchedule.longestQueue
        #expect(waits.allSatisfy { $0 >= interval && $0 < interval + length })
        // They are spread over the whole queue.
        let late = waits[RetrySchedule.longestQueue...]
        #expect((4_000...5_000).contains(late.filter { $0 < interval + length / 2 }.count))
    }
}
