import DoormanCore
import Testing

@testable import DoormanClient

@Suite("deadlines")
struct DeadlinesTests {
    @Test("the earliest comes first, whatever the order of coming")
    func order() {
        var deadlines = Deadlines()
        let times = Array(1...500 as ClosedRange<UInt64>)
        for time in times.shuffled() { deadlines.insert(.sample(deadline: time)) }
        #expect(deadlines.next == Deadline(Instant(nanoseconds: 1)))
        let passed = deadlines.popPassed(at: Instant(nanoseconds: 250))
        #expect(passed.map(\.deadline.instant.nanoseconds) == Array(1...250))
        #expect(deadlines.next == Deadline(Instant(nanoseconds: 251)))
        #expect(deadlines.removeAll().count == 250)
        #expect(deadlines.next == nil)
    }

    @Test("ended calls don't pile up behind one that lives long, and are given out to be forgotten")
    func compaction() {
        var deadlines = Deadlines()
        let long = Call.sample(deadline: 0)
        deadlines.insert(long)
        var forgotten = 0
        for time in 1...10_000 as ClosedRange<UInt64> {
            let call = Call.sample(deadline: time)
            call.depart()
            deadlines.insert(call)
            forgotten += deadlines.compact(liveCount: 1).count
        }
        #expect(deadlines.count <= 70)
        #expect(forgotten + deadlines.count == 10_001)
        #expect(deadlines.popPassed(at: Instant(nanoseconds: 0)).first === long)
    }
}
