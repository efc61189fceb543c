import DoormanCore
import DoormanSupport
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

    @Test("a call that has ended is let go at once, its place serves another, and its deadline finds nobody")
    func ended() {
        var deadlines = Deadlines()
        var first: Call? = .sample("EMAW1", deadline: 1)
        weak let gone = first
        if let first {
            deadlines.insert(first)
            deadlines.remove(first)
            deadlines.remove(first)
        }
        first = nil
        #expect(gone == nil)
        let second = Call.sample("EMAW2", deadline: 2)
        deadlines.insert(second)
        #expect(deadlines.popPassed(at: Instant(nanoseconds: 1)).isEmpty)
        #expect(deadlines.popPassed(at: Instant(nanoseconds: 2)).map(\.token) == ["EMAW2"])
        deadlines.remove(second)
        deadlines.remove(.sample("never one of them"))
        #expect(deadlines.removeAll().isEmpty)
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
