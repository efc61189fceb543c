import DoormanSupport
import HTTP2Session
import Testing

@Suite("Requests over HTTP/2")
struct RequestTests {
    @Test("SETTINGS leave before the client has sent a byte")
    func settingsAtOnce() {
        let output = TestServer().output()
        #expect(output.count > 9)
        #expect(output[3] == 4)
    }

    @Test("a call arrives with its headers and its body")
    func call() throws {
        let server = TestServer()
        let client = HTTP2Client()
        let id = client.request(TestHeads.call, body: Array("token".utf8))
        try server.exchange(with: client)
        let request = try #require(server.requests.first)
        #expect(server.session.hasReceivedPreface)
        #expect(request.id.rawValue == id)
        #expect(request.head.isPOST && request.head.isGRPC && request.head.hasTETrailers && !request.head.isGET)
        #expect(request.head.pathText == "/doorman.v1.Auth/Verify")
        #expect(request.head.text(.authority) == "doorman:7070")
        #expect(request.head.text(.grpcTimeout) == "1S")
        #expect(request.head.text("user-agent") == "test/1.0")
        #expect(request.head.text("x-unknown") == nil)
        #expect(request.head.text(.authorization) == nil)
        #expect(request.bodyText == "token")
        #expect(request.requestHasEnded && !request.bodyIsTooLong)
    }

    @Test("a response arrives with its body and its trailers")
    func response() throws {
        let server = TestServer()
        let client = HTTP2Client()
        let id = client.request(TestHeads.call, body: [1, 2, 3])
        try server.exchange(with: client)
        server.respond(to: try #require(server.requests.first))
        try server.exchange(with: client)
        let response = try #require(client.responses[id])
        #expect(response[":status"] == "200" && response["grpc-status"] == "0")
        #expect(response.body == Array("hello".utf8))
        #expect(response.hasEnded && response.closeCode == 0)
        #expect(server.session.openStreams == 0 && server.session.unsentBytes == 0)
        #expect(server.requests[0].isClosed)
        #expect(server.resets.isEmpty && server.session.ending == nil)
    }

    @Test("the query is not part of the path")
    func query() throws {
        let server = TestServer()
        let client = HTTP2Client()
        _ = client.request([(":method", "GET"), (":scheme", "http"), (":path", "/auth?a=b?c"), (":authority", "doorman")])
        try server.exchange(with: client)
        let head = try #require(server.requests.first).head
        #expect(head.isGET)
        #expect(head.pathText == "/auth")
        #expect(head.text(.path) == "/auth?a=b?c")
    }

    @Test("the number of authorization headers is known")
    func authorization() throws {
        let server = TestServer()
        let client = HTTP2Client()
        _ = client.request(TestHeads.get + [("authorization", "Bearer a"), ("authorization", "Bearer b")])
        try server.exchange(with: client)
        let head = try #require(server.requests.first).head
        #expect(head.authorizationCount == 2)
        #expect(head.text(.authorization) == "Bearer a")
    }

    @Test(
        "only application/grpc is gRPC",
        arguments: [
            ("application/grpc", true), ("application/grpc+proto", true), ("application/grpc;charset=x", true),
            ("application/grpc-web", false), ("application/json", false), ("application/grp", false),
        ])
    func contentType(_ type: String, _ isGRPC: Bool) throws {
        let server = TestServer()
        let client = HTTP2Client()
        _ = client.request(TestHeads.get + [("content-type", type)])
        try server.exchange(with: client)
        #expect(try #require(server.requests.first).head.isGRPC == isGRPC)
    }

    @Test("a request that needs no body is returned before its body arrives")
    func noBody() throws {
        let server = TestServer(wantsBody: { _ in nil })
        try server.receive(
            RawFrame.opening + RawFrame.headers(1, RawFrame.block(TestHeads.call)) + RawFrame.data(1, [1, 2, 3]))
        let request = try #require(server.requests.first)
        #expect(request.bodyCount == 0 && !request.requestHasEnded)
    }

    @Test("requests are returned in the order in which they became ready")
    func order() throws {
        let server = TestServer()
        let block = RawFrame.block(TestHeads.call)
        try server.receive(
            RawFrame.opening + RawFrame.headers(1, block) + RawFrame.headers(3, block)
                + RawFrame.data(3, [], flags: RawFrame.endStream)
                + RawFrame.headers(5, block, flags: RawFrame.endHeaders | RawFrame.endStream)
                + RawFrame.data(1, [], flags: RawFrame.endStream))
        #expect(server.requests.map(\.id.rawValue) == [3, 5, 1])
    }

    @Test("trailers end a request")
    func trailers() throws {
        let server = TestServer()
        try server.receive(
            RawFrame.opening + RawFrame.headers(1, RawFrame.block(TestHeads.call)) + RawFrame.data(1, [65])
                + RawFrame.headers(1, RawFrame.literal("x-checksum", "1"), flags: RawFrame.endHeaders | RawFrame.endStream))
        let request = try #require(server.requests.first)
        #expect(request.bodyText == "A")
        #expect(request.head.text("x-checksum") == nil)
    }

    @Test("bytes that are split anywhere give the same request")
    func split() throws {
        let client = HTTP2Client()
        _ = client.request(TestHeads.call, body: Array("a body".utf8))
        let bytes = client.output()
        for index in 0...bytes.count {
            let server = TestServer()
            try server.receive(Array(bytes[..<index]))
            try server.receive(Array(bytes[index...]))
            let request = try #require(server.requests.first)
            #expect(request.bodyText == "a body" && request.head.count == TestHeads.call.count)
        }
        let server = TestServer()
        for byte in bytes { try server.receive([byte]) }
        #expect(server.requests.map(\.bodyText) == ["a body"])
    }

    @Test("a request stays readable after its stream has ended, while its object is not reused")
    func stale() throws {
        let server = TestServer()
        let client = HTTP2Client()
        _ = client.request(TestHeads.call, body: Array("first".utf8))
        try server.exchange(with: client)
        let first = try #require(server.requests.first)
        server.respond(to: first)
        try server.exchange(with: client)
        let id = client.request(TestHeads.call, body: Array("second".utf8))
        try server.exchange(with: client)
        #expect(first.isClosed && first.bodyText == "first")
        server.respond(to: first, "late")
        try server.exchange(with: client)
        #expect(client.responses[id] == nil)
    }

    @Test("the client is told to go on if it expects that")
    func expectation() throws {
        let server = TestServer()
        let client = HTTP2Client()
        _ = client.request(TestHeads.call + [("expect", "100-continue")], body: [1])
        try server.exchange(with: client)
        #expect(server.requests.count == 1)
    }
}
