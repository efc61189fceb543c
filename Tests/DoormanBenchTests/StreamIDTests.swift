import DoormanCore
import DoormanSupport
import DoormanWire
import Testing

@testable import DoormanBench

@Suite("Calls in flight")
struct StreamIDTests {
    private static let due = Instant(nanoseconds: 1)

    @Test("have odd ids that lead back to their slots", arguments: [1, 3, 16, 1024])
    func slots(count: Int) {
        var slots = CallSlots(count: count)
        for _ in 0..<3 {
            let ids = (0..<count).map { slots.begin($0, due: Self.due, now: Self.due) }
            #expect(ids.allSatisfy(\.isOdd) && Set(ids).count == count)
            #expect(slots.inFlight == count)
            for (slot, id) in ids.enumerated().reversed() { #expect(slots.end(id) == .call(slot: slot, due: Self.due)) }
        }
        #expect(slots.inFlight == 0 && slots.oldestSent == nil)
    }

    @Test("start over at the first id after the last")
    func wrap() {
        let count = 1000
        var slots = CallSlots(count: count)
        var (last, wraps) = (StreamID(0), 0)
        for _ in 0..<(Int(UInt32.max) / (2 * count) + 10) {
            let id = slots.begin(count - 1, due: Self.due, now: Self.due)
            if id < last { wraps += 1 }
            last = id
            guard slots.end(id) == .call(slot: count - 1, due: Self.due) else {
                Issue.record("\(id) was not found")
                return
            }
        }
        #expect(wraps == 1)
    }
}
