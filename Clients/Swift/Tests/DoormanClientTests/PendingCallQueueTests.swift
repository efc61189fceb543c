import Testing

@testable import DoormanClient

@Suite("the queue of pending calls")
struct PendingCallQueueTests {
    @Test("calls leave the queue in their order without cancelled calls")
    func order() {
        var waiting = PendingCallQueue()
        let calls = (1...5).map { ClientCall.sample("\($0)") }
        for call in calls { waiting.append(call) }
        for index in [0, 2] { calls[index].cancelWaiter() }
        #expect(waiting.popFirst()?.token == "2")
        waiting.putBack([.sample("8"), .sample("9")])
        let rest = (0..<5).map { _ in waiting.popFirst()?.token }
        #expect(rest == ["8", "9", "4", "5", nil])
        #expect(waiting.isEmpty)
    }

    @Test("calls that have ended do not count towards the limit")
    func limit() {
        var waiting = PendingCallQueue()
        let calls = (1...3).map { ClientCall.sample("\($0)") }
        for call in calls { waiting.append(call) }
        #expect(waiting.isFull(limit: 3) == true)
        calls[1].cancelWaiter()
        waiting.waiterCancelled()
        #expect(waiting.isFull(limit: 3) == false)
        #expect(waiting.count == 2)
    }

    @Test("a queue without live calls is empty")
    func ended() {
        var waiting = PendingCallQueue()
        let calls = (1...3).map { ClientCall.sample("\($0)") }
        for call in calls { waiting.append(call) }
        for index in [1, 0] {
            calls[index].cancelWaiter()
            waiting.waiterCancelled()
            #expect(!waiting.isEmpty)
        }
        calls[2].cancelWaiter()
        waiting.waiterCancelled()
        #expect(waiting.isEmpty)
    }

    @Test("cancelled calls do not accumulate")
    func compaction() {
        var waiting = PendingCallQueue()
        waiting.append(.sample("first"))
        for number in 1...10_000 {
            let call = ClientCall.sample("\(number)")
            waiting.append(call)
            call.cancelWaiter()
            waiting.waiterCancelled()
        }
        #expect(waiting.count <= 100)
        #expect(waiting.popFirst()?.token == "first")
        #expect(waiting.popFirst() == nil)
    }
}
