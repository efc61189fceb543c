import DoormanSupport
import HTTP2Session
import NIOCore
import Testing

@Suite("Violations of HTTP/2")
struct ViolationTests {
    private static let whole = RawFrame.endHeaders | RawFrame.endStream

    @Test("bytes that are not HTTP/2 end the connection")
    func preface() {
        let server = TestServer()
        #expect(throws: HTTP2Violation.badPreface) { try server.receive(Array("GET / HTTP/1.1\r\n\r\n12345678".utf8)) }
        #expect(server.session.ending == .badPreface && server.session.isFinished)
        #expect(throws: HTTP2Violation.badPreface) { try server.receive(RawFrame.preface) }
    }

    @Test("a preface without SETTINGS ends the connection")
    func noSettings() throws {
        let server = TestServer()
        _ = server.output()
        try? server.receive(RawFrame.preface + RawFrame.ping())
        _ = server.output()
        #expect(server.session.ending != nil && server.session.isFinished)
    }

    @Test(
        "a malformed request resets its stream, and is not returned (RFC 9113 section 8.1.1)",
        arguments: [
            TestHeads.get + [("Upper-Case", "x")],
            TestHeads.get + [("connection", "close")],
            TestHeads.get + [("transfer-encoding", "chunked")],
            TestHeads.get + [("te", "gzip")],
            TestHeads.get + [("x", "a\nb")],
            TestHeads.get + [("x y", "a")],
            TestHeads.get + [(":path", "/twice")],
            TestHeads.get + [(":status", "200")],
            [("x", "before")] + TestHeads.get,
            Array(TestHeads.get.dropFirst()),
            TestHeads.get.filter { $0.0 != ":path" },
            TestHeads.get.filter { $0.0 != ":scheme" },
            TestHeads.get + [("content-length", "5")],
        ])
    func malformed(_ headers: [(String, String)]) throws {
        let server = TestServer()
        try server.receive(RawFrame.opening)
        _ = server.output()
        try server.receive(
            RawFrame.headers(1, RawFrame.block(headers), flags: Self.whole)
                + RawFrame.headers(3, RawFrame.block(TestHeads.get), flags: Self.whole))
        #expect(server.requests.map(\.id.rawValue) == [3])
        #expect(Array(server.output().prefix(13)) == RawFrame.reset(1, HTTP2ErrorCode.protocolError.rawValue))
        #expect(server.session.ending == nil && server.session.openStreams == 1)
    }

    @Test("a malformed request is not returned if its body follows before its reset leaves")
    func malformedWithBody() throws {
        let server = TestServer()
        try server.receive(
            RawFrame.opening + RawFrame.headers(1, RawFrame.block(TestHeads.call + [("Bad", "x")]))
                + RawFrame.data(1, [1, 2]) + RawFrame.data(1, [3], flags: RawFrame.endStream))
        #expect(server.requests.isEmpty)
        #expect(Array(server.output().suffix(13)) == RawFrame.reset(1, HTTP2ErrorCode.protocolError.rawValue))
        #expect(server.session.openStreams == 0)
    }

    @Test(
        "a request with malformed trailers is not returned",
        arguments: [RawFrame.endHeaders, RawFrame.endHeaders | RawFrame.endStream])
    func malformedTrailers(_ flags: UInt8) throws {
        let server = TestServer()
        try server.receive(
            RawFrame.opening + RawFrame.headers(1, RawFrame.block(TestHeads.call)) + RawFrame.data(1, [1, 2])
                + RawFrame.headers(1, RawFrame.literal("Bad", "x"), flags: flags))
        try? server.receive(RawFrame.data(1, [3], flags: RawFrame.endStream))
        #expect(server.requests.isEmpty)
        _ = server.output()
        #expect(server.session.openStreams == 0 || server.session.ending != nil)
    }

    @Test("a body that is not as long as announced resets its stream")
    func contentLength() throws {
        let server = TestServer()
        try server.receive(
            RawFrame.opening + RawFrame.headers(1, RawFrame.block(TestHeads.call + [("content-length", "5")]))
                + RawFrame.data(1, [1, 2], flags: RawFrame.endStream))
        #expect(server.requests.isEmpty)
        #expect(Array(server.output().suffix(13)) == RawFrame.reset(1, HTTP2ErrorCode.protocolError.rawValue))
    }

    @Test(
        "a violation of the connection ends it with GOAWAY, and has a stable name",
        arguments: [
            // An even stream.
            (RawFrame.headers(2, RawFrame.block(TestHeads.get), flags: whole), HTTP2Violation.protocolError),
            // DATA on a stream that was never opened.
            (RawFrame.data(7, [1]), .protocolError),
            // RST_STREAM on such a stream.
            (RawFrame.reset(9), .protocolError),
            // A frame that is longer than SETTINGS_MAX_FRAME_SIZE.
            (RawFrame.data(1, Array(repeating: 0, count: 20_000)), .frameSizeError),
            // A PING of seven bytes.
            (RawFrame.frame(6, Array(repeating: 0, count: 7)), .frameSizeError),
            // An index that is in no table.
            (RawFrame.headers(1, [0xff, 0xff, 0x7f], flags: whole), .compressionError),
            // A window beyond 2^31 - 1.
            (RawFrame.windowUpdate(0, 0x7fff_ffff), .flowControlError),
            // A frame between HEADERS and CONTINUATION.
            (RawFrame.headers(1, RawFrame.block(TestHeads.get), flags: 0) + RawFrame.ping(), .protocolError),
            // PUSH_PROMISE of a client.
            (RawFrame.frame(5, flags: 4, stream: 1, [0, 0, 0, 2]), .protocolError),
        ])
    func connection(_ bytes: [UInt8], _ violation: HTTP2Violation) throws {
        let server = TestServer()
        try server.receive(RawFrame.opening)
        _ = server.output()
        try server.receive(bytes)
        let output = server.output()
        #expect(server.session.ending == violation)
        #expect(output[3] == 7)
        #expect(server.session.isFinished && server.requests.isEmpty)
    }

    @Test("DATA after the end of a request does not reach it")
    func dataAfterEnd() throws {
        let server = TestServer()
        try server.receive(
            RawFrame.opening + RawFrame.headers(1, RawFrame.block(TestHeads.get), flags: Self.whole) + RawFrame.data(1, [1, 2, 3]))
        #expect(server.requests.allSatisfy { $0.bodyCount == 0 })
        let output = server.output()
        let isReset = Array(output.suffix(13)) == RawFrame.reset(1, HTTP2ErrorCode.streamClosed.rawValue)
        #expect(isReset || server.session.ending == .streamClosed)
    }
}

@Suite("Random bytes over HTTP/2")
struct RandomBytesTests {
    @Test("bytes of a client with errors in them break no bound", arguments: 0..<8)
    func mutated(_ choice: Int) {
        var generator = SplitMix64(seed: UInt64(choice))
        for _ in 0..<200 {
            let client = HTTP2Client()
            for _ in 0..<3 { _ = client.request(TestHeads.call, body: [1, 2, 3]) }
            var bytes = [UInt8(choice)] + client.output()
            for _ in 0..<Int.random(in: 0..<6, using: &generator) {
                let index = Int.random(in: 25..<bytes.count, using: &generator)
                bytes[index] = UInt8.random(in: 0...255, using: &generator)
            }
            HTTP2Session.fuzz(ByteBuffer(bytes: bytes))
        }
    }
}
