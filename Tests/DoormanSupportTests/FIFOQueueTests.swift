import DoormanSupport
import Testing

@Suite("A first-in, first-out queue")
struct FIFOQueueTests {
    @Test("an empty queue has no first element")
    func empty() {
        var queue = FIFOQueue<Int>()
        let popped = queue.popFirst()
        #expect(queue.first == nil && popped == nil && queue.count == 0 && queue.elements.isEmpty)
    }

    @Test("elements leave in the order in which they came", arguments: [1, 2, 3, 7])
    func order(appendedPerRemoval: Int) {
        var queue = FIFOQueue([-2, -1])
        var expected = [-2, -1]
        for number in 0..<1000 {
            queue.append(number)
            expected.append(number)
            guard number.isMultiple(of: appendedPerRemoval) else { continue }
            let popped = queue.popFirst()
            #expect(popped == expected.removeFirst())
            #expect(queue.count == expected.count && queue.first == expected.first)
        }
        #expect(queue.elements == expected)
        while let popped = queue.popFirst() { #expect(popped == expected.removeFirst()) }
        #expect(expected.isEmpty && queue.count == 0)
    }

    @Test("a removed element is released at once")
    func release() {
        final class Object {}
        var object = Object()
        var queue = FIFOQueue([object])
        for _ in 0..<8 { queue.append(Object()) }
        let isReleasedEarly = isKnownUniquelyReferenced(&object)
        #expect(!isReleasedEarly)
        queue.popFirst()
        let isReleased = isKnownUniquelyReferenced(&object)
        #expect(isReleased)
    }
}
