import CallerLimits
import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import NIOConcurrencyHelpers
import NIOCore
import TestKit
import Testing

/// Tests how much one connection gets done before the other connections of its event loop.
@Suite("Turns of a connection")
struct TurnTests {
    /// Frames that are no cache hits.
    enum Kind: CaseIterable, Sendable {
        case malformed, unknownMethod, evenStream, dataFrame, oversized, health, forbidden, overRate, ignored

        func frame(_ streamID: UInt32) throws -> [UInt8] {
            switch self {
            case .malformed: RawFrame(streamID: streamID, type: 1, data: [0xff]).bytes
            case .unknownMethod:
                RawFrame(streamID: streamID, type: 1, data: [0x0a, 1, UInt8(ascii: "s"), 0x12, 1, UInt8(ascii: "m")]).bytes
            case .evenStream: RawFrame(streamID: streamID + 1, type: 1, data: []).bytes
            case .dataFrame: RawFrame(streamID: streamID, type: 3, data: []).bytes
            case .oversized: RawFrame(streamID: streamID, type: 1, data: Array(repeating: 0, count: 2000)).bytes
            case .health: try Frames.health(streamID: streamID)
            case .forbidden: try Frames.listAccounts(streamID: streamID)
            case .overRate: try Frames.verify("cached", streamID: streamID)
            case .ignored: RawFrame(streamID: streamID, type: 9, data: []).bytes
            }
        }
    }

    private func makeParts(
        _ policy: CallerPolicy = .standard, backend: ScriptedBackend = ScriptedBackend(ScriptedProvider.held())
    ) -> (TTRPCConnection, RequestDispatcher, RequestContext) {
        var settings = ServerSettings()
        settings.connection.maximumFrameLength = 1000
        let dispatcher = RequestDispatcher(
            backend: backend, policy: policy, quotas: CallerQuotaRegistry(maximumCallers: 1),
            inFlight: InFlightCounter(maximum: 10_000), settings: settings)
        let now = backend.timeSource.now()
        let connection = TTRPCConnection(
            ConnectionState(limits: settings.connection, counters: dispatcher.counters, now: now))
        let caller = dispatcher.context(for: Caller(name: "ip:127.0.0.1"))
        return (connection, dispatcher, RequestContext(caller: caller, now: now, isDraining: false))
    }

    @Test("a turn handles at most 64 frames that are no hits", arguments: Kind.allCases)
    func frames(kind: Kind) throws {
        var limits = CallerQuota.Limits()
        if kind == .overRate { limits.calls = RateLimit(perSecond: 1, burst: 1) }
        var (connection, dispatcher, context) = makeParts(.granting(.verify, to: [Caller(name: "ip:127.0.0.1")], limits))
        if kind == .overRate {
            context.caller.beginTurn(now: context.now)
            _ = context.caller.takeCall()
        }
        let frames = try (0..<200).map { try kind.frame(UInt32(2 * $0 + 1)) }
        connection.receive(ByteBuffer(bytes: frames.joined()))
        let limit = TurnLimit(outputBytes: 1 << 20)
        for handled in [64, 128, 192] {
            #expect(connection.takeTurn(dispatcher, in: &context, limit: limit) { _ in false } == .framesWait)
            #expect(responses(&connection) == (kind == .ignored ? 0 : 64), "after \(handled) frames")
        }
        #expect(connection.takeTurn(dispatcher, in: &context, limit: limit) { _ in false } == .finished)
    }

    @Test("a turn handles 512 hits")
    func hits() throws {
        var (connection, dispatcher, context) = makeParts()
        connection.receive(ByteBuffer(bytes: try (0..<600).flatMap { try Frames.verify("cached", streamID: UInt32(2 * $0 + 1)) }))
        let limit = TurnLimit(outputBytes: 1 << 20)
        #expect(connection.takeTurn(dispatcher, in: &context, limit: limit) { _ in false } == .framesWait)
        #expect(responses(&connection) == 512)
        #expect(connection.takeTurn(dispatcher, in: &context, limit: limit) { _ in false } == .finished)
        #expect(responses(&connection) == 88)
    }

    @Test("a turn exceeds the write high-water mark by one response at most")
    func output() throws {
        var (connection, dispatcher, context) = makeParts()
        connection.receive(ByteBuffer(bytes: try (0..<500).flatMap { try Frames.verify("cached", streamID: UInt32(2 * $0 + 1)) }))
        #expect(
            connection.takeTurn(dispatcher, in: &context, limit: .init(outputBytes: 4096)) { _ in false } == .framesWait)
        let bytes = connection.takeOutput()?.readableBytes ?? 0
        #expect(bytes > 4096)
        #expect(bytes < 4096 + 200)
    }

    @Test("a connection has one statistics call in flight")
    func statistics() throws {
        var (connection, dispatcher, context) = makeParts()
        connection.receive(ByteBuffer(bytes: try (0..<20).flatMap { try Frames.statistics(streamID: UInt32(2 * $0 + 1)) }))
        _ = connection.takeTurn(dispatcher, in: &context, limit: .init(outputBytes: 1 << 20)) { _ in false }
        let started = connection.takeStarted()
        #expect(started.count == 1)
        #expect(responses(&connection) == 19)
        let call = try #require(started.first)
        #expect(connection.answer(call.id, with: EncodedResponse(bytes: [0x12, 0]), now: context.now) == .keep)
        #expect(responses(&connection) == 1)
        connection.receive(ByteBuffer(bytes: try Frames.statistics(streamID: 1)))
        _ = connection.takeTurn(dispatcher, in: &context, limit: .init(outputBytes: 1 << 20)) { _ in false }
        #expect(connection.takeStarted().count == 1)
    }

    @Test("the call of another connection is answered between the turns of a flood", .timeLimit(.minutes(5)))
    func fairness() async throws {
        try await withServer { _, port in
            let flood = try RawPeer.connect(port: port)
            // At least one of them shares the flood's event loop.
            let others = try (0..<2 * System.coreCount).map { _ in try RawPeer.connect(port: port) }
            // Ten thousand failures in the kernel's buffers, and no reader: turns stop at the write high-water mark.
            let frames = Array((0..<10_000).map { RawFrame(streamID: UInt32(2 * $0 + 1), type: 1, data: [0xff]).bytes }.joined())
            async let sent: Void = flood.send(frames)
            for index in 0..<100 {
                let other = others[index % others.count]
                try await other.send(Frames.verify("cached", streamID: UInt32(2 * index + 1)))
                #expect(try await other.readFrame().identity == .someone)
            }
            for index in 0..<10_000 {
                let response = try await flood.readFrame()
                #expect(response.streamID == UInt32(2 * index + 1))
                #expect(response.failure == .malformedRequest)
            }
            try await sent
        }
    }

    @Test("a draining connection reads on while frames wait, so that its peer sees the end", .timeLimit(.minutes(5)))
    func drainOfFlood() async throws {
        try await withServer(settings: { $0.drainTimeout = .seconds(600) }) { server, port in
            let flood = try RawPeer.connect(port: port)
            let block = Array((0..<5900).map { RawFrame(streamID: UInt32(2 * $0 + 1), type: 1, data: [0xff]).bytes }.joined())
            let hasEnded = NIOLockedValueBox(false)
            // Sends until the reader has seen the server's FIN.
            async let sent: Void = {
                while !hasEnded.withLockedValue({ $0 }) { try await flood.send(block) }
                flood.close()
            }()
            async let read: Void = {
                while (try? await flood.readFrame()) != nil {}
                hasEnded.withLockedValue { $0 = true }
            }()
            try await eventually("the flood runs") { await server.failures(.malformedRequest) > 0 }
            await server.drain()
            try await sent
            await read
        }
    }

    @Test("unread statistics stay below the write high-water mark", .timeLimit(.minutes(5)))
    func unreadStatistics() async throws {
        try await withServer(settings: { $0.connection.writeBufferHighWaterMark = 16 << 10 }) { server, port in
            let peer = try RawPeer.connect(port: port, receiveBuffer: 4096)
            let other = try RawPeer.connect(port: port)
            let frames = try (0..<5000).flatMap { try Frames.statistics(streamID: UInt32(2 * $0 + 1)) }
            async let sent: Void = peer.send(frames)
            // The reader is slow, but gets a response to each request in the end.
            for index in 0..<20 {
                try await other.send(Frames.statistics(streamID: UInt32(2 * index + 1)))
                #expect(try await other.readFrame().statistics != nil)
            }
            var outcomes: [Failure?: Int] = [:]
            for _ in 0..<5000 { outcomes[try await peer.readFrame().failure, default: 0] += 1 }
            #expect(outcomes[nil, default: 0] >= 1)
            #expect(outcomes[.tooManyCalls, default: 0] >= 1)
            #expect(outcomes.count == 2)
            try await sent
        }
    }

    @Test("all requests before the peer's FIN get their responses")
    func inputEnd() async throws {
        try await withServer { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send((0..<3000).flatMap { RawFrame(streamID: UInt32(2 * $0 + 1), type: 1, data: [0xff]).bytes })
            try peer.halfClose()
            for index in 0..<3000 { #expect(try await peer.readFrame().streamID == UInt32(2 * index + 1)) }
            #expect(try await peer.readUntilEnd().isEmpty)
        }
    }

    /// Returns the number of responses in the output, and takes it.
    private func responses(_ connection: inout TTRPCConnection) -> Int {
        guard var output = connection.takeOutput() else { return 0 }
        var count = 0
        while let length = output.readInteger(as: UInt32.self) {
            output.moveReaderIndex(forwardBy: 6 + Int(length))
            count += 1
        }
        return count
    }
}
