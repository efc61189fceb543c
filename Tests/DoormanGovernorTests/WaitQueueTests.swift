import Testing

@testable import DoormanGovernor

@Suite("Wait queue")
struct WaitQueueTests {
    @Test("the remaining elements are served in order of arrival")
    func order() {
        var queue = WaitQueue<UInt64>()
        for ticket in 0..<UInt64(1_000) { queue.append(ticket, ticket: ticket) }
        for ticket in 0..<UInt64(1_000) where ticket % 3 != 0 {
            let removed = queue.remove(ticket: ticket)
            #expect(removed == ticket)
        }
        let removedTwice = queue.remove(ticket: 1)
        #expect(removedTwice == nil)
        let served = queue.drain()
        #expect(served == (0..<1_000).filter { $0 % 3 == 0 })
        #expect(queue.count == 0)
    }

    @Test("removed tickets are dropped once they outnumber the present tickets")
    func compaction() {
        var queue = WaitQueue<UInt64>()
        for ticket in 0..<UInt64(10) { queue.append(ticket, ticket: ticket) }
        for ticket in 10..<UInt64(100_000) {
            queue.append(ticket, ticket: ticket)
            _ = queue.remove(ticket: ticket)
            #expect(queue.storedTickets <= 2 * 10 + 64)
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
