import CallerLimits
import DoormanCore
import DoormanSupport
import DoormanWire
import Logging
import NIOCore
import NIOPosix
import TestKit
import Testing

@testable import DoormanServer

/// Tests turns on one event loop that serves both peers, too: so what happens between two events does not depend on time.
@Suite("Turns of an event loop", .timeLimit(.minutes(5)))
struct EventLoopTurnTests {
    private static let calls = 20

    @Test("a call waits for a few turns of a flood, not for its end")
    func flood() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let backend = ScriptedBackend(ScriptedProvider.held())
        let dispatcher = NIOLoopBoundBox.makeBoxSendingValue(
            RequestDispatcher(
                backend: backend, policy: .standard, quotas: CallerQuotaRegistry(maximumCallers: 10),
                inFlight: InFlightCounter(maximum: 10), settings: ServerSettings()), eventLoop: loop)
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let log = RateLimitedLogger(logger, now: backend.timeSource.now)
        let services = ConnectionServices(
            backend: backend, limits: ConnectionLimits(), statistics: CoalescedStatisticsReader { [] }, log: log,
            audit: logger, protocols: [.ttrpc], endpoints: [:])
        let listener = try await ServerBootstrap(group: group)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 64 << 10))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let caller = dispatcher.value.context(for: Caller(name: "ip:127.0.0.1"))
                    let connection = try #require(
                        AcceptedConnection(services: services, dispatcher: dispatcher.value, caller: caller, path: .socket))
                    try channel.pipeline.syncOperations.addHandlers(try #require(connection.makeHandlers(for: nil)))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let address = try #require(listener.localAddress)
        let frames = (0..<400_000).map { RawFrame(streamID: UInt32(2 * $0 + 1), type: 1, data: [0xff]).bytes }
        let flood = try await ClientBootstrap(group: group).connect(to: address).get()
        // Responses to the flood are read and dropped.
        flood.writeAndFlush(ByteBuffer(bytes: frames.joined()), promise: nil)
        let done = loop.makePromise(of: [UInt64].self)
        let request = ByteBuffer(bytes: try Frames.verify("cached", streamID: 1))
        let other = try await ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(SequentialCaller(dispatcher.value, request, done))
                }
            }
            .connect(to: address).get()
        let waits = try await done.futureResult.get()
        // A turn is 64 frames. Without turns the call waits for the rest of a read, on average for 2,900 frames.
        #expect(waits.sorted()[Self.calls / 2] < 1000, "\(waits)")
        #expect(waits.contains { $0 > 0 })
        for channel in [flood, other, listener] { try? await channel.close() }
        try await group.shutdownGracefully()
    }

    /// Makes calls one after another. Counts the frames of the flood that are handled while each waits for its response.
    private final class SequentialCaller: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let dispatcher: RequestDispatcher
        private let request: ByteBuffer
        private let done: EventLoopPromise<[UInt64]>
        private var before: UInt64 = 0
        private var waits: [UInt64] = []

        init(_ dispatcher: RequestDispatcher, _ request: ByteBuffer, _ done: EventLoopPromise<[UInt64]>) {
            self.dispatcher = dispatcher
            self.request = request
            self.done = done
        }

        private var handledFrames: UInt64 {
            dispatcher.counters.snapshot.calls[.init(.ttrpc, nil, from: .server, .malformedRequest)] ?? 0
        }

        private func call(_ context: ChannelHandlerContext) {
            before = handledFrames
            context.writeAndFlush(wrapOutboundOut(request), promise: nil)
        }

        func channelActive(context: ChannelHandlerContext) { call(context) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            waits.append(handledFrames - before)
            if waits.count < EventLoopTurnTests.calls { call(context) } else { done.succeed(waits) }
        }
    }
}
