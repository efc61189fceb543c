internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import Logging
internal import NIOCore

/// Connects a ``ServerConnection`` to its socket, on the socket's event loop. It writes once per read, or a few times if a read
/// brings many calls.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let shared: Shared
    private let dispatcher: RequestDispatcher
    /// The monotonic clock. A turn reads it twice, and the way to it through ``Shared`` costs more than the reading.
    private let clock: @Sendable () -> Instant
    private var caller: CallerContext
    /// Counts this connection among those of the caller. A new policy does not change it.
    private let permit: ConnectionPermit
    private let path: Path
    private var connection: ServerConnection
    private var context: ChannelHandlerContext?
    private var pendingCalls: [ServerConnection.CallID: PendingCall] = [:]
    private var timer: Scheduled<Void>?
    private var timerInstant = Instant.distantFuture
    private var flushIsScheduled = false
    private var isReadPending = false
    /// Whether frames wait for the next turn. Nothing is read until then.
    private var framesWait = false
    private var isTurnScheduled = false
    /// Whether the peer has sent FIN after the frames that wait.
    private var hasInputEnded = false
    /// Whether the channel is writable, cached: to query the channel costs as much as a cache lookup.
    private var isWritable = true
    /// `nil` if bytes must go through the pipeline.
    private var writer: SocketWriter?
    /// The number of writes in the channel's queue. Later bytes must not overtake them.
    private var queuedWrites = 0
    /// The bytes given to the channel, and how many of them the kernel had accepted at the last check.
    private var bytesWritten = 0
    private var lastBytesAccepted = 0

    /// A call in flight.
    private struct PendingCall {
        let task: Task<Void, Never>
        /// The permits that the call holds, or `nil`. The connection's own may change before the call ends.
        let permits: InFlightPermits?

        func cancel() {
            task.cancel()
            permits?.release(1)
        }
    }

    /// The state that all connections of a server share.
    struct Shared: Sendable {
        let backend: any VerificationBackend
        let limits: ConnectionLimits
        let statistics: CoalescedStatisticsReader
        let log: RateLimitedLogger
        /// The logger of acts of callers.
        let audit: Logger
    }

    /// The path of a connection's outgoing bytes.
    enum Path {
        /// Past the channel's pipeline, in which this handler is alone.
        case socket
        /// Through the pipeline, which has TLS.
        case pipeline
    }

    /// Creates the handler. Called on the connection's event loop.
    ///
    /// - Parameters:
    ///   - certificateLifetime: The time for which the caller's certificate is still valid; `nil` without a certificate.
    /// - Returns: `nil` if the caller has as many connections as it may.
    init?(
        shared: Shared, dispatcher: RequestDispatcher, caller: CallerContext, path: Path, certificateLifetime: Duration? = nil
    ) {
        guard let permit = ConnectionPermit(of: caller) else { return nil }
        self.permit = permit
        self.shared = shared
        self.dispatcher = dispatcher
        self.caller = caller
        self.path = path
        clock = shared.backend.timeSource.now
        let now = clock()
        // Connections that began together must not end together.
        let age = shared.limits.maximumAge * Double.random(in: 0.9...1)
        self.connection = ServerConnection(
            limits: shared.limits,
            lifetime: ConnectionLifetime(
                since: now, limits: shared.limits, maximumAge: age, certificateLifetime: certificateLifetime),
            counters: dispatcher.counters, callerName: caller.counted.name, now: now)
    }

    private var now: Instant { clock() }

    // MARK: - The socket's events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if path == .socket { writer = SocketWriter(context.channel) }
        // Over TLS the channel is active before the handshake identifies the caller.
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
        connection.beginRead(unwrapInboundIn(data))
        // TLS may bring several reads at once. The frames that wait come first.
        if !framesWait { takeTurn() }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        endTurn(context)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        if isWritable {
            connection.unblockOutput(now: now)
            if framesWait {
                scheduleTurn(context)
            } else if isReadPending {
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
            // The calls of the frames that wait get their responses.
            if framesWait { hasInputEnded = true } else { perform(connection.endInput()) }
        case let drain as DrainBegan:
            connection.drain(drain.cause, now: now)
            rearmTimer()
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // The channel ends with the peer's FIN if the server has sent its own.
        if let closing = connection.endHalfClosed() { report(closing, context) }
        end()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !error.isEndWithoutCloseNotify else { return }
        // Mostly a reset: the peer is gone and can't get a response.
        shared.log.log(.debug, about: "connection_failed", "connection failed", ["error": "\(error)"])
        context.close(promise: nil)
    }

    // MARK: - Turns

    /// Handles the frames that have arrived, up to the bounds of a turn.
    private func takeTurn() {
        let now = now
        if caller.generation != dispatcher.policyGeneration { caller = dispatcher.context(for: caller.caller) }
        connection.checkLifetime(now: now)
        // A copy of the caller's context, whose counts belong to this turn.
        var turn = RequestContext(caller: caller, now: now, isDraining: connection.isDraining)
        turn.caller.beginRead(now: now)
        connection.lendBuffer(&dispatcher.outputBuffer)
        let limit = ServerConnection.TurnLimit(outputBytes: shared.limits.writeBufferHighWaterMark - queuedBytes)
        framesWait = connection.takeTurn(dispatcher, in: &turn, limit: limit) { writeToSocket(&$0) } == .framesWait
        let end = self.now
        dispatcher.counters.recordHits(from: now, to: end)
        var directive = connection.endRead(now: end)
        turn.caller.endRead(now: now)
        if turn.forbiddenCalls > 0, directive == .keep { directive = connection.note(forbiddenCalls: turn.forbiddenCalls) }
        if turn.caller.permitsTaken > 0 || connection.hasStarted { startCalls(turn.caller) }
        if directive != .keep { perform(directive) }
    }

    /// Writes the responses of a turn. Then reads on, unless frames or unsent responses wait.
    private func endTurn(_ context: ChannelHandlerContext) {
        flush()
        if var buffer = connection.takeUnusedBuffer() { dispatcher.recycle(&buffer) }
        rearmTimer()
        if framesWait {
            if isWritable { scheduleTurn(context) }
        } else if isWritable {
            context.read()
        } else {
            isReadPending = true
        }
    }

    /// The time until the next turn. The event loop runs all tasks that are due before it looks at its sockets, so a task that is due at
    /// once would hold them up.
    private static let turnPause = TimeAmount.microseconds(200)

    /// Takes the next turn after the other connections of the event loop have had theirs.
    private func scheduleTurn(_ context: ChannelHandlerContext) {
        guard !isTurnScheduled else { return }
        isTurnScheduled = true
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.turnPause) { handler.value.scheduledTurn() }
    }

    private func scheduledTurn() {
        isTurnScheduled = false
        guard framesWait, isWritable, let context else { return }
        takeTurn()
        if hasInputEnded, !framesWait { perform(connection.endInput()) }
        endTurn(context)
    }

    // MARK: - Calls

    /// Starts the calls of a turn.
    ///
    /// - Parameter caller: The context that holds the permits of the turn.
    private func startCalls(_ caller: CallerContext) {
        let started = connection.takeStarted()
        // The connection may not start a call, by its own limit or because it ends. Such a call needs no permit.
        let permitted = started.count { $0.call.takesPermit }
        caller.permits.release(caller.permitsTaken - permitted)
        guard let loop = context?.eventLoop else { return caller.permits.release(permitted) }
        for started in started {
            let handler = NIOLoopBound(self, eventLoop: loop)
            let (backend, statistics, audit, name) = (shared.backend, shared.statistics, shared.audit, caller.caller)
            let task = Task {
                let outcome = await started.call.perform(on: backend, deadline: started.deadline, statistics: statistics)
                // Here, because a call outlives its deadline and its connection, and may have done its act.
                started.call.logAct(of: name, outcome, to: audit)
                loop.execute { handler.value.finish(started, outcome) }
            }
            pendingCalls[started.id] = PendingCall(task: task, permits: started.call.takesPermit ? caller.permits : nil)
        }
    }

    /// Logs a bug of ours, and notes an exceeded limit.
    private func log(_ call: AsynchronousCall, _ outcome: AsynchronousCall.Outcome) {
        if let message = outcome.internalError {
            shared.log.log(
                .error, about: "internal_error", "internal error: report this bug of Doorman",
                ["method": "\(call.method.service)/\(call.method.name)", "cause": "\(message)"])
        }
        if outcome.failure == .tooManyDenials {
            dispatcher.counters.note(
                CallerEvent(caller: caller.counted.name, kind: .limitExceeded("cache.max-denials")))
        }
        if let limit = outcome.exceededLimit {
            dispatcher.counters.note(CallerEvent(caller: nil, kind: .limitExceeded(limit)))
        }
    }

    private func finish(_ started: ServerConnection.StartedCall, _ outcome: AsynchronousCall.Outcome) {
        guard let ended = pendingCalls.removeValue(forKey: started.id) else { return }
        ended.permits?.release(1)
        let now = now
        dispatcher.counters.countFinished(
            started.call.method, from: outcome.source, outcome.failure, took: started.began.duration(to: now))
        if outcome.failure != nil { log(started.call, outcome) }
        let directive = connection.answer(started.id, with: outcome.response, now: now)
        // Responses of one lookup arrive together, and leave in one write.
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

    // MARK: - Output, timer and close

    private func flush() {
        guard let context, var output = connection.takeOutput() else { return }
        if writeToSocket(&output) { return dispatcher.recycle(&output) }
        bytesWritten += output.readableBytes
        queuedWrites += 1
        let written = context.eventLoop.makePromise(of: Void.self)
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        written.futureResult.whenComplete { _ in handler.value.queuedWrites -= 1 }
        context.writeAndFlush(wrapOutboundOut(output), promise: written)
    }

    /// The bytes in the channel's queue.
    private var queuedBytes: Int {
        guard queuedWrites > 0, let options = context?.channel.syncOptions else { return 0 }
        return (try? options.getOption(.bufferedWritableBytes)) ?? 0
    }

    /// Writes as many bytes as the kernel accepts, if the connection writes to its socket.
    ///
    /// - Returns: Whether all bytes were written.
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
            // The frames that wait get no response. Reading on lets the peer finish its write and see the FIN.
            if framesWait { context.read() }
            framesWait = false
            halfCloseOnceWritten(context)
        case .close(let closing):
            framesWait = false
            report(closing, context)
            switch closing {
            case .peerClosed, .drained, .noPermission: closeOnceWritten(context)
            case .violation, .frameTimeout, .idle, .notReading: context.close(promise: nil)
            }
        }
    }

    /// Sends FIN after the last response is written. ``ServerSettings/drainTimeout`` ends the connection of a peer that does not read.
    private func halfCloseOnceWritten(_ context: ChannelHandlerContext) {
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        let written = context.value.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in context.value.close(mode: .output, promise: nil) }
        context.value.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
    }

    /// Closes after the last response is written, or after ``ConnectionLimits/writeTimeout``. An immediate close would discard
    /// pending writes.
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

    /// Rearms the connection's only timer, if something is due earlier. A cache hit touches no timer.
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
        reportProgress()
        let (expired, directive) = connection.timePassed(now: now)
        for call in expired { pendingCalls.removeValue(forKey: call)?.cancel() }
        perform(directive)
        flush()
        rearmTimer()
    }

    /// Reports progress to the connection. A client that reads slowly is not one that does not read.
    private func reportProgress() {
        let waiting = try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)
        let bytesAccepted = bytesWritten - (waiting ?? 0)
        if bytesAccepted > lastBytesAccepted { connection.noteProgress(now: now) }
        lastBytesAccepted = bytesAccepted
    }

    private func end() {
        framesWait = false
        timer?.cancel()
        timer = nil
        timerInstant = .distantFuture
        for call in pendingCalls.values { call.cancel() }
        pendingCalls = [:]
    }

    /// Counts and logs the end of the connection.
    private func report(_ closing: ServerConnection.Closing, _ context: ChannelHandlerContext) {
        dispatcher.counters.countClosed(closing.name)
        let level: Logger.Level =
            switch closing {
            case .peerClosed, .idle, .drained(.shutdown), .drained(.maximumAge): .debug
            case .violation, .frameTimeout, .notReading, .drained, .noPermission: .notice
            }
        shared.log.log(
            level, about: closing.name, "closed a connection",
            [
                "reason": "\(closing.explanation)", "peer": "\(context.remoteAddress?.text ?? "a Unix socket")",
                "caller": "\(caller.caller)",
            ])
    }
}

extension ServerConnection.Closing {
    /// The reason's name in the statistics.
    var name: String {
        switch self {
        case .peerClosed: "peer_closed"
        case .violation(.notTTRPC): "not_ttrpc"
        case .violation(.frameTooLong): "frame_too_long"
        case .frameTimeout: "frame_timeout"
        case .idle: "idle"
        case .notReading: "not_reading"
        case .drained(.shutdown): "peer_closed"
        case .drained(.maximumAge): "max_connection_age"
        case .drained(.certificateExpired): "tls_client_certificate_expired"
        case .drained(.certificateRefused): "tls_client_certificate_refused"
        case .noPermission: "no_permission"
        }
    }

    /// The explanation in the log: the cause, and the setting or mistake behind it.
    var explanation: String {
        switch self {
        case .peerClosed: "the peer closed the connection"
        case .violation(.notTTRPC(firstByte: 0x16)): "the first byte is 0x16: TLS on a port for plain ttrpc?"
        case .violation(.notTTRPC(let firstByte)) where "GPHDOTC".utf8.contains(firstByte):
            "the first byte is '\(Character(UnicodeScalar(firstByte)))': HTTP on a port for ttrpc?"
        case .violation(.notTTRPC(firstByte: UInt8(ascii: "S"))): "the first byte is 'S': SSH on a port for ttrpc?"
        case .violation(.notTTRPC(let firstByte)): "the first byte is \(firstByte), but that of a ttrpc frame is 0"
        case .violation(.frameTooLong(let length)): "a frame of \(length) bytes exceeds the 4 MiB that ttrpc allows"
        case .frameTimeout: "a frame exceeded server.frame-timeout"
        case .idle: "the connection was idle for server.idle-timeout"
        case .notReading: "the peer read no responses for server.write-timeout"
        case .drained(.shutdown): "the server drains"
        case .drained(.maximumAge): "the connection reached server.max-connection-age"
        case .drained(.certificateExpired): "the caller's certificate has expired"
        case .drained(.certificateRefused):
            "the caller's certificate is not issued by an authority that is now in tls.client-ca-file"
        case .noPermission:
            "a caller without any permission made \(ServerConnection.maximumForbiddenCalls) calls: see authorization.policy-file"
        }
    }
}
