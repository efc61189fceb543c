import DoormanServer
import DoormanSupport
import DoormanWire
import TestKit
import Testing

@testable import DoormanGRPC

@Suite("Resets of calls of gRPC")
struct ResetTests {
    private static let violation = "http2_enhance_your_calm"

    /// Starts calls and resets them, as a peer does that attacks by rapid resets.
    private func reset(
        _ count: Int, in conversation: Conversation, timeout: String? = nil, after wait: Duration = .zero
    ) {
        let ids = (0..<count).map { _ in
            conversation.client.request(GRPCRequest.headers(timeout: timeout), body: GRPCRequest.verify("unknown"))
        }
        conversation.exchange()
        if wait > .zero { conversation.clock.advance(by: wait) }
        for id in ids { conversation.client.reset(id) }
        conversation.exchange()
    }

    private func isCutOff(_ conversation: Conversation) -> Bool {
        guard case .close(.httpViolation(let violation))? = conversation.directives.first else { return false }
        return violation.name == Self.violation
    }

    @Test("a reset cancels the work of its call")
    func cancels() throws {
        let conversation = Conversation()
        let id = conversation.client.request(GRPCRequest.headers(), body: GRPCRequest.verify("unknown"))
        conversation.exchange()
        let call = try #require(conversation.takeStarted().first)
        conversation.client.reset(id)
        conversation.exchange()
        #expect(conversation.cancelled == [call.id])
        #expect(conversation.connection.callsInFlight == 0)
        conversation.answer(call)
        #expect(conversation.response(id).http.headers.isEmpty)
        #expect(conversation.directives.isEmpty)
    }

    @Test("a reset in the read of its request starts no call")
    func cancelsBeforeStart() {
        let conversation = Conversation()
        _ = conversation.receive(conversation.client.output())
        let id = conversation.client.request(GRPCRequest.headers(), body: GRPCRequest.verify("unknown"))
        let request = conversation.client.output()
        conversation.client.reset(id)
        conversation.receive(request + conversation.client.output())
        #expect(conversation.takeStarted().isEmpty)
        #expect(conversation.cancelled.isEmpty)
        #expect(conversation.connection.callsInFlight == 0)
    }

    @Test("a reset ends its own call only")
    func otherCalls() throws {
        let conversation = Conversation()
        let ids = ["a", "b"].map { conversation.client.request(GRPCRequest.headers(), body: GRPCRequest.verify($0)) }
        conversation.exchange()
        let calls = conversation.takeStarted()
        conversation.client.reset(ids[0])
        conversation.exchange()
        conversation.answer(try #require(calls.last))
        #expect(conversation.response(ids[1]).identity == .someone)
    }

    @Test("a peer that resets five times its concurrent streams in a second is cut off")
    func rapidReset() {
        let conversation = Conversation()
        for _ in 0..<10 { reset(512, in: conversation) }
        #expect(conversation.directives.isEmpty)
        reset(1, in: conversation)
        #expect(isCutOff(conversation))
        #expect(conversation.client.goAways.map(\.code) == [11])
    }

    @Test("a peer that resets less often is not cut off")
    func steadyResets() {
        let conversation = Conversation()
        for _ in 0..<30 {
            reset(1000, in: conversation)
            conversation.clock.advance(by: .milliseconds(250))
        }
        #expect(conversation.directives.isEmpty)
        #expect(conversation.call().identity == .someone)
    }

    @Test("resets at the deadlines of calls do not count")
    func deadlines() {
        let conversation = Conversation()
        for _ in 0..<20 { reset(1000, in: conversation, timeout: "30m", after: .milliseconds(29)) }
        #expect(conversation.directives.isEmpty)
        for _ in 0..<20 { reset(1000, in: conversation, timeout: "500m", after: .milliseconds(410)) }
        #expect(conversation.directives.isEmpty)
        #expect(conversation.call().identity == .someone)
    }

    @Test("a short timeout does not excuse a reset at once", arguments: ["1S", "100m", "1m"])
    func shortTimeouts(timeout: String) {
        let conversation = Conversation()
        for _ in 0..<11 where conversation.directives.isEmpty { reset(512, in: conversation, timeout: timeout) }
        #expect(isCutOff(conversation))
    }

    @Test("a call fails at its deadline, and its work is cancelled")
    func deadline() throws {
        let conversation = Conversation()
        let id = conversation.client.request(GRPCRequest.headers(timeout: "500m"), body: GRPCRequest.verify("unknown"))
        conversation.exchange()
        let call = try #require(conversation.takeStarted().first)
        #expect(conversation.connection.nextTimer == conversation.clock.now.advanced(by: .milliseconds(500)))
        #expect(conversation.pass(.milliseconds(500)) == [call.id])
        #expect(conversation.response(id).code == 4)
        #expect(conversation.response(id).isTrailersOnly)
        conversation.answer(call)
        #expect(conversation.response(id).code == 4)
    }
}
