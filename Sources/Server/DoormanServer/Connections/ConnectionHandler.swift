internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import Logging
internal import NIOCore

/// Gives a ``ServerConnection`` its socket, on that socket's event loop: reads in, one write per read out, or a few where a read brought
/// many calls.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let shared: Shared
    private let dispatcher: RequestDispatcher
    private var caller: CallerContext
    private let path: Path
    private var connection: ServerConnection
    private var context: ChannelHandlerContext?
    private var work: [ServerConnection.CallID: Work] = [:]
    private var timer: Scheduled<Void>?
    private var timerInstant = Instant.distantFuture
    private var flushIsScheduled = false
    private var isReadPending = false
    /// Whether the peer reads, as far as the channel has said: asking it costs as much as a look into memory.
    private var isWritable = true
    /// Nil where bytes must take the way through the pipeline.
    private var writer: SocketWriter?
    /// Writes that wait in the channel's queue: what comes later may not overtake them.
    private var queuedWrites = 0
    /// Bytes given to the channel, and how many of them the kernel had taken when last looked at.
    private var bytesWritten = 0
    private var bytesTakenBefore = 0

    /// A call that waits.
    private struct Work {
        let task: Task<Void, Never>
        /// The permit that it holds, if it holds one. Those of the connection may be others by the time that it ends.
        let permits: InFlightPermits?

        func giveUp() {
            task.cancel()
            permits?.giveBack(1)
        }
    }

    /// What the connections of one server share.
    struct Shared: Sendable {
        let backend: any VerificationBackend
        let limits: ConnectionLimits
        let statistics: CoalescedStatisticsReader
        let log: RateLimitedLogger
    }

    /// How a connection's bytes leave.
    enum Path {
        /// Past the channel's pipeline, where this handler is alone in it.
        case socket
        /// Through the pipeline, where TLS is.
        case pipeline
    }

    /// Called on the connection's event loop.
    init(shared: Shared, dispatcher: RequestDispatcher, caller: Caller, path: Path) {
        self.shared = shared
        self.dispatcher = dispatcher
        self.caller = dispatcher.context(for: caller)
        self.path = path
        self.connection = ServerConnection(
            limits: shared.limits, counters: dispatcher.counters, now: shared.backend.timeSource.now())
    }

    private var now: Instant { shared.backend.timeSource.now() }

    // MARK: - The socket's events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if path == .socket { writer = SocketWriter(context.channel) }
        // Over TLS the channel is active long before the caller is known.
        if context.channel.isActive { channelActive(context: context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
        writer = nil
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        context.read()
        rearmTimer()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let now = now
        if caller.generation != dispatcher.policyGeneration { caller = dispatcher.context(for: caller.caller) }
        // A copy of the caller's: what it counts is this read's.
        var read = RequestContext(caller: caller, now: now, isDraining: connection.isDraining)
        read.caller.beginRead(now: now)
        connection.lend(&dispatcher.outputMemory)
        connection.beginRead(unwrapInboundIn(data))
        var mayFlush = true
        while let frame = connection.nextFrame() {
            if mayFlush { mayFlush = connection.flushEarly { writeToSocket(&$0) } }
            guard case .request(let request) = frame else { continue }
            connection.prefetchNext { dispatcher.prefetch($0) }
            let decision = connection.withRequestData { dispatcher.decide($0, prefetched: $1, in: &read) }
            connection.apply(decision, to: request, cached: read.response, now: now)
        }
        let directive = connection.endRead(now: now)
        read.caller.endRead(now: now)
        if read.caller.permitsTaken > 0 || connection.hasStarted { startCalls(read.caller) }
        if directive != .keep { perform(directive) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flush()
        if var memory = connection.takeUnusedMemory() { dispatcher.keep(&memory) }
        rearmTimer()
        if isWritable { context.read() } else { isReadPending = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        if isWritable {
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
        guard !error.isEndWithoutCloseNotify else { return }
        // A reset, mostly: the peer is gone, and can't be told.
        shared.log.log(.debug, about: "connection_failed", "a connection failed", ["error": "\(error)"])
        context.close(promise: nil)
    }

    // MARK: - Calls

    /// - Parameter caller: Holds the permits that the read took.
    private func startCalls(_ caller: CallerContext) {
        let started = connection.takeStarted()
        // What the connection refused by a limit of its own, or because it ends, does not wait.
        let permitted = started.count { $0.call.takesPermit }
        caller.permits.giveBack(caller.permitsTaken - permitted)
        guard let loop = context?.eventLoop else { return caller.permits.giveBack(permitted) }
        for started in started {
            let handler = NIOLoopBound(self, eventLoop: loop)
            let (backend, statistics) = (shared.backend, shared.statistics)
            let task = Task {
                let outcome = await started.call.perform(on: backend, deadline: started.deadline, statistics: statistics)
                loop.execute { handler.value.finish(started, outcome) }
            }
            work[started.id] = Work(task: task, permits: started.call.takesPermit ? caller.permits : nil)
        }
    }

    private func finish(_ started: ServerConnection.StartedCall, _ outcome: AsynchronousCall.Outcome) {
        guard let ended = work.removeValue(forKey: started.id) else { return }
        ended.permits?.giveBack(1)
        dispatcher.counters.countFinished(started.call.method, outcome.failure)
        if case .deleteAccount = started.call, outcome.failure == nil {
            shared.log.log(.notice, about: "account_deleted", "deleted an account", ["caller": "\(caller.caller)"])
        }
        let directive = connection.answer(started.id, with: outcome.response, now: now)
        // Answers of one lookup arrive together: they leave in one write.
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
        guard let context, var output = connection.takeOutput() else { return }
        if writeToSocket(&output) { return dispatcher.keep(&output) }
        bytesWritten += output.readableBytes
        queuedWrites += 1
        let written = context.eventLoop.makePromise(of: Void.self)
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        written.futureResult.whenComplete { _ in handler.value.queuedWrites -= 1 }
        context.writeAndFlush(wrapOutboundOut(output), promise: written)
    }

    /// Writes as much as the kernel takes, if that is the way.
    ///
    /// - Returns: Whether that was all.
    private func writeToSocket(_ output: inout ByteBuffer) -> Bool {
        guard queuedWrites == 0, let writer else { return false }
        let count = output.readableBytes
        writer.write(&output)
        bytesWritten += count - output.readableBytes
        return output.readableBytes == 0
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
            dispatcher.counters.countClosed(closing.name)
            if closing == .peerClosed { closeOnceWritten(context) } else { context.close(promise: nil) }
        }
    }

    /// Closes when the last answer has left, or the time for that is up: closing at once would throw away what waits.
    private func closeOnceWritten(_ context: ChannelHandlerContext) {
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        let loop = context.value.eventLoop
        let limit = loop.scheduleTask(in: .nanoseconds(shared.limits.writeTimeout.nanoseconds)) {
            context.value.close(promise: nil)
        }
        let written = loop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in
            limit.cancel()
            context.value.close(promise: nil)
        }
        context.value.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
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
        noteProgress()
        let (expired, directive) = connection.timePassed(now: now)
        for call in expired { work.removeValue(forKey: call)?.giveUp() }
        perform(directive)
        flush()
        rearmTimer()
    }

    /// A client that reads slowly is not one that does not read.
    private func noteProgress() {
        let waiting = try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)
        let bytesTaken = bytesWritten - (waiting ?? 0)
        if bytesTaken > bytesTakenBefore { connection.noteProgress(now: now) }
        bytesTakenBefore = bytesTaken
    }

    private func end() {
        timer?.cancel()
        timer = nil
        timerInstant = .distantFuture
        for call in work.values { call.giveUp() }
        work = [:]
    }

    private func log(_ closing: ServerConnection.Closing, _ peer: SocketAddress?) {
        let level: Logger.Level =
            switch closing {
            case .peerClosed, .idle: .debug
            case .violation, .frameTimeout, .notReading: .notice
            }
        shared.log.log(
            level, about: closing.name, "closed a connection: \(closing.explanation)",
            ["peer": "\(peer?.description ?? "a Unix socket")"])
    }
}

/// Tells a connection's handler that the server drains.
struct DrainBegan: Sendable {}

extension ServerConnection.Closing {
    /// The name in the statistics.
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
