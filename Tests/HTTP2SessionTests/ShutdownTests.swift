import DoormanSupport
import Testing

@testable import HTTP2Session

@Suite("Shutdown of an HTTP/2 connection")
struct ShutdownTests {
    private let server = TestServer()
    private let client = HTTP2Client()

    @Test("the last stream is named once the PING is back")
    func drain() throws {
        _ = client.request(TestHeads.call, body: [1])
        try server.exchange(with: client)
        server.session.shutDown()
        client.receive(server.output())
        #expect(client.goAways == [HTTP2Client.GoAway(last: .max, code: 0)])
        #expect(!server.session.refusesStreams && !server.session.isFinished)
        try server.exchange(with: client)
        #expect(client.goAways.map(\.last) == [.max, 1])
        #expect(server.session.refusesStreams && !server.session.isFinished && server.session.ending == nil)
        server.respond(to: try #require(server.requests.first))
        try server.exchange(with: client)
        #expect(client.responses[1]?.closeCode == 0)
        #expect(server.session.isFinished)
    }

    @Test("a request that crosses the announcement is served")
    func crossing() throws {
        try server.exchange(with: client)
        server.session.shutDown()
        let announcement = server.output()
        _ = client.request(TestHeads.call, body: [1])
        try server.receive(client.output())
        client.receive(announcement)
        try server.exchange(with: client)
        #expect(server.requests.count == 1)
        #expect(client.goAways.map(\.last) == [.max, 1])
    }

    @Test("a stream after the last is not served")
    func later() throws {
        try server.receive(RawFrame.opening + RawFrame.headers(1, RawFrame.block(TestHeads.get), flags: 5))
        server.session.shutDown()
        server.session.finishShutDown()
        _ = server.output()
        try server.receive(RawFrame.headers(3, RawFrame.block(TestHeads.get), flags: 5))
        #expect(server.requests.map(\.id.rawValue) == [1])
        server.respond(to: try #require(server.requests.first))
        _ = server.output()
        #expect(server.session.isFinished && server.session.openStreams == 0)
    }

    @Test("a stream that arrives before the last is named is served or refused, as the name says")
    func race() throws {
        try server.receive(RawFrame.opening)
        server.session.finishShutDown()
        _ = server.output(limit: 1)
        try server.receive(RawFrame.headers(1, RawFrame.block(TestHeads.get), flags: 5))
        let output = server.output()
        #expect(server.requests.isEmpty)
        #expect(server.session.openStreams == 0)
        #expect(!output.isEmpty)
    }

    @Test("an idle connection is finished after its shutdown")
    func idle() throws {
        try server.receive(RawFrame.opening)
        _ = server.output()
        server.session.shutDown()
        let announcement = server.output()
        #expect(announcement[3] == 7)
        let ping = Array(announcement.suffix(8))
        #expect(Array(announcement.suffix(17)) == RawFrame.frame(6, ping))
        try server.receive(RawFrame.frame(6, flags: 1, ping))
        #expect(server.session.hasOutput)
        #expect(Array(server.output().suffix(8)) == [0, 0, 0, 0, 0, 0, 0, 0])
        #expect(server.session.isFinished)
    }

    @Test("the PING leaves after the announcement, however small the output is")
    func smallOutput() throws {
        try server.receive(RawFrame.opening)
        server.session.shutDown()
        var types: [UInt8] = []
        while server.session.hasOutput {
            let output = server.output(limit: 1)
            if !output.isEmpty { types.append(output[3]) }
        }
        #expect(types.suffix(2) == [7, 6])
    }

    @Test("a PING of another kind does not end the wait")
    func otherPing() throws {
        try server.receive(RawFrame.opening)
        server.session.shutDown()
        _ = server.output()
        try server.receive(RawFrame.frame(6, flags: 1, Array(repeating: 1, count: 8)))
        #expect(!server.session.hasOutput && !server.session.refusesStreams)
        server.session.finishShutDown()
        #expect(!server.output().isEmpty && server.session.isFinished)
    }

    @Test("the end of the wait without an announcement names the last stream at once")
    func immediate() throws {
        try server.exchange(with: client)
        server.session.finishShutDown()
        client.receive(server.output())
        #expect(client.goAways.map(\.last).last == 0)
    }

    @Test("after GOAWAY of the peer the connection is finished once its streams have ended")
    func peerGoesAway() throws {
        try server.receive(RawFrame.opening + RawFrame.headers(1, RawFrame.block(TestHeads.get), flags: 5))
        #expect(!server.session.peerGoesAway)
        try server.receive(RawFrame.frame(7, Array(repeating: 0, count: 8)))
        #expect(server.session.peerGoesAway && !server.session.isFinished)
        server.respond(to: try #require(server.requests.first))
        #expect(!server.output().isEmpty && server.session.isFinished && server.session.ending == nil)
    }
}

extension HTTP2Session {
    /// Whether the GOAWAY that names the last stream is queued or sent.
    fileprivate var refusesStreams: Bool { unsafe state.pointee.drain == .done }
}
