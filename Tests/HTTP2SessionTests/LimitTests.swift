import DoormanSupport
import HTTP2Session
import Testing

@Suite("Limits of HTTP/2 connections")
struct LimitTests {
    private static let block = RawFrame.block(TestHeads.call)
    private static let whole = RawFrame.endHeaders | RawFrame.endStream

    /// Returns the types of frames.
    private func frames(in bytes: [UInt8]) -> [UInt8] {
        var (types, rest) = ([UInt8](), bytes[...])
        while rest.count >= 9 {
            let header = Array(rest.prefix(9))
            types.append(header[3])
            rest = rest.dropFirst(9 + (Int(header[0]) << 16 | Int(header[1]) << 8 | Int(header[2])))
        }
        return types
    }

    @Test("connections that together hold too many headers keep no other from making requests")
    func sharedHeaders() throws {
        let pool = HTTP2StreamPool()
        func server() -> TestServer {
            TestServer(
                { limits in
                    limits.sharedIncompleteHeaderBytes = 4096
                    limits.fairIncompleteHeaderBytes = 1024
                }, pool: pool)
        }
        func begin(_ count: Int, at server: TestServer) throws -> Int {
            let requests = (0..<count).flatMap { RawFrame.headers(UInt32(2 * $0 + 1), Self.block, flags: RawFrame.endHeaders) }
            try server.receive(RawFrame.opening + requests)
            return frames(in: server.output()).count { $0 == 3 }
        }
        let greedy = server()
        #expect(try begin(100, at: greedy) > 50, "most requests are refused")
        let other = server()
        #expect(try begin(2, at: other) == 0)
        #expect(try begin(100, at: server()) > 50)
        // The end of the incomplete requests makes room.
        for id in stride(from: UInt32(1), to: 200, by: 2) { try? greedy.receive(RawFrame.reset(id)) }
        do {
            let short = server()
            #expect(try begin(100, at: short) > 50)
        }
        // So does the end of a connection.
        let third = server()
        #expect(try begin(4, at: third) == 0)
    }

    @Test("a body that is too long is dropped, and its request is returned")
    func bodyTooLong() throws {
        let server = TestServer(wantsBody: { _ in 10 })
        try server.receive(
            RawFrame.opening + RawFrame.headers(1, Self.block) + RawFrame.data(1, Array(repeating: 65, count: 10)))
        #expect(server.requests.isEmpty)
        try server.receive(RawFrame.data(1, [65]))
        let request = try #require(server.requests.first)
        #expect(request.bodyIsTooLong && request.bodyCount == 0 && !request.requestHasEnded)
    }

    @Test("a body of the maximum size arrives without an update of its window")
    func largestBody() throws {
        let server = TestServer()
        let client = HTTP2Client()
        try server.exchange(with: client)
        _ = client.request(TestHeads.call, body: Array(repeating: 65, count: 64 << 10))
        try server.receive(client.output())
        #expect(server.requests.map(\.bodyCount) == [64 << 10])
    }

    @Test("a body beyond the stream's window arrives with updates of the window")
    func largeBody() throws {
        let server = TestServer({ $0 = HTTP2Limits(bodySize: 4 << 20) }, wantsBody: { _ in 4 << 20 })
        let client = HTTP2Client()
        for count in [271_828, 4 << 20, 271_828] {
            _ = client.request(TestHeads.call, body: Array(repeating: 65, count: count))
            try server.exchange(with: client)
        }
        #expect(server.requests.map(\.bodyCount) == [271_828, 4 << 20, 271_828])
    }

    @Test("many bodies one after the other do not close the connection's window")
    func manyBodies() throws {
        let server = TestServer()
        let client = HTTP2Client()
        for count in 1...64 {
            _ = client.request(TestHeads.call, body: Array(repeating: 65, count: 60_000))
            try server.exchange(with: client)
            #expect(server.requests.count == count)
            server.respond(to: try #require(server.requests.last))
        }
    }

    @Test("bodies that are not wanted do not close the connection's window")
    func unwantedBodies() throws {
        let server = TestServer(wantsBody: { _ in nil })
        let client = HTTP2Client()
        for count in 1...64 {
            _ = client.request(TestHeads.call, body: Array(repeating: 65, count: 60_000))
            try server.exchange(with: client)
            #expect(server.requests.count == count)
            server.respond(to: try #require(server.requests.last))
        }
    }

    @Test("bodies that fill the window without an end are refused from the youngest on, and the rest arrive")
    func incompleteBodies() throws {
        let server = TestServer()
        try server.receive(RawFrame.opening)
        let part = RawFrame.data(0, [])[..<0] + Array(repeating: 65, count: 16_000)
        let ids = (0..<40).map { UInt32($0 * 2 + 1) }
        for id in ids { try server.receive(RawFrame.headers(id, Self.block) + RawFrame.data(id, Array(part))) }
        _ = server.output()
        #expect(server.session.openStreams < 40)
        #expect(server.session.openStreams > 20)
        let survivors = ids.prefix(server.session.openStreams)
        for id in survivors { try server.receive(RawFrame.data(id, [], flags: RawFrame.endStream)) }
        #expect(server.requests.map { UInt32($0.id.rawValue) } == Array(survivors))
    }

    @Test("headers that are too long are reported, and the connection stays")
    func headersTooLong() throws {
        let server = TestServer()
        let client = HTTP2Client()
        let value = String(repeating: "x", count: 12_000)
        _ = client.request(TestHeads.call + [("a", value), ("b", value), ("c", value)], body: [1])
        let id = client.request(TestHeads.call, body: [1])
        try server.exchange(with: client)
        let request = try #require(server.requests.first)
        #expect(request.head.headersAreTooLong)
        #expect(request.head.pathText == "/doorman.v1.Auth/Verify")
        #expect(request.head.text("b") == value && request.head.text("c") == nil)
        #expect(server.requests.last?.id.rawValue == id)
        #expect(server.requests.last?.head.headersAreTooLong == false)
    }

    @Test("a token of 16 KiB fits into the headers")
    func longToken() throws {
        let server = TestServer()
        let client = HTTP2Client()
        _ = client.request(TestHeads.get + [("authorization", "Bearer " + String(repeating: "x", count: 16 << 10))])
        try server.exchange(with: client)
        #expect(server.requests.first?.head.headersAreTooLong == false)
    }

    @Test("a header of one byte that stands for a long one, many times, resets its stream only")
    func headerBomb() throws {
        let server = TestServer()
        let bomb =
            RawFrame.block(TestHeads.get) + RawFrame.indexedLiteral("a", String(repeating: "x", count: 3000))
            + Array(repeating: 0x80 | 62, count: 12_000)
        try server.receive(RawFrame.opening)
        _ = server.output()
        try server.receive(RawFrame.headers(1, bomb, flags: Self.whole) + RawFrame.headers(3, Self.block, flags: Self.whole))
        #expect(server.requests.map(\.id.rawValue) == [3])
        #expect(Array(server.output().prefix(13)) == RawFrame.reset(1, HTTP2ErrorCode.enhanceYourCalm.rawValue))
        #expect(server.session.openStreams == 1 && server.session.ending == nil)
    }

    @Test("endless CONTINUATION frames end the connection")
    func continuationFlood() throws {
        let server = TestServer()
        try server.receive(RawFrame.opening + RawFrame.headers(1, RawFrame.block(TestHeads.get), flags: 0))
        #expect(throws: HTTP2Violation.tooManyContinuations) {
            for _ in 0..<20 { try server.receive(RawFrame.continuation(1, RawFrame.literal("a", "b"))) }
        }
        #expect(server.session.ending == .tooManyContinuations && server.session.isFinished)
    }

    @Test("PING frames that are not fetched end the connection")
    func pingFlood() throws {
        let server = TestServer()
        try server.receive(RawFrame.opening)
        #expect(throws: HTTP2Violation.flooded) {
            for _ in 0..<2000 { try server.receive(RawFrame.ping()) }
        }
    }

    @Test("SETTINGS frames that are not fetched end the connection")
    func settingsFlood() throws {
        let server = TestServer()
        try server.receive(RawFrame.opening)
        #expect(throws: HTTP2Violation.flooded) {
            for _ in 0..<2000 { try server.receive(RawFrame.settings()) }
        }
    }

    @Test("any number of PING frames is answered while the output is fetched")
    func pings() throws {
        let server = TestServer()
        try server.receive(RawFrame.opening)
        for _ in 0..<5000 {
            try server.receive(RawFrame.ping())
            #expect(!server.output().isEmpty)
        }
        #expect(server.session.ending == nil)
    }

    @Test("a SETTINGS frame with too many entries ends the connection")
    func tooManySettings() throws {
        let server = TestServer()
        try server.receive(RawFrame.preface + RawFrame.settings(Array(repeating: (4, 1000), count: 100)))
        _ = server.output()
        #expect(server.session.ending != nil && server.session.isFinished)
    }

    @Test("streams above the limit are refused")
    func concurrentStreams() throws {
        let server = TestServer({ $0.concurrentStreams = 3 })
        var bytes = RawFrame.opening
        for id in stride(from: UInt32(1), through: 9, by: 2) { bytes += RawFrame.headers(id, Self.block, flags: Self.whole) }
        try server.receive(bytes)
        #expect(server.requests.map(\.id.rawValue) == [1, 3, 5])
        #expect(Array(server.output().suffix(13)) == RawFrame.reset(9, HTTP2ErrorCode.refusedStream.rawValue))
    }

    @Test("headers of requests without their bodies are bounded")
    func incompleteHeaders() throws {
        let server = TestServer({ $0.incompleteHeaderBytes = 10_000 })
        let block = Self.block + RawFrame.literal("a", String(repeating: "x", count: 2500))
        try server.receive(RawFrame.opening)
        for id in stride(from: UInt32(1), through: 19, by: 2) { try server.receive(RawFrame.headers(id, block)) }
        let output = server.output()
        #expect(server.session.openStreams == 3)
        #expect(Array(output.suffix(13)) == RawFrame.reset(19, HTTP2ErrorCode.enhanceYourCalm.rawValue))
    }

    @Test("headers of requests without a response are bounded")
    func heldHeaders() throws {
        let server = TestServer({ $0.heldHeaderBytes = 10_000 })
        let block = Self.block + RawFrame.literal("a", String(repeating: "x", count: 2500))
        try server.receive(RawFrame.opening)
        for id in stride(from: UInt32(1), through: 19, by: 2) { try server.receive(RawFrame.headers(id, block, flags: Self.whole)) }
        let output = server.output()
        #expect(server.requests.count == 3)
        #expect(Array(output.suffix(13)) == RawFrame.reset(19, HTTP2ErrorCode.refusedStream.rawValue))
        for request in server.requests { server.respond(to: request) }
        try server.receive(RawFrame.headers(21, block, flags: Self.whole))
        #expect(server.requests.last?.id.rawValue == 21)
    }

    @Test("PRIORITY frames open no streams")
    func priority() throws {
        let server = TestServer()
        try server.receive(RawFrame.opening)
        for id in stride(from: UInt32(1), to: 10_000, by: 2) {
            try server.receive(RawFrame.frame(2, stream: id, [0, 0, 0, 0, 15]))
        }
        #expect(server.session.openStreams == 0 && server.session.ending == nil)
    }

    @Test("requests that do not end are known by their age, and can be reset")
    func slowRequests() throws {
        let server = TestServer()
        try server.receive(RawFrame.opening)
        #expect(server.session.oldestIncompleteRequest == nil)
        for (id, time) in [(UInt32(1), UInt64(100)), (3, 200), (5, 300)] {
            server.now = Instant(nanoseconds: time)
            try server.receive(RawFrame.headers(id, Self.block))
        }
        #expect(server.session.oldestIncompleteRequest == Instant(nanoseconds: 100))
        try server.receive(RawFrame.data(1, [], flags: RawFrame.endStream))
        #expect(server.session.oldestIncompleteRequest == Instant(nanoseconds: 200))
        #expect(!server.session.resetIncompleteRequests(begunBefore: Instant(nanoseconds: 300)))
        #expect(server.session.oldestIncompleteRequest == Instant(nanoseconds: 300))
        #expect(Array(server.output().suffix(13)) == RawFrame.reset(3))
    }

    @Test("headers that take too long are reported, since the connection can't go on", arguments: [false, true])
    func slowHeaders(areTrailers: Bool) throws {
        let server = TestServer()
        try server.receive(RawFrame.opening)
        if areTrailers { try server.receive(RawFrame.headers(1, Self.block)) }
        try server.receive(RawFrame.headers(1, areTrailers ? RawFrame.block([("a", "b")]) : Self.block, flags: RawFrame.endStream))
        #expect(server.session.resetIncompleteRequests(begunBefore: Instant(nanoseconds: 1_000_000)))
        #expect(!server.session.resetIncompleteRequests(begunBefore: Instant(nanoseconds: 1_000_000)))
        #expect(Array(server.output().suffix(13)) == RawFrame.reset(1))
    }

    @Test("a pool keeps a bounded number of objects, and none that is in use")
    func pool() throws {
        let pool = HTTP2StreamPool(maximumCount: 2)
        let session = HTTP2Session(pool: pool, now: Instant(nanoseconds: 0), wantsBody: { _ in 10 })
        var bytes = RawFrame.opening
        for id in stride(from: UInt32(1), through: 9, by: 2) {
            bytes += RawFrame.headers(id, Self.block, flags: Self.whole) + RawFrame.reset(id)
        }
        try session.receive(bytes.span, now: Instant(nanoseconds: 0))
        #expect(pool.count <= 2 && session.openStreams == 0)
        #expect(session.nextRequest() == nil)
    }
}
