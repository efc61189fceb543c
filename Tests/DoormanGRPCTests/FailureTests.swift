import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import TestKit
import Testing

@Suite("Failures of gRPC")
struct FailureTests {
    private func response(to answer: [UInt8]) throws -> GRPCResponse {
        let conversation = Conversation()
        conversation.call(body: GRPCRequest.verify("unknown"))
        conversation.answer(try #require(conversation.takeStarted().first), with: answer)
        return conversation.response(1)
    }

    @Test("every failure of the contract has its status, details, message and retry hint", arguments: Failure.allCases)
    func contract(failure: Failure) throws {
        let hint: Duration? = failure.row.retry == .later ? .milliseconds(1500) : nil
        let response = try response(to: ResponseEncoder.encode(FailureResponse(failure, "why", retryAfter: hint)))
        #expect(response.isTrailersOnly)
        #expect(response.http[":status"] == "200")
        #expect(response.code == Int(failure.row.code.rawValue))
        #expect(response.message == "why")
        #expect(response.status?.message == "why")
        #expect(response.status?.code == failure.row.code)
        if failure.row.reason != nil { #expect(response.status?.failure == failure) }
        #expect(response.retryMilliseconds == hint.map { _ in 1500 })
        #expect(response.status?.retryAfter == hint)
    }

    @Test("a rejection is no failure of the server")
    func rejected() throws {
        let response = try response(to: ResponseEncoder.encode(Verdict.rejected(Rejection(.tokenRejected, "unknown"))))
        #expect(response.code == 16)
        #expect(response.status?.failure == .tokenRejected)
    }

    @Test("a message is percent-encoded", arguments: ["100% sure", "a\nb\tc", "Grüße", "\u{7f}", ""])
    func messages(text: String) throws {
        let response = try response(to: ResponseEncoder.encode(FailureResponse(.providerUnavailable, text)))
        let raw = response.http["grpc-message"] ?? ""
        #expect(raw.utf8.allSatisfy { 0x20...0x7e ~= $0 })
        #expect(response.message == text)
        #expect(response.status?.message == text)
    }

    @Test("a response that is not in canonical form is read all the same")
    func otherForm() throws {
        let identity = ResponseEncoder.encode(Identity.someone)
        // An empty status before the payload.
        let response = try response(to: [0x0a, 0] + identity)
        #expect(response.identity == .someone)
    }

    @Test("a response that can't be read resets its stream", arguments: [[0x12, 100, 1], [0x12, 0, 0x78, 1]] as [[UInt8]])
    func unreadable(bytes: [UInt8]) throws {
        let response = try response(to: bytes)
        #expect(response.http.headers.isEmpty)
        #expect(response.http.closeCode == 2)
    }

    @Test("forbidden calls of a caller without any permission close the connection with GOAWAY")
    func forbidden() {
        let conversation = Conversation(policy: CallerPolicy([], setting: "authorization.policy-file"))
        for number in 1...9 {
            #expect(conversation.call().status?.failure == .callerNotAllowed, "call \(number)")
            #expect(conversation.directives.isEmpty)
        }
        conversation.call()
        #expect(conversation.directives == [.close(.noPermission)])
        #expect(conversation.client.goAways.last == HTTP2Client.GoAway(last: 19, code: 0))
        #expect(conversation.response(19).status?.failure == .callerNotAllowed)
    }

    @Test("a call above the limit of calls in flight fails with the setting's name")
    func callsInFlight() throws {
        let conversation = Conversation { $0.maximumCallsInFlight = 2 }
        for token in ["a", "b"] { conversation.call(body: GRPCRequest.verify(token)) }
        let response = conversation.call(body: GRPCRequest.verify("c"))
        #expect(response.status?.failure == .tooManyCalls)
        #expect(response.message?.contains("server.max-calls-in-flight") == true)
        #expect(response.retryMilliseconds == 100)
        #expect(conversation.takeStarted().count == 2)
    }
}
