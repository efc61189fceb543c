import DoormanSupport
import Testing

@Suite("Times to retry")
struct RetryQueueTests {
    private let interval = Duration.milliseconds(10)

    private func moment(_ milliseconds: Int) -> Instant {
        Instant(nanoseconds: 1_000_000_000_000 + UInt64(milliseconds) * 1_000_000)
    }

    @Test("each call is told one permit later than the call before it")
    func order() {
        var queue = RetryQueue()
        let waits = (0..<5).map { _ in queue.wait(until: moment(7), interval: interval, roll: 0, at: moment(0)) }
        #expect(waits == [7, 17, 27, 37, 47].map { .milliseconds($0) })
        #expect(queue.wait(until: moment(37), interval: interval, roll: 0, at: moment(30)) == .milliseconds(27))
    }

    @Test("times that have passed drop out of the queue")
    func passed() {
        var queue = RetryQueue()
        for _ in 0..<5 { _ = queue.wait(until: moment(7), interval: interval, roll: 0, at: moment(0)) }
        #expect(queue.wait(until: moment(108), interval: interval, roll: 0, at: moment(100)) == .milliseconds(8))
        #expect(queue.wait(until: moment(108), interval: interval, roll: 0, at: moment(100)) == .milliseconds(18))
    }

    @Test("random bits delay a call by less than the time between two permits", arguments: [(0, 7_000), (1, 12_000), (2, 16_999)])
    func jitter(roll: Int, microseconds: Int) {
        var queue = RetryQueue()
        let roll = [0, UInt64.max / 2 + 1, .max][roll]
        let wait = queue.wait(until: moment(7), interval: interval, roll: roll, at: moment(0))
        #expect(wait.components.attoseconds / 1_000_000_000_000 == microseconds)
        #expect(queue.wait(until: moment(7), interval: interval, roll: 0, at: moment(0)) == .milliseconds(17))
    }

    @Test("calls beyond the longest queue are told times within it")
    func bounded() {
        var queue = RetryQueue()
        var random = SplitMix64(seed: 1)
        var waits: [Duration] = []
        for _ in 0..<10_000 {
            waits.append(queue.wait(until: moment(10), interval: interval, roll: random.next(), at: moment(0)))
        }
        let length = interval * RetryQueue.longestQueue
        #expect(waits.allSatisfy { $0 >= interval && $0 < interval + length })
        // They are spread over the whole queue.
        let late = waits[RetryQueue.longestQueue...]
        #expect((4_000...5_000).contains(late.filter { $0 < interval + length / 2 }.count))
    }
}
