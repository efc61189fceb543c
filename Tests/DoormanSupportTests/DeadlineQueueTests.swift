import DoormanSupport
import Testing

@Suite("The deadline queue")
struct DeadlineQueueTests {
    private func moment(_ seconds: UInt64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

    @Test("returns tickets in the order of their deadlines")
    func order() {
        var queue = DeadlineQueue()
        var moments = (1...1_000).map { UInt64($0) }
        moments.shuffle()
        for (ticket, seconds) in moments.enumerated() { queue.insert(UInt64(ticket), deadline: Deadline(moment(seconds))) }
        var seen: [UInt64] = []
        for seconds in stride(from: UInt64(0), through: 1_000, by: 50) {
            let tickets = queue.passed(at: moment(seconds))
            seen += tickets.map { moments[Int($0)] }
            #expect(seen.count == Int(seconds))
        }
        #expect(seen == (1...1_000).map { UInt64($0) })
    }

    @Test("the timer is set only to an earlier deadline, and again after it has passed")
    func wakeUps() {
        var queue = DeadlineQueue()
        queue.insert(1, deadline: Deadline(moment(10)))
        #expect(queue.nextWakeUp() == moment(10))
        queue.insert(2, deadline: Deadline(moment(20)))
        #expect(queue.nextWakeUp() == nil)
        queue.insert(3, deadline: Deadline(moment(5)))
        #expect(queue.nextWakeUp() == moment(5))
        #expect(queue.passed(at: moment(5)) == [3])
        #expect(queue.nextWakeUp(or: moment(7)) == moment(7), "the timer is not set any more")
        #expect(queue.nextWakeUp() == nil)
        #expect(queue.passed(at: moment(10)) == [1])
        #expect(queue.nextWakeUp() == moment(20))
    }

    @Test("the timer is set again after it fired, though a setting for another moment was on its way")
    func overtakenSetting() {
        var queue = DeadlineQueue()
        queue.insert(1, deadline: Deadline(moment(10)))
        #expect(queue.nextWakeUp() == moment(10))
        // A thread gets this moment, and sets the timer only after it has fired for the moment before.
        queue.insert(2, deadline: Deadline(moment(5)))
        #expect(queue.nextWakeUp() == moment(5))
        queue.insert(3, deadline: Deadline(moment(30)))
        #expect(queue.passed(at: moment(10)) == [2, 1])
        #expect(queue.nextWakeUp() == moment(30))
        #expect(queue.passed(at: moment(10)) == [], "the late setting fires at once")
        #expect(queue.nextWakeUp() == moment(30))
    }

    @Test("a removed ticket is not returned")
    func removal() {
        var queue = DeadlineQueue()
        for ticket in 0..<UInt64(10) { queue.insert(ticket, deadline: Deadline(moment(100 + ticket))) }
        for ticket in 10..<UInt64(100_000) {
            queue.insert(ticket, deadline: Deadline(moment(50)))
            queue.remove(ticket)
            queue.remove(ticket)
            #expect(queue.count == 10)
        }
        #expect(queue.passed(at: moment(200)) == Array(0..<10))
        queue.remove(0)
        #expect(queue.count == 0)
    }

    @Test("a removed ticket needs no wake-up")
    func wakeUpAfterRemoval() {
        var queue = DeadlineQueue()
        queue.insert(1, deadline: Deadline(moment(10)))
        queue.insert(2, deadline: Deadline(moment(20)))
        queue.remove(1)
        #expect(queue.nextWakeUp() == moment(20))
    }
}
