import Testing

@testable import DoormanGovernor

@Suite("A queue one can leave from the middle")
struct WaitQueueTests {
    @Test("those who stay are served in the order they came")
    func order() {
        var queue = WaitQueue<UInt64>()
        for ticket in 0..<UInt64(1_000) { queue.append(ticket, ticket: ticket) }
        for ticket in 0..<UInt64(1_000) where ticket % 3 != 0 {
            let left = queue.remove(ticket: ticket)
            #expect(left == ticket)
        }
        let leftTwice = queue.remove(ticket: 1)
        #expect(leftTwice == nil)
        let served = queue.drain()
        #expect(served == (0..<1_000).filter { $0 % 3 == 0 })
        #expect(queue.count == 0)
    }

    @Test("it keeps no more tickets of those who left than a little over those who stay")
    func keepsLittle() {
        var queue = WaitQueue<UInt64>()
        for ticket in 0..<UInt64(10) { queue.append(ticket, ticket: ticket) }
        for ticket in 10..<UInt64(100_000) {
            queue.append(ticket, ticket: ticket)
            _ = queue.remove(ticket: ticket)
            #expect(queue.keptTickets <= 2 * 10 + 64)
        }
        let served = queue.drain()
        #expect(served == Array(0..<10))
    }
}

extension WaitQueue {
    fileprivate mutating func drain() -> [Element] {
        var elements: [Element] = []
        while let (_, element) = popFirst() { elements.append(element) }
        return elements
    }
}
