import DoormanSupport
import HTTP2Session
import Testing

@Suite("Responses over HTTP/2")
struct ResponseTests {
    private let server = TestServer()

    private func request(from client: HTTP2Client, _ body: [UInt8]? = [1]) throws -> (id: Int32, stream: HTTP2Stream) {
        let id = client.request(TestHeads.call, body: body)
        try server.exchange(with: client)
        return (id, try #require(server.requests.last))
    }

    @Test("a response without a body is one HEADERS frame")
    func trailersOnly() throws {
        let client = HTTP2Client()
        let (id, stream) = try request(from: client)
        server.session.respond(to: stream, TestHeads.trailersOnly)
        let output = server.output()
        #expect(output[3] == 1 && output[4] == RawFrame.endHeaders | RawFrame.endStream)
        client.receive(output)
        #expect(client.responses[id]?["grpc-status"] == "12")
        #expect(client.responses[id]?.hasEnded == true)
    }

    @Test("trailers follow an empty body")
    func emptyBody() throws {
        let client = HTTP2Client()
        let (id, stream) = try request(from: client)
        server.respond(to: stream, "")
        try server.exchange(with: client)
        #expect(client.responses[id]?["grpc-status"] == "0")
        #expect(client.responses[id]?.closeCode == 0)
    }

    @Test("a response without trailers ends with its body")
    func noTrailers() throws {
        let client = HTTP2Client()
        let (id, stream) = try request(from: client, nil)
        server.respond(to: stream, "body", trailers: nil)
        try server.exchange(with: client)
        #expect(client.responses[id]?.body == Array("body".utf8))
        #expect(client.responses[id]?.hasEnded == true)
    }

    // Constants, because the memory of a template is never freed.
    private static let variableHead = HTTP2HeadTemplate([(":status", "200")], variables: ["x-first", "x-second"])
    private static let variableTrailers = HTTP2HeadTemplate([("grpc-status", "16")], variables: ["grpc-message"])

    @Test("variable headers have the values of the response")
    func variables() throws {
        let client = HTTP2Client()
        let (id, stream) = try request(from: client)
        var head = HTTP2ResponseHead(Self.variableHead)
        head.append("one")
        head.append("")
        var trailers = HTTP2ResponseHead(Self.variableTrailers)
        trailers.append("no token")
        let body: [UInt8] = [7]
        server.session.respond(to: stream, head, body: body.span, trailers: trailers)
        try server.exchange(with: client)
        let response = try #require(client.responses[id])
        #expect(response["x-first"] == "one" && response["x-second"] == "")
        #expect(response["grpc-message"] == "no token" && response.body == [7])
        #expect(server.session.unsentBytes == 0)
    }

    @Test("a body in two parts arrives as a whole")
    func parts() throws {
        let client = HTTP2Client()
        let (id, stream) = try request(from: client)
        let prefix: [UInt8] = [0, 0, 0, 0, 5]
        server.session.append(prefix.span, toResponseOf: stream)
        server.respond(to: stream)
        try server.exchange(with: client)
        #expect(client.responses[id]?.body == prefix + Array("hello".utf8))
        server.session.append(prefix.span, toResponseOf: stream)
        #expect(server.session.unsentBytes == 0)
    }

    @Test("a reset before the response frees the beginning of its body")
    func resetBeforeResponse() throws {
        let client = HTTP2Client()
        let (id, stream) = try request(from: client)
        let beginning: [UInt8] = [1, 2, 3]
        server.session.append(beginning.span, toResponseOf: stream)
        #expect(server.session.unsentBytes == 3)
        client.reset(id)
        try server.exchange(with: client)
        #expect(server.session.unsentBytes == 0)
    }

    @Test("a body beyond the peer's window waits for its updates")
    func window() throws {
        let client = HTTP2Client(updatesWindows: .manual)
        let (id, stream) = try request(from: client)
        server.respond(to: stream, String(repeating: "x", count: 200_000))
        try server.exchange(with: client)
        #expect(client.responses[id]?.body.count == 65_535)
        #expect(server.session.unsentBytes == 200_000 - 65_535)
        #expect(!server.session.hasOutput)
        for _ in 0..<4 {
            client.consume(id, client.responses[id]?.hasEnded == true ? 0 : 65_535)
            try server.exchange(with: client)
        }
        #expect(client.responses[id]?.body.count == 200_000)
        #expect(client.responses[id]?["grpc-status"] == "0")
        #expect(server.session.unsentBytes == 0 && server.session.openStreams == 0)
    }

    @Test("a client whose initial window is 0 gets the headers, and the body once it allows that")
    func zeroWindow() throws {
        try server.receive(
            RawFrame.preface + RawFrame.settings([(4, 0)])
                + RawFrame.headers(1, RawFrame.block(TestHeads.call), flags: RawFrame.endHeaders | RawFrame.endStream))
        _ = server.output()
        server.respond(to: try #require(server.requests.first))
        let headers = server.output()
        #expect(headers[3] == 1 && server.session.unsentBytes == 5)
        try server.receive(RawFrame.windowUpdate(1, 100))
        let rest = server.output()
        #expect(rest[3] == 0 && server.session.unsentBytes == 0 && server.session.openStreams == 0)
    }

    @Test("output stops at the limit, and goes on from there")
    func limit() throws {
        let client = HTTP2Client(streamWindow: 1 << 20, connectionWindow: 1 << 20)
        let (id, stream) = try request(from: client)
        server.respond(to: stream, String(repeating: "x", count: 100_000))
        var reads = 0
        while server.session.hasOutput {
            let output = server.output(limit: 1000)
            #expect(output.count < 1000 + (16 << 10) + 9)
            client.receive(output)
            reads += 1
        }
        #expect(reads > 5)
        #expect(client.responses[id]?.body.count == 100_000)
    }

    @Test("a response before the end of its request is followed by a reset without an error")
    func early() throws {
        let server = TestServer(wantsBody: { _ in nil })
        try server.receive(RawFrame.opening + RawFrame.headers(1, RawFrame.block(TestHeads.call)))
        _ = server.output()
        server.respond(to: try #require(server.requests.first))
        let output = server.output()
        #expect(Array(output.suffix(13)) == RawFrame.reset(1, 0))
        #expect(server.session.openStreams == 0)
        // The rest of the body crosses the reset.
        try server.receive(RawFrame.data(1, [1, 2, 3], flags: RawFrame.endStream))
        #expect(server.session.ending == nil && server.resets.isEmpty)
    }

    @Test("a stream that the server resets is closed without a report")
    func reset() throws {
        let client = HTTP2Client()
        let (id, stream) = try request(from: client)
        server.session.reset(stream, .cancel)
        try server.exchange(with: client)
        #expect(client.responses[id]?.closeCode == HTTP2ErrorCode.cancel.rawValue)
        #expect(server.resets.isEmpty && server.session.openStreams == 0)
    }

    @Test("a reset while the response waits for the window frees its bytes")
    func resetWhileWaiting() throws {
        let client = HTTP2Client(updatesWindows: .manual)
        let (id, stream) = try request(from: client)
        server.respond(to: stream, String(repeating: "x", count: 200_000))
        try server.exchange(with: client)
        client.reset(id)
        try server.exchange(with: client)
        #expect(server.session.unsentBytes == 0 && server.session.openStreams == 0)
        #expect(server.resets.map(\.hadResponse) == [true])
    }
}
