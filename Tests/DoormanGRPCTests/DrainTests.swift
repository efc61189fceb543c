import DoormanCore
import DoormanHTTP
import DoormanServer
import DoormanSupport
import DoormanWire
import TestKit
import Testing

@testable import DoormanGRPC

@Suite("The end of a connection of HTTP/2")
struct DrainTests {
    private static let announcement = HTTP2Client.GoAway(last: .max, code: 0)

    @Test("a drain announces the end, and names the last stream after one round trip")
    func announces() throws {
        let conversation = Conversation()
        conversation.call(body: GRPCRequest.verify("unknown"))
        let call = try #require(conversation.takeStarted().first)
        conversation.connection.drain(.shutdown, now: conversation.clock.now)
        let announced = conversation.takeOutput()
        // A request that crosses the announcement.
        let crossing = conversation.client.request(GRPCRequest.headers(), body: GRPCRequest.verify("cached"))
        let request = conversation.client.output()
        conversation.client.receive(announced)
        #expect(conversation.client.goAways == [Self.announcement])
        #expect(conversation.client.frames.suffix(2) == [7, 6])
        conversation.client.receive(conversation.receive(request))
        #expect(conversation.response(crossing).identity == .someone)
        conversation.exchange()
        #expect(conversation.client.goAways == [Self.announcement, HTTP2Client.GoAway(last: crossing, code: 0)])
        #expect(conversation.directives.isEmpty)
        conversation.answer(call)
        #expect(conversation.response(1).identity == .someone)
        conversation.pass(.milliseconds(500))
        #expect(conversation.directives == [.halfClose])
    }

    @Test("streams after the last, which GOAWAY refuses, are not served")
    func laterStreams() {
        let conversation = Conversation()
        conversation.exchange()
        conversation.call(body: GRPCRequest.verify("unknown"))
        conversation.connection.drain(.shutdown, now: conversation.clock.now)
        // The peer answers the PING, and disregards GOAWAY.
        let ping = HTTP2Frame.frame(6, flags: 1, Array(conversation.takeOutput().suffix(8)))
        let output = conversation.receive(ping)
        #expect(output.count == 17 && output[3] == 7)
        let block = HTTP2Frame.block(GRPCRequest.headers())
        let refused = conversation.receive(HTTP2Frame.headers(3, block, flags: HTTP2Frame.endHeaders | HTTP2Frame.endStream))
        #expect(refused.isEmpty)
        #expect(conversation.connection.callsInFlight == 1)
    }

    @Test("calls in flight hold a draining connection until they are answered")
    func callsInFlight() throws {
        let conversation = Conversation()
        conversation.call(GRPCRequest.headers(timeout: "20S"), body: GRPCRequest.verify("unknown"))
        let call = try #require(conversation.takeStarted().first)
        conversation.connection.drain(.shutdown, now: conversation.clock.now)
        conversation.exchange()
        conversation.pass(.seconds(10))
        #expect(conversation.directives.isEmpty)
        conversation.answer(call)
        conversation.pass(.milliseconds(499))
        #expect(conversation.directives.isEmpty)
        conversation.pass(.milliseconds(1))
        #expect(conversation.directives == [.halfClose])
        #expect(conversation.response(1).identity == .someone)
    }

    @Test("a health check says that a draining server does not serve")
    func health() {
        let conversation = Conversation()
        let path = GRPCRequest.headers(path: "/grpc.health.v1.Health/Check")
        #expect(conversation.call(path, body: GRPCRequest.frame([])).servingStatus == .serving)
        let crossing = conversation.client.request(path, body: GRPCRequest.frame([]))
        let request = conversation.client.output()
        conversation.connection.drain(.shutdown, now: conversation.clock.now)
        conversation.client.receive(conversation.receive(request))
        #expect(conversation.response(crossing).servingStatus == .notServing)
    }

    @Test("responses that the peer's windows hold back are sent before a draining connection ends")
    func heldResponses() {
        let conversation = Conversation(client: HTTP2Client(streamWindow: 0))
        let id = conversation.client.request(GRPCRequest.headers(), body: GRPCRequest.verify("cached"))
        conversation.exchange()
        conversation.connection.drain(.shutdown, now: conversation.clock.now)
        conversation.exchange()
        conversation.pass(.seconds(1))
        #expect(conversation.directives.isEmpty)
        conversation.client.setStreamWindow(1000)
        conversation.exchange()
        #expect(conversation.response(id).identity == .someone)
        #expect(conversation.directives == [.close(.peerClosed)])
    }

    @Test("an idle connection ends with GOAWAY")
    func idle() {
        let conversation = Conversation { $0.idleTimeout = .seconds(60) }
        conversation.call()
        conversation.pass(.seconds(60))
        #expect(conversation.directives == [.close(.idle)])
        #expect(conversation.client.goAways == [Self.announcement, HTTP2Client.GoAway(last: 1, code: 0)])
        #expect(conversation.connection.nextTimer == .distantFuture)
    }

    /// Makes a conversation whose connection has a maximum age of a minute.
    private func makeAging() -> Conversation {
        let conversation = Conversation()
        let state = ConnectionState(
            limits: conversation.settings.connection,
            lifetime: ConnectionLifetime(since: conversation.clock.now, maximumAge: .seconds(60)),
            counters: conversation.dispatcher.counters, now: conversation.clock.now)
        conversation.connection = HTTP2Connection(state, HTTPRouter(ReloadableHTTPConfiguration()), isOnLoopback: true)
        return conversation
    }

    @Test("an aged connection without calls ends with GOAWAY")
    func maximumAge() {
        let conversation = makeAging()
        conversation.call()
        conversation.pass(.seconds(59))
        #expect(conversation.client.goAways.isEmpty)
        conversation.pass(.seconds(1))
        #expect(conversation.directives == [.halfClose])
        #expect(conversation.client.goAways.last == HTTP2Client.GoAway(last: 1, code: 0))
    }

    @Test("an aged connection that is busy ends with GOAWAY, after its calls")
    func maximumAgeOfBusyPeer() throws {
        let conversation = makeAging()
        for _ in 0..<900 where conversation.client.goAways.isEmpty {
            #expect(conversation.call().identity == .someone)
            conversation.pass(.milliseconds(100))
        }
        #expect(conversation.client.goAways == [Self.announcement])
        #expect(conversation.directives.isEmpty)
        // This client does not answer the PING, because it has no calls.
        conversation.clock.advance(by: .milliseconds(500))
        let directive = conversation.connection.timePassed(now: conversation.clock.now).directive
        #expect(directive == .halfClose)
        let output = conversation.takeOutput()
        #expect(output.count == 17)
        #expect(output.dropFirst(3).first == 7)
    }

    @Test("a peer that says GOAWAY without open streams ends the connection")
    func goAwayOfPeer() {
        let conversation = Conversation()
        conversation.call()
        conversation.receive(HTTP2Frame.frame(7, Array(repeating: 0, count: 8)))
        #expect(conversation.directives == [.close(.peerClosed)])
    }

    @Test("bytes that violate HTTP/2 end the connection with a GOAWAY that says why")
    func violation() {
        let conversation = Conversation()
        conversation.exchange()
        // DATA on stream 0.
        conversation.client.receive(conversation.receive(HTTP2Frame.data(0, [1])))
        #expect(conversation.directives.count == 1)
        guard case .close(.httpViolation(let violation))? = conversation.directives.first else {
            Issue.record("\(conversation.directives)")
            return
        }
        #expect(violation.name == "http2_protocol_error")
        #expect(conversation.client.goAways.map(\.code) == [1])
    }
}
