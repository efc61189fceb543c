import DoormanSupport
import HTTP2Session
import Testing

@Suite("Resets of streams")
struct ResetTests {
    private static let block = RawFrame.block(TestHeads.call)
    private static let whole = RawFrame.endHeaders | RawFrame.endStream

    @Test("a reset while the request is handled is reported, and a late response is dropped")
    func handled() throws {
        let server = TestServer()
        server.now = Instant(nanoseconds: 5)
        try server.receive(RawFrame.opening + RawFrame.headers(1, Self.block, flags: Self.whole))
        let request = try #require(server.requests.first)
        try server.receive(RawFrame.reset(1))
        let reset = try #require(server.resets.first)
        #expect(reset.id == request.id && reset.errorCode == .cancel && reset.begun == Instant(nanoseconds: 5))
        #expect(reset.wasDelivered && reset.isByPeer && !reset.hadResponse)
        _ = server.output()
        server.respond(to: request)
        #expect(server.output().isEmpty && server.session.openStreams == 0)
    }

    @Test("a request that is reset before it is fetched is not returned")
    func unfetched() throws {
        let server = TestServer()
        try server.receive(RawFrame.opening + RawFrame.headers(1, Self.block, flags: Self.whole) + RawFrame.reset(1))
        #expect(server.requests.isEmpty)
        #expect(server.resets.map(\.wasDelivered) == [false])
    }

    @Test("rapid resets are all reported, since the user limits them")
    func rapid() throws {
        let server = TestServer()
        var bytes = RawFrame.opening
        for id in stride(from: UInt32(1), to: 20_000, by: 2) {
            bytes += RawFrame.headers(id, Self.block, flags: Self.whole) + RawFrame.reset(id)
        }
        try server.receive(bytes)
        #expect(server.resets.count == 10_000)
        #expect(server.session.openStreams == 0 && server.session.ending == nil)
    }

    @Test("a reset after the response is not reported")
    func afterResponse() throws {
        let server = TestServer()
        try server.receive(RawFrame.opening + RawFrame.headers(1, Self.block, flags: Self.whole))
        server.respond(to: try #require(server.requests.first))
        _ = server.output()
        try server.receive(RawFrame.reset(1))
        #expect(server.resets.isEmpty)
    }

    @Test("a malformed request is reported as a reset by the server")
    func malformed() throws {
        let server = TestServer()
        try server.receive(RawFrame.opening + RawFrame.headers(1, RawFrame.literal("Bad", "x"), flags: Self.whole))
        _ = server.output()
        try server.receive(RawFrame.ping())
        #expect(server.resets.map(\.isByPeer) == [false])
        #expect(server.resets.map(\.errorCode) == [.protocolError])
    }
}
