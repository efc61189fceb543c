internal import DoormanCore
internal import DoormanWire
internal import Logging
internal import NIOCore

/// Performs what ``ServerConnection`` decides, on the event loop of its socket: reads in, one write per read out.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let shared: Shared
    private let reader: RequestReader
    private var connection: ServerConnection
    private var context: ChannelHandlerContext?
    private var work: [StreamID: Task<Void, Never>] = [:]
    private var timer: Scheduled<Void>?
    private var timerInstant = Instant.distantFuture
    private var flushIsScheduled = false
    private var isReadPending = false
    private var tally = AnswerTally()

    /// What the connections of one server share.
    struct Shared: Sendable {
        let backend: AuthBackend
        let limits: ConnectionLimits
        let metrics: ServerMetrics
        let logger: Logger
    }

    init(shared: Shared, reader: RequestReader) {
        self.shared = shared
        self.reader = reader
        self.connection = ServerConnection(limits: shared.limits, now: shared.backend.timeSource.now())
    }

    private var now: Instant { shared.backend.timeSource.now() }

    // MARK: - The socket's events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        context.read()
        rearmTimer()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let now = now
        let directive = connection.receive(unwrapInboundIn(data), now: now) { data, isDraining in
            reader.decide(data, isDraining: isDraining, now: now, tally: &tally)
        }
        startCalls()
        if directive != .keep { perform(directive) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        shared.metrics.record(tally)
        tally = AnswerTally()
        flush()
        rearmTimer()
        if context.channel.isWritable { context.read() } else { isReadPending = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            connection.unblockOutput(now: now)
            if isReadPending {
                isReadPending = false
                context.read()
            }
        } else {
            connection.blockOutput(now: now)
        }
        rearmTimer()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed:
            perform(connection.endInput())
        case is DrainBegan:
            connection.drain(now: now)
            rearmTimer()
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset, mostly: the peer is gone, and there is nobody to tell.
        shared.logger.debug("a connection failed", metadata: ["error": "\(error)"])
        context.close(promise: nil)
    }

    // MARK: - Calls

    private func startCalls() {
        for started in connection.takeStarted() {
            let loop = context?.eventLoop
            let handler = loop.map { NIOLoopBound(self, eventLoop: $0) }
            let (backend, metrics) = (shared.backend, shared.metrics)
            let began = now
            work[started.streamID] = Task {
                let (data, failure) = await backend.answer(started.call, deadline: started.deadline)
                metrics.recordFinished(
                    started.call.method, failure: failure, after: began.duration(to: backend.timeSource.now()))
                loop?.execute { handler?.value.finish(started.streamID, with: data) }
            }
        }
    }

    private func finish(_ streamID: StreamID, with data: [UInt8]) {
        guard work.removeValue(forKey: streamID) != nil else { return }
        let directive = connection.answer(streamID, with: data, now: now)
        // Answers of one flight arrive together: they leave in one write.
        if !flushIsScheduled, let context {
            flushIsScheduled = true
            let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
            context.eventLoop.execute { handler.value.flushScheduled() }
        }
        if directive != .keep { perform(directive) }
    }

    private func flushScheduled() {
        flushIsScheduled = false
        flush()
        rearmTimer()
    }

    // MARK: - Output, time, the end

    private func flush() {
        guard let context, let output = connection.takeOutput() else { return }
        context.writeAndFlush(wrapOutboundOut(output), promise: nil)
    }

    private func perform(_ directive: ServerConnection.Directive) {
        guard let context else { return }
        flush()
        switch directive {
        case .keep:
            return
        case .halfClose:
            context.close(mode: .output, promise: nil)
        case .close(let closing):
            log(closing, context.remoteAddress)
            shared.metrics.recordClosed(closing.name)
            // A peer that does not read would keep a graceful close waiting for it.
            context.close(promise: nil)
        }
    }

    /// One timer a connection, moved only when something is due earlier: a hit touches no timer.
    private func rearmTimer() {
        let next = connection.nextTimer
        guard let context, next < timerInstant else { return }
        timer?.cancel()
        timerInstant = next
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        let delay = TimeAmount.nanoseconds(max(0, now.duration(to: next).nanoseconds))
        timer = context.eventLoop.scheduleTask(in: delay) { handler.value.timerFired() }
    }

    private func timerFired() {
        timerInstant = .distantFuture
        let (expired, directive) = connection.timePassed(now: now)
        if !expired.isEmpty {
            shared.metrics.recordExpired(expired.count)
            for streamID in expired { work.removeValue(forKey: streamID)?.cancel() }
        }
        perform(directive)
        flush()
        rearmTimer()
    }

    private func end() {
        timer?.cancel()
        timer = nil
        timerInstant = .distantFuture
        for task in work.values { task.cancel() }
        work = [:]
    }

    private func log(_ closing: ServerConnection.Closing, _ peer: SocketAddress?) {
        let level: Logger.Level =
            switch closing {
            case .peerClosed, .idle: .debug
            case .violation, .frameTimeout, .notReading: .notice
            }
        shared.logger.log(
            level: level, "closed a connection: \(closing.explanation)",
            metadata: ["peer": "\(peer?.description ?? "a Unix socket")"])
    }
}

/// Tells a connection's handler that the server drains.
struct DrainBegan: Sendable {}

extension ServerConnection.Closing {
    /// The value of the metric's label `why`.
    var name: String {
        switch self {
        case .peerClosed: "peer_closed"
        case .violation(.notTTRPC): "not_ttrpc"
        case .violation(.frameTooLong): "frame_too_long"
        case .frameTimeout: "frame_timeout"
        case .idle: "idle"
        case .notReading: "not_reading"
        }
    }

    /// For the log: what happened, and which setting or mistake is behind it.
    var explanation: String {
        switch self {
        case .peerClosed: "the peer closed it"
        case .violation(.notTTRPC(firstByte: 0x16)): "its first byte is 0x16: TLS on a port that speaks plain ttrpc"
        case .violation(.notTTRPC(let firstByte)) where "GPHDOTC".utf8.contains(firstByte):
            "its first byte is '\(Character(UnicodeScalar(firstByte)))': HTTP on a port that speaks ttrpc?"
        case .violation(.notTTRPC(firstByte: UInt8(ascii: "S"))): "its first byte is 'S': SSH on a port that speaks ttrpc?"
        case .violation(.notTTRPC(let firstByte)): "its first byte is \(firstByte), where ttrpc has 0"
        case .violation(.frameTooLong(let length)): "a frame of \(length) bytes is longer than the 4 MiB of ttrpc"
        case .frameTimeout: "a frame took longer than server.frame-timeout"
        case .idle: "it was silent for server.idle-timeout"
        case .notReading: "it did not read its answers for server.write-timeout"
        }
    }
}
