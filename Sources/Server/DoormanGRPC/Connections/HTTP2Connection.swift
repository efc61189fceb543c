internal import DoormanCore
internal import DoormanHTTP
internal import DoormanServer
internal import DoormanSupport
internal import DoormanWire
internal import HTTP2Session
internal import NIOCore
internal import NIOPosix

/// A connection that speaks HTTP/2: gRPC, Envoy's ext_authz among it, and the HTTP API.
struct HTTP2Connection: ServerConnection {
    /// A call in flight.
    struct Pending {
        let stream: HTTP2Stream
        let responder: Responder
        /// The time from which on a reset is taken for the caller's deadline; `nil` if the caller gave none.
        let expectedReset: Instant?
    }

    /// The received bytes that are handled before the responses to them. A turn ends between such slices.
    private static let sliceBytes = 16 << 10

    static var wireProtocol: ServerProtocol? { .http2 }
    static var refusesCallsWhileDraining: Bool { false }

    var state: ConnectionState
    let session: HTTP2Session
    let arena: MessageArena
    var router: HTTPRouter
    let isOnLoopback: Bool
    let further: (any FurtherMethods)?
    private var input = ByteBuffer()
    private var output = ConnectionOutput()
    var responses = GRPCResponses()
    var pending: [StreamID: Pending] = [:]
    private var cancelled: [CallID] = []
    private var resets: ResetLimiter
    private var violation: HTTP2Violation?
    /// The time since which the peer's windows have held the same bytes of responses back.
    private var stalledSince: Instant?
    private var stalledBytes = 0
    /// The time of the last event.
    private var lastEvent: Instant

    /// - Parameters:
    ///   - isOnLoopback: Whether the connection came to a loopback address.
    ///   - further: By default none.
    init(_ state: ConnectionState, _ router: HTTPRouter, isOnLoopback: Bool, further: (any FurtherMethods)? = nil) {
        self.state = state
        self.router = router
        self.isOnLoopback = isOnLoopback
        self.further = further
        let maximumLength = Int(state.limits.maximumFrameLength)
        let limits = HTTP2Limits(bodySize: GRPCMessage.headerBytes + maximumLength)
        let now = state.beganAt
        session = HTTP2Session(limits: limits, pool: Self.pool, now: now) {
            Self.bodyLimit(of: $0, maximumLength: maximumLength, further)
        }
        arena = MessageArena(budget: 8 * max(64 << 10, maximumLength))
        lastEvent = now
        resets = ResetLimiter(concurrentStreams: limits.concurrentStreams, now: now)
    }

    /// The stream objects of this event loop's connections. An idle connection holds none.
    private static var pool: HTTP2StreamPool {
        if let pool = unsafe pools.currentValue { return pool }
        let pool = HTTP2StreamPool()
        unsafe pools.currentValue = pool
        return pool
    }

    // Each thread sees its own value only.
    nonisolated(unsafe) private static let pools = ThreadSpecificVariable<HTTP2StreamPool>()

    // MARK: - Reading

    mutating func receive(_ inbound: ByteBuffer) {
        guard state.isReading else { return }
        var inbound = inbound
        if input.readableBytes == 0 { input = inbound } else { input.writeBuffer(&inbound) }
    }

    mutating func takeTurn(
        _ dispatcher: RequestDispatcher, in context: inout RequestContext, limit: TurnLimit,
        flushEarly write: (inout ByteBuffer) -> Bool
    ) -> TurnEnd {
        var (limit, mayFlush, hasReceived) = (limit, true, false)
        router.refresh(now: context.now)
        while violation == nil {
            guard limit.allowsRequest, output.count <= limit.outputBytes else { return .framesWait }
            guard let stream = session.nextRequest() else {
                guard input.readableBytes > 0 else { break }
                // Acknowledgements leave the session, which holds a bounded number of them, before the next slice brings more.
                if hasReceived { session.writeOutput(into: &output.buffer, limit: .max) }
                receiveSlice(now: context.now)
                hasReceived = true
                continue
            }
            let cost = handle(stream, dispatcher, &context)
            limit.count(cost)
            if cost == .hit, let tracer = dispatcher.tracer { tracer.recordHit(stream.origin, response: context.response) }
            if session.unsentBytes >= ConnectionOutput.earlyFlushThreshold {
                session.writeOutput(into: &output.buffer, limit: .max)
                // Writes nothing while the peer's windows hold everything back.
                if mayFlush { mayFlush = output.flushEarly(write) }
            }
            if context.forbiddenCalls > 0, state.hasTooMany(forbiddenCalls: context.forbiddenCalls) { break }
        }
        return .finished
    }

    private mutating func receiveSlice(now: Instant) {
        let count = min(Self.sliceBytes, input.readableBytes)
        do throws(HTTP2Violation) {
            try session.receive(input.readableBytesUInt8Span.extracting(0..<count), now: now)
            input.moveReaderIndex(forwardBy: count)
            if input.readableBytes == 0 { input = ByteBuffer() }
        } catch {
            violation = error
        }
        while let reset = session.nextReset() { note(reset, now: now) }
    }

    private mutating func note(_ reset: HTTP2Reset, now: Instant) {
        let streamID = StreamID(UInt32(reset.id.rawValue))
        let call = pending.removeValue(forKey: streamID)
        if let call = state.cancel(streamID, now: now) { cancelled.append(call) }
        // Also those that the peer's malformed frames caused (CVE-2025-8671, "MadeYouReset").
        if resets.count(resetAt: now, expectedFrom: call?.expectedReset) {
            violation = .enhanceYourCalm
        }
    }

    mutating func endTurn(now: Instant) -> ConnectionDirective {
        guard state.isReading else { return .keep }
        lastEvent = now
        fetchOutput()
        if let ending = violation ?? session.ending {
            session.terminate(ending.errorCode)
            return state.close(.httpViolation(HTTPViolation(ending)))
        }
        if session.isFinished { return state.closeAtEnd() }
        // An incomplete request has a timeout of its own, which ends its stream only.
        state.endTurn(isMidRequest: !session.hasReceivedPreface, hasEndedRequest: session.hasReceivedPreface, now: now)
        return .keep
    }

    // MARK: - Other events

    mutating func answer(_ call: CallID, with response: EncodedResponse, now: Instant) -> ConnectionDirective {
        lastEvent = now
        guard state.finish(call, now: now) else { return .keep }
        if let pending = pending.removeValue(forKey: call.streamID) {
            send(response, pending.responder, pending.stream)
        }
        return directiveIfFinished
    }

    private var directiveIfFinished: ConnectionDirective {
        mutating get {
            guard session.peerGoesAway else { return state.directiveIfFinished }
            // The streams end with their output, and the peer may wait for the end of the connection.
            fetchOutput()
            return session.isFinished && state.isReading ? state.closeAtEnd() : state.directiveIfFinished
        }
    }

    mutating func timePassed(now: Instant) -> (expired: [CallID], directive: ConnectionDirective) {
        lastEvent = now
        let wasDraining = state.isDraining
        let (expired, directive) = state.timePassed(now: now)
        for call in expired {
            guard let pending = pending.removeValue(forKey: call.id.streamID) else { continue }
            _ = fail(ExpiredCall.failure, of: call.method, pending.responder, pending.stream)
        }
        if !wasDraining, state.isDraining { session.shutDown() }
        // The moment of the timeout belongs to it.
        let begunBefore = now.advanced(by: .nanoseconds(1) - state.limits.frameTimeout)
        let isMidHeaders = session.resetIncompleteRequests(begunBefore: begunBefore)
        guard directive == .keep, state.isReading else { return (expired.map(\.id), announcing(directive)) }
        if isMidHeaders { return (expired.map(\.id), close(.frameTimeout)) }
        if let stalledSince, now >= stalledSince.advanced(by: Nanoseconds(state.limits.writeTimeout)) {
            return (expired.map(\.id), close(.notReading))
        }
        return (expired.map(\.id), directiveIfFinished)
    }

    var nextTimer: Instant {
        mutating get {
            guard state.isReading else { return state.nextTimer }
            var next = state.nextTimer
            if let begun = session.oldestIncompleteRequest {
                next = min(next, begun.advanced(by: Nanoseconds(state.limits.frameTimeout)))
            }
            if let stalledSince { next = min(next, stalledSince.advanced(by: Nanoseconds(state.limits.writeTimeout))) }
            return next
        }
    }

    mutating func endInput() -> ConnectionDirective { state.endInput() }

    mutating func note(forbiddenCalls: Int) -> ConnectionDirective { announcing(state.note(forbiddenCalls: forbiddenCalls)) }

    mutating func unblockOutput(now: Instant) { state.unblockOutput(isMidRequest: !session.hasReceivedPreface, now: now) }

    mutating func drain(_ cause: DrainCause, now: Instant) {
        guard !state.isDraining else { return }
        state.drain(cause, now: now)
        session.shutDown()
    }

    mutating func checkLifetime(now: Instant) {
        let wasDraining = state.isDraining
        state.checkLifetime(now: now)
        if !wasDraining, state.isDraining { session.shutDown() }
    }

    mutating func takeCancelled() -> [CallID] {
        guard !cancelled.isEmpty else { return [] }
        defer { cancelled = [] }
        return cancelled
    }

    private mutating func close(_ closing: ConnectionClosing) -> ConnectionDirective { announcing(state.close(closing)) }

    /// Tells the peer which streams are handled before the connection ends, so that it repeats the others elsewhere.
    private func announcing(_ directive: ConnectionDirective) -> ConnectionDirective {
        if directive != .keep { session.finishShutDown() }
        return directive
    }

    // MARK: - Output

    private mutating func fetchOutput() {
        session.writeOutput(into: &output.buffer, limit: .max)
        let unsent = session.unsentBytes
        if unsent == 0 { stalledSince = nil } else if unsent != stalledBytes { stalledSince = lastEvent }
        stalledBytes = unsent
        state.holdsResponses = unsent > 0
    }

    mutating func takeOutput() -> ByteBuffer? {
        fetchOutput()
        return output.take()
    }

    mutating func lendBuffer(_ buffer: inout ByteBuffer) { output.lend(&buffer) }

    mutating func takeUnusedBuffer() -> ByteBuffer? { output.takeUnused() }
}

extension HTTPViolation {
    fileprivate init(_ violation: HTTP2Violation) {
        let name = violation.rawValue.replacing("-", with: "_")
        self.init(
            "http2_\(name)",
            violation == .enhanceYourCalm ? "the peer reset too many of its own requests" : "HTTP/2: \(violation.rawValue)")
    }
}
