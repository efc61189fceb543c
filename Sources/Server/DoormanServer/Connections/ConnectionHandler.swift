internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import Logging
package import NIOCore

/// Connects a ``ServerConnection`` to its socket, on the socket's event loop. It writes once per turn, or a few times if a turn
/// brings many calls.
package final class ConnectionHandler<Connection: ServerConnection>: ChannelInboundHandler, RemovableChannelHandler {
    package typealias InboundIn = Connection.Inbound
    package typealias OutboundOut = ByteBuffer

    private let accepted: AcceptedConnection
    private let services: ConnectionServices
    private let dispatcher: RequestDispatcher
    /// The monotonic clock. A turn reads it twice, and the way to it through ``ConnectionServices`` costs more than the reading.
    private let clock: @Sendable () -> Instant
    private var caller: CallerContext
    private var connection: Connection
    private var context: ChannelHandlerContext?
    private var pendingCalls: [CallID: PendingCall] = [:]
    private var timer: Scheduled<Void>?
    private var timerInstant = Instant.distantFuture
    private var flushIsScheduled = false
    private var isReadPending = false
    /// The end of the last turn. Unless it finished, nothing is read.
    private var turnEnd = TurnEnd.finished
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
        let method: Method
        let began: Instant

        func cancel() {
            task.cancel()
            permits?.releasePermits(1)
        }
    }

    /// Creates the handler. Called on the connection's event loop.
    ///
    /// - Parameter makeConnection: Creates the connection from its state.
    package init(_ accepted: AcceptedConnection, _ makeConnection: (ConnectionState) -> Connection) {
        self.accepted = accepted
        services = accepted.services
        dispatcher = accepted.dispatcher
        caller = accepted.caller
        clock = accepted.services.backend.timeSource.now
        connection = makeConnection(accepted.makeState())
    }

    private var now: Instant { clock() }

    /// Tells the counters whose events follow.
    @inline(__always)
    private func beginCounting() {
        if let wireProtocol = Connection.wireProtocol { dispatcher.counters.wireProtocol = wireProtocol }
    }

    // MARK: - The socket's events

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if accepted.path == .socket { writer = SocketWriter(context.channel) }
        if let wireProtocol = Connection.wireProtocol { dispatcher.counters.countOpened(wireProtocol) }
        // Over TLS the channel is active before the handshake identifies the caller.
        if context.channel.isActive { channelActive(context: context) }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        end()
        if let wireProtocol = Connection.wireProtocol { dispatcher.counters.countEnded(wireProtocol) }
        writer = nil
        self.context = nil
    }

    package func channelActive(context: ChannelHandlerContext) {
        context.read()
        rearmTimer()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection.receive(unwrapInboundIn(data))
        // TLS may bring several reads at once. The frames that wait come first.
        if !Connection.takesTurnsAfterReads, turnEnd != .framesWait { takeTurn() }
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        // A read that brings no whole part of a request takes its turn, too: the connection has to note that the rest is missing.
        if Connection.takesTurnsAfterReads, turnEnd == .finished { takeTurn() }
        endTurn(context)
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        if isWritable {
            connection.unblockOutput(now: now)
            if turnEnd == .framesWait {
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

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed:
            // The calls of the frames that wait get their responses.
            if turnEnd == .finished { perform(connection.endInput()) } else { hasInputEnded = true }
        case let drain as DrainBegan:
            connection.drain(drain.cause, now: now)
            // HTTP/2 announces the end, so that the peer sends its next calls elsewhere.
            flush()
            rearmTimer()
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    package func channelInactive(context: ChannelHandlerContext) {
        // The channel ends with the peer's FIN if the server has sent its own.
        if let closing = connection.endHalfClosed() { report(closing, context) }
        end()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !error.isEndWithoutCloseNotify, !connection.receive(error) else { return }
        // Mostly a reset: the peer is gone and can't get a response.
        services.log.log(.debug, about: "connection_failed", "connection failed", ["error": "\(LoggedError(error))"])
        context.close(promise: nil)
    }

    // MARK: - Turns

    /// Handles the frames that have arrived, up to the bounds of a turn.
    private func takeTurn() {
        let now = now
        beginCounting()
        if caller.generation != dispatcher.policyGeneration { caller = dispatcher.context(for: caller.caller) }
        connection.checkLifetime(now: now)
        // A copy of the caller's context, whose counts belong to this turn.
        let isDraining = connection.isDraining
        var turn = RequestContext(
            caller: caller, now: now, isDraining: isDraining, refusesCalls: isDraining && Connection.refusesCallsWhileDraining)
        turn.caller.beginTurn(now: now)
        connection.lendBuffer(&dispatcher.outputBuffer)
        let limit = TurnLimit(outputBytes: services.limits.writeBufferHighWaterMark - queuedBytes)
        turnEnd = connection.takeTurn(dispatcher, in: &turn, limit: limit) { writeEarly(&$0) }
        let end = self.now
        dispatcher.counters.endTurn(from: now, to: end)
        dispatcher.counters.rules.countCalls(turn.caller.callsTaken, of: turn.caller.rule)
        var directive = connection.endTurn(now: end)
        turn.caller.endTurn(now: now)
        if turn.forbiddenCalls > 0, directive == .keep { directive = connection.note(forbiddenCalls: turn.forbiddenCalls) }
        cancelCalls()
        if turn.caller.permitsTaken > 0 || connection.hasStarted { startCalls(turn.caller) }
        if directive != .keep { perform(directive) }
    }

    /// Writes the responses of a turn. Then reads on, unless frames or unsent responses wait.
    private func endTurn(_ context: ChannelHandlerContext) {
        flush()
        if var buffer = connection.takeUnusedBuffer() { dispatcher.recycle(&buffer) }
        rearmTimer()
        switch turnEnd {
        case .framesWait:
            if isWritable { scheduleTurn(context) }
        case .answerAwaited:
            // The answer leads to the next turn.
            break
        case .finished where isWritable: context.read()
        case .finished: isReadPending = true
        }
    }

    /// The time until the next turn. The event loop runs all tasks that are due before it looks at its sockets, so a task that is due at
    /// once would hold them up.
    private static var turnPause: TimeAmount { .microseconds(200) }

    /// Takes the next turn after the other connections of the event loop have had theirs.
    private func scheduleTurn(_ context: ChannelHandlerContext) {
        guard !isTurnScheduled else { return }
        isTurnScheduled = true
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.turnPause) { handler.value.scheduledTurn() }
    }

    private func scheduledTurn() {
        isTurnScheduled = false
        guard turnEnd == .framesWait, isWritable, let context else { return }
        takeTurn()
        if hasInputEnded, turnEnd == .finished { perform(connection.endInput()) }
        endTurn(context)
    }

    // MARK: - Calls

    /// Cancels the work of calls that the peer gave up.
    private func cancelCalls() {
        for call in connection.takeCancelled() { pendingCalls.removeValue(forKey: call)?.cancel() }
    }

    /// Starts the calls of a turn.
    ///
    /// - Parameter caller: The context that holds the permits of the turn.
    private func startCalls(_ caller: CallerContext) {
        let started = connection.takeStarted()
        // The connection may not start a call, by its own limit or because it ends. Such a call needs no permit.
        let permitted = started.count { $0.call.takesPermit }
        caller.permits.releasePermits(caller.permitsTaken - permitted)
        guard let loop = context?.eventLoop else { return caller.permits.releasePermits(permitted) }
        for started in started {
            let handler = NIOLoopBound(self, eventLoop: loop)
            let (backend, statistics, audit, name) = (services.backend, services.statistics, services.audit, caller.caller)
            let tracer = dispatcher.tracer
            let task = Task {
                let outcome = await started.perform(on: backend, statistics: statistics, tracer: tracer)
                // Here, because a call outlives its deadline and its connection, and may have done its act.
                started.logAct(of: name, outcome, to: audit)
                loop.execute { handler.value.finish(started, outcome) }
            }
            pendingCalls[started.id] = PendingCall(
                task: task, permits: started.call.takesPermit ? caller.permits : nil, method: started.call.method,
                began: started.began)
        }
    }

    /// Logs a bug of ours, and notes an exceeded limit.
    private func log(_ started: StartedCall, _ outcome: AsynchronousCall.Outcome) {
        let call = started.call
        if let message = outcome.internalError {
            var metadata: Logger.Metadata = ["method": "\(call.method.service)/\(call.method.name)", "cause": "\(message)"]
            if let trace = started.origin.trace { metadata["trace_id"] = "\(trace.traceID)" }
            services.log.log(.error, about: "internal_error", "internal error: report this bug of Doorman", metadata)
        }
        if outcome.failure == .tooManyDenials {
            dispatcher.counters.note(
                CallerEvent(caller: caller.counted.name, kind: .limitExceeded("cache.max-denials")))
        }
        if let limit = outcome.exceededLimit {
            dispatcher.counters.note(CallerEvent(caller: nil, kind: .limitExceeded(limit)))
        }
    }

    private func finish(_ started: StartedCall, _ outcome: AsynchronousCall.Outcome) {
        guard let ended = pendingCalls.removeValue(forKey: started.id) else { return }
        ended.permits?.releasePermits(1)
        let now = now
        beginCounting()
        dispatcher.counters.countFinished(
            started.call.method, from: outcome.source, outcome.failure, took: started.began.duration(to: now))
        if outcome.failure != nil { log(started, outcome) }
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
        writeToPipeline(output, context)
    }

    private func writeToPipeline(_ output: ByteBuffer, _ context: ChannelHandlerContext) {
        bytesWritten += output.readableBytes
        queuedWrites += 1
        let written = context.eventLoop.makePromise(of: Void.self)
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        written.futureResult.whenComplete { _ in handler.value.queuedWrites -= 1 }
        context.writeAndFlush(wrapOutboundOut(output), promise: written)
    }

    /// Writes output while frames wait: to the socket, or over TLS through the pipeline.
    ///
    /// - Returns: Whether the kernel has accepted all bytes.
    private func writeEarly(_ output: inout ByteBuffer) -> Bool {
        guard accepted.path == .pipeline else { return writeToSocket(&output) }
        guard queuedWrites == 0, let context, let bytes = output.readSlice(length: output.readableBytes) else { return false }
        writeToPipeline(bytes, context)
        return queuedWrites == 0
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

    private func perform(_ directive: ConnectionDirective) {
        guard let context else { return }
        flush()
        switch directive {
        case .keep:
            return
        case .takeTurn:
            turnEnd = .framesWait
            if isWritable { scheduleTurn(context) }
        case .serve(let detected, let bytes):
            handOver(to: detected, bytes, context)
        case .halfClose:
            // The frames that wait get no response. Reading on lets the peer finish its write and see the FIN.
            if turnEnd != .finished { context.read() }
            turnEnd = .finished
            halfCloseOnceWritten(context)
        case .close(let closing):
            dropWaitingFrames()
            report(closing, context)
            if closing.waitsForOutput { closeOnceWritten(context) } else { context.close(promise: nil) }
        }
    }

    /// Cancels the turn of frames that wait, because their connection ends. A connection that waits for an answer takes no turn by itself.
    /// It waits on, so that it reads nothing more.
    private func dropWaitingFrames() {
        if turnEnd == .framesWait { turnEnd = .finished }
    }

    /// Replaces this handler with those of the protocol that the first bytes have told.
    private func handOver(to detected: ServerProtocol, _ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        guard let handlers = accepted.makeHandlers(for: detected) else {
            return perform(connection.state.close(.protocolNotServed(detected)))
        }
        do {
            try context.pipeline.syncOperations.addHandlers(handlers, position: .after(self))
        } catch {
            return context.close(promise: nil)
        }
        if let cause = connection.state.drainingCause { context.fireUserInboundEventTriggered(DrainBegan(cause: cause)) }
        context.fireChannelRead(NIOAny(bytes))
        if !isWritable { context.fireChannelWritabilityChanged() }
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
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
        let limit = loop.scheduleTask(in: .nanoseconds(services.limits.writeTimeout.nanoseconds)) {
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
        beginCounting()
        reportProgress()
        let now = now
        let (expired, directive) = connection.timePassed(now: now)
        for call in expired {
            guard let ended = pendingCalls.removeValue(forKey: call) else { continue }
            dispatcher.counters.recordExpired(ended.method, took: ended.began.duration(to: now))
            ended.cancel()
        }
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
        dropWaitingFrames()
        timer?.cancel()
        timer = nil
        timerInstant = .distantFuture
        for call in pendingCalls.values { call.cancel() }
        pendingCalls = [:]
    }

    /// Counts and logs the end of the connection.
    private func report(_ closing: ConnectionClosing, _ context: ChannelHandlerContext) {
        dispatcher.counters.countClosed(closing.name)
        services.log.log(
            closing.logLevel, about: closing.name, "closed a connection",
            [
                "reason": "\(closing.explanation)", "peer": "\(context.remoteAddress?.text ?? "a Unix socket")",
                "caller": "\(caller.caller)",
            ])
    }
}
