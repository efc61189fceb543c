import DoormanSupport
import Testing

@Suite("The deadline heap")
struct DeadlineHeapTests {
    private final class Resource {}

    private func deadline(_ nanoseconds: UInt64) -> Deadline { Deadline(Instant(nanoseconds: nanoseconds)) }

    @Test("returns elements in the order of their deadlines")
    func order() {
        var heap = DeadlineHeap<UInt64>()
        for time in (1...500).map({ UInt64($0) }).shuffled() { _ = heap.insert(time, deadline: deadline(time)) }
        #expect(heap.next == deadline(1))
        var passed: [UInt64] = []
        while let time = heap.popPassed(at: Instant(nanoseconds: 250)) { passed.append(time) }
        #expect(passed == Array(1...250))
        #expect(heap.next == deadline(251))
        #expect(Set(heap.removeAll()) == Set(251...500))
        #expect(heap.isEmpty && heap.next == nil)
    }

    @Test("behaves like a sorted list", arguments: 1...20 as ClosedRange<UInt64>)
    func model(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var heap = DeadlineHeap<Int>()
        var model: [(time: UInt64, number: Int, handle: DeadlineOrder.Handle)] = []
        for number in 0..<2_000 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                let time = UInt64.random(in: 0..<100, using: &random)
                model.append((time, number, heap.insert(number, deadline: deadline(time))))
            case 2 where !model.isEmpty:
                let victim = model.remove(at: Int.random(in: model.indices, using: &random))
                #expect(heap.remove(victim.handle) == victim.number)
                #expect(heap.remove(victim.handle) == nil, "a handle is valid only once")
            default:
                let now = UInt64.random(in: 0..<100, using: &random)
                let popped = heap.popPassed(at: Instant(nanoseconds: now))
                let earliest = model.map(\.time).min()
                #expect((popped != nil) == (earliest.map { $0 <= now } ?? false))
                if let index = model.firstIndex(where: { $0.number == popped }) {
                    #expect(model[index].time == earliest)
                    model.remove(at: index)
                }
            }
            #expect(heap.count == model.count)
            #expect(heap.next == model.map(\.time).min().map(deadline))
        }
    }

    @Test("releases a removed element at once")
    func release() {
        var heap = DeadlineHeap<Resource>()
        var first: Resource? = Resource()
        weak let released = first
        let handle = first.map { heap.insert($0, deadline: deadline(1)) }
        if let handle { heap.remove(handle) }
        first = nil
        #expect(released == nil)
        let second = Resource()
        _ = heap.insert(second, deadline: deadline(2))
        if let handle { #expect(heap.remove(handle) == nil) }
        #expect(heap.popPassed(at: Instant(nanoseconds: 1)) == nil)
        #expect(heap.popPassed(at: Instant(nanoseconds: 2)) === second)
    }
}
