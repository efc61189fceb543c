internal import DoormanCore
internal import DoormanServer
internal import DoormanSupport
internal import DoormanWire
internal import HTTP2Session
internal import NIOCore

/// A connection that speaks HTTP/2: gRPC.
struct HTTP2Connection: ServerConnection {
    /// A call in flight.
    private struct Pending {
        let stream: HTTP2Stream
        let route: GRPCRoute
        /// The end of the time that the caller gave to its call; `nil` if it gave none.
        let callEnd: Instant?
    }

    /// The received bytes that are handled before the responses to them. A turn ends between such slices.
    private static let sliceBytes = 16 << 10
    /// The response bytes that are written while more requests of the read wait, as ttrpc's connections do.
    private static let earlyFlushThreshold = 4096

    static var refusesCallsWhileDraining: Bool { false }

    var state: ConnectionState
    private let session: HTTP2Session
    private let arena: MessageArena
    private var input = ByteBuffer()
    private var output = ByteBuffer()
    private var responses = GRPCResponses()
    private var pending: [StreamID: Pending] = [:]
    private var cancelled: [CallID] = []
    private var resets: ResetLimiter
    private var violation: HTTP2Violation?
    /// The time since which the peer's windows have held the same bytes of responses back.
    private var stalledSince: Instant?
    private var stalledBytes = 0
    /// The time of the last event.
    private var lastEvent: Instant

    init(_ state: ConnectionState) {
        self.state = state
        let limits = HTTP2Limits()
        let maximumLength = Int(state.limits.maximumFrameLength)
        let now = state.beganAt
        session = HTTP2Session(limits: limits, now: now) { Self.bodyLimit(of: $0, maximumLength: maximumLength) }
        arena = MessageArena(budget: 8 * max(64 << 10, maximumLength))
        lastEvent = now
        resets = ResetLimiter(concurrentStreams: limits.concurrentStreams, now: now)
    }

    /// Returns how long a request's body may be; `nil` for a request that is answered without it.
    private static func bodyLimit(of head: HTTP2RequestHead, maximumLength: Int) -> Int? {
        guard head.isGRPC, head.isPOST, !head.headersAreTooLong, GRPCRoute(path: head.path) != nil else { return nil }
        return GRPCMessage.headerBytes + maximumLength
    }

    // MARK: - Reading

    mutating func beginRead(_ inbound: ByteBuffer) {
        guard state.isReading else { return }
        var inbound = inbound
        if input.readableBytes == 0 { input = inbound } else { input.writeBuffer(&inbound) }
    }

    mutating func takeTurn(
        _ dispatcher: RequestDispatcher, in context: inout RequestContext, limit: TurnLimit,
        flushEarly write: (inout ByteBuffer) -> Bool
    ) -> TurnEnd {
        var (limit, mayFlush) = (limit, true)
        while violation == nil {
            guard limit.allowsRequest, output.readableBytes <= limit.outputBytes else { return .framesWait }
            guard let stream = session.nextRequest() else {
                guard input.readableBytes > 0 else { break }
                receive(now: context.now)
                continue
            }
            if handle(stream, dispatcher, &context) == .hit { limit.countHit() } else { limit.countOther() }
            if session.unsentBytes >= Self.earlyFlushThreshold {
                session.writeOutput(into: &output, limit: .max)
                if mayFlush {
                    mayFlush = write(&output)
                    if mayFlush { output.clear() }
                }
            }
            if context.forbiddenCalls > 0, state.hasTooMany(forbiddenCalls: context.forbiddenCalls) { break }
        }
        return .finished
    }

    private mutating func receive(now: Instant) {
        let count = min(Self.sliceBytes, input.readableBytes)
        do throws(HTTP2Violation) {
            try unsafe input.withUnsafeReadableBytes { bytes throws(HTTP2Violation) in
                let slice = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<count]).assumingMemoryBound(to: UInt8.self)
                try unsafe session.receive(slice.span, now: now)
            }
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
        if reset.isByPeer, resets.count(resetAt: now, callEnding: call?.callEnd) { violation = .enhanceYourCalm }
    }

    mutating func endRead(now: Instant) -> SocketDirective {
        guard state.isReading else { return .keep }
        lastEvent = now
        fetchOutput()
        if let ending = violation ?? session.ending { return close(.httpViolation(HTTPViolation(ending))) }
        if session.isFinished { return state.closeAtEnd() }
        // An incomplete request has a timeout of its own, which ends its stream only.
        state.endRead(isMidRequest: !session.hasReceivedPreface, hasEndedRequest: session.hasReceivedPreface, now: now)
        return .keep
    }

    // MARK: - Requests

    /// The cost of a request.
    private enum Handled {
        case hit
        case other
    }

    private mutating func handle(
        _ stream: HTTP2Stream, _ dispatcher: RequestDispatcher, _ context: inout RequestContext
    ) -> Handled {
        let head = stream.head
        guard head.isGRPC, !head.headersAreTooLong else {
            refuse(stream, dispatcher)
            return .other
        }
        guard let route = GRPCRoute(path: head.path) else {
            return apply(dispatcher.fail(.unknownMethod, of: nil), to: stream, .method(.verify), &context)
        }
        guard session.unsentBytes <= state.limits.writeBufferHighWaterMark else {
            return apply(dispatcher.fail(.tooMuchUnsent(state.limits), of: route.counted), to: stream, route, &context)
        }
        return call(route, stream, dispatcher, &context)
    }

    private mutating func call(
        _ route: GRPCRoute, _ stream: HTTP2Stream, _ dispatcher: RequestDispatcher, _ context: inout RequestContext
    ) -> Handled {
        let head = stream.head
        guard head.isPOST, head.hasTETrailers else {
            return apply(dispatcher.fail(.notGRPC, of: route.counted), to: stream, route, &context)
        }
        var timeout: Duration?
        if let value = head[.grpcTimeout] {
            timeout = GRPCTimeout.parse(value)
            guard let timeout else {
                return apply(dispatcher.fail(.malformedTimeout, of: route.counted), to: stream, route, &context)
            }
            guard timeout > .zero else {
                return apply(dispatcher.fail(ExpiredCall.failure, of: route.counted), to: stream, route, &context)
            }
        }
        guard !stream.bodyIsTooLong else {
            return apply(dispatcher.fail(.messageTooLong(state.limits), of: route.counted), to: stream, route, &context)
        }
        let message: Range<Int>
        do throws(GRPCMessage.Malformed) {
            message = try GRPCMessage.find(in: stream.body, .ended, maximumLength: Int(state.limits.maximumFrameLength)) ?? 0..<0
        } catch {
            state.counters.countFailure(.malformedRequest, of: route.counted)
            responses.send(error, on: stream, session)
            return .other
        }
        switch route {
        case .method(let method):
            let decision = dispatcher.decide(method, payload: stream.body.extracting(message), timeout: timeout, in: &context)
            return apply(decision, to: stream, route, timeout: timeout, &context)
        case .check:
            return apply(dispatcher.fail(.unknownMethod, of: nil), to: stream, route, &context)
        }
    }

    /// Answers the request or starts its call.
    private mutating func apply(
        _ decision: RequestDecision, to stream: HTTP2Stream, _ route: GRPCRoute, timeout: Duration? = nil,
        _ context: inout RequestContext
    ) -> Handled {
        switch decision {
        case .cached:
            responses.send(context.response, on: stream, session, arena)
            return .hit
        case .immediate(let data): responses.send(data.span, on: stream, session, arena)
        case .asynchronous(let call, let timeout):
            let streamID = StreamID(UInt32(stream.id.rawValue))
            if let failure = state.start(call, on: streamID, timeout: timeout, now: context.now) {
                state.counters.countFailure(failure.failure, of: call.method)
                responses.send(ResponseEncoder.encode(failure).span, on: stream, session, arena)
            } else {
                pending[streamID] = Pending(
                    stream: stream, route: route, callEnd: timeout.map { context.now.advanced(by: $0) })
            }
        }
        return .other
    }

    /// Refuses a request that is not gRPC.
    private func refuse(_ stream: HTTP2Stream, _ dispatcher: RequestDispatcher) {
        let isTooLong = stream.head.headersAreTooLong
        state.counters.countFailure(.malformedRequest, of: nil)
        session.respond(to: stream, isTooLong ? Self.headersTooLong : Self.unsupportedMediaType)
    }

    private static let headersTooLong = HTTP2ResponseHead(HTTP2HeadTemplate([(":status", "431")]))
    private static let unsupportedMediaType = HTTP2ResponseHead(HTTP2HeadTemplate([(":status", "415")]))

    // MARK: - Other events

    mutating func answer(_ call: CallID, with response: EncodedResponse, now: Instant) -> SocketDirective {
        lastEvent = now
        guard state.finish(call, now: now) else { return .keep }
        if let pending = pending.removeValue(forKey: call.streamID) {
            responses.send(response, on: pending.stream, session, arena)
        }
        return state.directiveIfFinished
    }

    mutating func timePassed(now: Instant) -> (expired: [CallID], directive: SocketDirective) {
        lastEvent = now
        let wasDraining = state.isDraining
        let (expired, directive) = state.timePassed(now: now)
        for call in expired {
            state.counters.countFailure(.deadlineExceeded, of: call.method)
            guard let pending = pending.removeValue(forKey: call.id.streamID) else { continue }
            responses.send(ResponseEncoder.encode(ExpiredCall.failure).span, on: pending.stream, session, arena)
        }
        if !wasDraining, state.isDraining { session.shutDown() }
        session.resetIncompleteRequests(begunBefore: now.advanced(by: .zero - state.limits.frameTimeout))
        if directive == .keep, let stalledSince, now >= stalledSince.advanced(by: Nanoseconds(state.limits.writeTimeout)) {
            return (expired.map(\.id), close(.notReading))
        }
        return (expired.map(\.id), announcing(directive))
    }

    var nextTimer: Instant {
        mutating get {
            var next = state.nextTimer
            if let begun = session.oldestIncompleteRequest {
                next = min(next, begun.advanced(by: Nanoseconds(state.limits.frameTimeout)))
            }
            if let stalledSince { next = min(next, stalledSince.advanced(by: Nanoseconds(state.limits.writeTimeout))) }
            return next
        }
    }

    mutating func endInput() -> SocketDirective { state.endInput() }

    mutating func note(forbiddenCalls: Int) -> SocketDirective { announcing(state.note(forbiddenCalls: forbiddenCalls)) }

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

    private mutating func close(_ closing: ConnectionClosing) -> SocketDirective { announcing(state.close(closing)) }

    /// Tells the peer which streams are handled before the connection ends, so that it repeats the others elsewhere.
    private func announcing(_ directive: SocketDirective) -> SocketDirective {
        if directive != .keep { session.finishShutDown() }
        return directive
    }

    // MARK: - Output

    private mutating func fetchOutput() {
        session.writeOutput(into: &output, limit: .max)
        let unsent = session.unsentBytes
        if unsent == 0 { stalledSince = nil } else if unsent != stalledBytes { stalledSince = lastEvent }
        stalledBytes = unsent
    }

    mutating func takeOutput() -> ByteBuffer? {
        fetchOutput()
        guard output.readableBytes > 0 else { return nil }
        var taken = ByteBuffer()
        swap(&output, &taken)
        return taken
    }

    mutating func lendBuffer(_ buffer: inout ByteBuffer) {
        if output.capacity == 0 { swap(&output, &buffer) }
    }

    mutating func takeUnusedBuffer() -> ByteBuffer? {
        guard output.capacity > 0, output.readableBytes == 0 else { return nil }
        var taken = ByteBuffer()
        swap(&output, &taken)
        return taken
    }
}

extension FailureResponse {
    fileprivate static let unknownMethod = FailureResponse(.unimplemented, "the server has no such service or method")
    fileprivate static let notGRPC = FailureResponse(.malformedRequest, "a gRPC request is a POST with te: trailers")
    fileprivate static let malformedTimeout = FailureResponse(
        .malformedRequest, "grpc-timeout must be at most eight digits and a unit: H, M, S, m, u or n")

    fileprivate static func messageTooLong(_ limits: ConnectionLimits) -> FailureResponse {
        FailureResponse(
            .frameTooLong,
            "a message exceeds the limit of \(limits.maximumFrameLength) bytes (server.max-frame-length)")
    }

    fileprivate static func tooMuchUnsent(_ limits: ConnectionLimits) -> FailureResponse {
        FailureResponse(
            .tooManyCalls,
            "the peer's window holds back more than \(limits.writeBufferHighWaterMark) response bytes (server.write-high-water-mark)",
            retryAfter: .milliseconds(100))
    }
}

extension HTTPViolation {
    fileprivate init(_ violation: HTTP2Violation) {
        let name = violation.rawValue.replacing("-", with: "_")
        self.init(
            "http2_\(name)",
            violation == .enhanceYourCalm ? "the peer reset too many of its own requests" : "HTTP/2: \(violation.rawValue)")
    }
}
