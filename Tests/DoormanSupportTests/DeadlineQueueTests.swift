import DoormanSupport
import Testing

@Suite("Whose time is up next")
struct DeadlineQueueTests {
    private func moment(_ seconds: UInt64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

    @Test("tickets come out in the order of their deadlines, when these have passed")
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

    @Test("one sleeper does until somebody's time is up earlier, and none is sent twice for the same moment")
    func sleepers() {
        var queue = DeadlineQueue()
        queue.insert(1, deadline: Deadline(moment(10)))
        #expect(queue.nextWakeUp() == moment(10))
        queue.insert(2, deadline: Deadline(moment(20)))
        #expect(queue.nextWakeUp() == nil)
        queue.insert(3, deadline: Deadline(moment(5)))
        #expect(queue.nextWakeUp() == moment(5))
        #expect(queue.passed(at: moment(5)) == [3])
        #expect(queue.nextWakeUp() == nil, "somebody sleeps until ten already")
        #expect(queue.nextWakeUp(or: moment(7)) == moment(7))
        #expect(queue.passed(at: moment(10)) == [1])
        #expect(queue.nextWakeUp() == moment(20))
    }

    @Test("removed tickets leave nothing behind")
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

    @Test("a removed ticket needs no wake-up, and one that is left gets its own")
    func wakeUpAfterRemoval() {
        var queue = DeadlineQueue()
        queue.insert(1, deadline: Deadline(moment(10)))
        queue.insert(2, deadline: Deadline(moment(20)))
        queue.remove(1)
        #expect(queue.nextWakeUp() == moment(20))
    }
}
