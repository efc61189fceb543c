import DoormanCore
import Testing

@testable import DoormanClient

@Suite("deadlines")
struct DeadlinesTests {
    private func deadline(_ nanoseconds: UInt64) -> Deadline { Deadline(Instant(nanoseconds: nanoseconds)) }

    @Test("the earliest live one comes first, whatever the order of coming")
    func order() {
        var deadlines = Deadlines()
        var generator = SystemRandomNumberGenerator()
        let times = (1...500 as ClosedRange<UInt64>).shuffled(using: &generator)
        for time in times { deadlines.insert(CallID(time), deadline(time)) }
        #expect(deadlines.next { $0.number > 3 } == deadline(4))
        let passed = deadlines.popPassed(at: Instant(nanoseconds: 250)) { $0.number % 2 == 0 }
        #expect(passed == (4...250 as ClosedRange<UInt64>).filter { $0 % 2 == 0 }.map(CallID.init))
        #expect(deadlines.next { _ in true } == deadline(251))
        #expect(deadlines.next { _ in false } == nil)
        #expect(deadlines.count == 0)
    }

    @Test("ended calls don't pile up behind one that lives long")
    func compaction() {
        var deadlines = Deadlines()
        for number in 0...10_000 as ClosedRange<UInt64> {
            deadlines.insert(CallID(number), deadline(number))
            deadlines.compact(liveCount: 1) { $0.number == 0 }
        }
        #expect(deadlines.count <= 1030)
        #expect(deadlines.popPassed(at: .distantFuture) { $0.number == 0 } == [CallID(0)])
    }
}
