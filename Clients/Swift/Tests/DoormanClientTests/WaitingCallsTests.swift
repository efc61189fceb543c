import Testing

@testable import DoormanClient

@Suite("calls that wait")
struct WaitingCallsTests {
    @Test("first come is first served, and those that left are skipped")
    func order() {
        var waiting = WaitingCalls()
        for number in 1...5 as ClosedRange<UInt64> { waiting.append(CallID(number)) }
        let removed = [1, 3, 3].map { waiting.remove(CallID($0)) }
        #expect(removed == [true, true, false])
        #expect(waiting.count == 3)
        #expect(waiting.popFirst() == CallID(2))
        waiting.putBack([CallID(8), CallID(9)])
        let rest = (0..<5).map { _ in waiting.popFirst() }
        #expect(rest == [CallID(8), CallID(9), CallID(4), CallID(5), nil])
        #expect(waiting.isEmpty)
    }

    @Test("calls that come and go without a connection leave nothing behind")
    func compaction() {
        var waiting = WaitingCalls()
        waiting.append(CallID(0))
        for number in 1...10_000 as ClosedRange<UInt64> {
            waiting.append(CallID(number))
            _ = waiting.remove(CallID(number))
        }
        #expect(waiting.storedCount <= 70)
        #expect(waiting.popFirst() == CallID(0))
        #expect(waiting.popFirst() == nil)
    }
}
