internal import DoormanCore
package import DoormanSupport
internal import DoormanWire
package import NIOCore

/// A connection that speaks ttrpc.
package struct TTRPCConnection: ServerConnection {
    /// A request to decide. The decoder holds its data until the next frame.
    package struct Request {
        let streamID: StreamID
    }

    /// A frame of a read.
    package enum Frame {
        /// A request to decide.
        case request(Request)
        /// A frame that the connection has handled itself: ignored, or answered with a failure in the output.
        case handled
    }

    package static var wireProtocol: ServerProtocol? { .ttrpc }

    package var state: ConnectionState
    private var decoder: FrameDecoder
    private var output = ConnectionOutput()
    /// The prefetched request of the decoder's current frame.
    private var prefetched: PrefetchedVerify?
    /// The prefetched request of the next frame.
    private var prefetchedNext: PrefetchedVerify?
    /// Whether this turn completed a frame.
    private var hasEndedFrame = false
    /// The protocol violation that ends the connection.
    private var violation: FrameDecoder.Violation?

    package init(_ state: ConnectionState) {
        self.state = state
        decoder = FrameDecoder(maximumLength: state.limits.maximumFrameLength)
    }

    // MARK: - Output

    package mutating func takeOutput() -> ByteBuffer? { output.take() }

    package mutating func lendBuffer(_ buffer: inout ByteBuffer) { output.lend(&buffer) }

    package mutating func takeUnusedBuffer() -> ByteBuffer? { output.takeUnused() }

    /// Writes the output early if it is large enough, while more frames wait. See ``ConnectionOutput/flushEarly(_:)``.
    @inline(__always)
    package mutating func flushEarly(_ write: (inout ByteBuffer) -> Bool) -> Bool { output.flushEarly(write) }

    // MARK: - Reading

    /// Takes the bytes of a read. ``nextFrame()`` returns their frames.
    package mutating func receive(_ bytes: ByteBuffer) {
        if state.isReading { decoder.append(bytes) }
    }

    /// Handles the frames that have arrived, within the limit.
    ///
    /// - Parameters:
    ///   - dispatcher: Decides about the requests.
    ///   - flushEarly: Writes output while frames wait. Consumes as much as it can, and returns whether it consumed everything.
    @inline(__always)
    package mutating func takeTurn(
        _ dispatcher: RequestDispatcher, in context: inout RequestContext, limit: TurnLimit,
        flushEarly write: (inout ByteBuffer) -> Bool
    ) -> TurnEnd {
        var (limit, mayFlush) = (limit, true)
        while true {
            guard limit.allowsRequest, output.count <= limit.outputBytes else { return .framesWait }
            guard let frame = nextFrame() else { return .finished }
            if mayFlush { mayFlush = flushEarly(write) }
            guard case .request(let request) = frame else {
                limit.count(.other)
                continue
            }
            prefetchNext { dispatcher.prefetch($0) }
            let decision = withRequestData { dispatcher.decide($0, prefetched: $1, in: &context) }
            apply(decision, to: request, cached: context.response, now: context.now, traced: dispatcher)
            if case .cached = decision {
                limit.count(.hit)
            } else {
                limit.count(.other)
                if context.forbiddenCalls > 0, state.hasTooMany(forbiddenCalls: context.forbiddenCalls) { return .finished }
            }
        }
    }

    /// Returns the next frame; `nil` if the bytes hold no complete one.
    package mutating func nextFrame() -> Frame? {
        guard violation == nil, let event = decoder.next() else { return nil }
        prefetched = prefetchedNext
        prefetchedNext = nil
        switch event {
        case .frame(let header):
            hasEndedFrame = true
            return isRequest(header) ? .request(Request(streamID: header.streamID)) : .handled
        case .oversized(let header):
            hasEndedFrame = true
            failOversizedFrame(header)
            return .handled
        case .violation(let found):
            violation = found
            return nil
        }
    }

    /// Calls `body` with the data of the last request that ``nextFrame()`` returned, and with its prefetched form.
    @inline(__always)
    package mutating func withRequestData<Result>(_ body: (Span<UInt8>, PrefetchedVerify?) -> Result) -> Result {
        let prefetched = prefetched
        return decoder.withData { body($0, prefetched) }
    }

    /// Prefetches the cache entry for the frame after the request, if the bytes hold that frame.
    @inline(__always)
    package mutating func prefetchNext(_ prefetch: (Span<UInt8>) -> PrefetchedVerify?) {
        prefetchedNext = decoder.withDataAhead(prefetch)
    }

    /// Answers the request or starts its call.
    ///
    /// - Parameters:
    ///   - cached: The response data for ``RequestDecision/cached``.
    ///   - dispatcher: Reads the request's trace. Default `nil`, for no trace.
    @inline(__always)
    package mutating func apply(
        _ decision: RequestDecision, to request: Request, cached: EncodedResponse, now: Instant,
        traced dispatcher: RequestDispatcher? = nil
    ) {
        switch decision {
        case .cached:
            output.buffer.writeFrame(.response, streamID: request.streamID, data: cached)
            // Copying the optional tracer would cost each hit more than looking whether there is one.
            if let dispatcher, dispatcher.isTraced, let tracer = dispatcher.tracer {
                tracer.recordHit(origin(dispatcher), response: cached)
            }
        case .immediate(let data): output.buffer.writeFrame(.response, streamID: request.streamID, data: data)
        case .asynchronous(let call, let timeout):
            let origin = origin(dispatcher)
            if let failure = state.start(call, from: origin, on: request.streamID, timeout: timeout, now: now) {
                fail(request.streamID, failure, of: call.method)
            }
        }
    }

    /// Returns the origin of the last request. Out of line, since a hit without a tracer does not need it.
    @inline(never)
    private mutating func origin(_ dispatcher: RequestDispatcher?) -> CallOrigin {
        CallOrigin(.ttrpc, trace: decoder.withData { dispatcher?.traceFields(of: $0) }?.context)
    }

    package mutating func endTurn(now: Instant) -> ConnectionDirective {
        guard state.isReading else { return .keep }
        if let violation { return forgettingFrames(state.close(.violation(violation))) }
        state.endTurn(isMidRequest: decoder.isMidFrame, hasEndedRequest: hasEndedFrame, now: now)
        hasEndedFrame = false
        return .keep
    }

    // MARK: - Other events

    package mutating func answer(_ call: CallID, with response: EncodedResponse, now: Instant) -> ConnectionDirective {
        guard state.finish(call, now: now) else { return .keep }
        output.buffer.writeFrame(.response, streamID: call.streamID, data: response)
        return forgettingFrames(state.directiveIfFinished)
    }

    package mutating func timePassed(now: Instant) -> (expired: [CallID], directive: ConnectionDirective) {
        let (expired, directive) = state.timePassed(now: now)
        for call in expired { fail(call.id.streamID, ExpiredCall.failure, of: call.method) }
        return (expired.map(\.id), forgettingFrames(directive))
    }

    package mutating func endInput() -> ConnectionDirective { forgettingFrames(state.endInput()) }

    package mutating func note(forbiddenCalls: Int) -> ConnectionDirective {
        forgettingFrames(state.note(forbiddenCalls: forbiddenCalls))
    }

    package mutating func unblockOutput(now: Instant) { state.unblockOutput(isMidRequest: decoder.isMidFrame, now: now) }

    /// Drops the frames that wait for a turn, if the connection can't answer them any more.
    private mutating func forgettingFrames(_ directive: ConnectionDirective) -> ConnectionDirective {
        if directive != .keep {
            decoder = FrameDecoder(maximumLength: state.limits.maximumFrameLength)
            prefetchedNext = nil
        }
        return directive
    }

    // MARK: - Frames

    /// Returns whether the frame is a request to decide. Otherwise answers it as the contract says.
    @inline(__always)
    private mutating func isRequest(_ header: FrameHeader) -> Bool {
        guard header.type == .request, header.streamID.isOdd, !header.isStreaming, !state.isInFlight(header.streamID) else {
            failFrame(header)
            return false
        }
        return true
    }

    private mutating func failFrame(_ header: FrameHeader) {
        if header.type == .data { return fail(header.streamID, .unimplemented, "the server does not support streaming calls") }
        guard header.type == .request else { return }
        guard header.streamID.isOdd else {
            return fail(header.streamID, .malformedRequest, "stream id \(header.streamID.rawValue) is even: use an odd one")
        }
        guard !state.isInFlight(header.streamID) else {
            return fail(
                header.streamID, .malformedRequest, "stream id \(header.streamID.rawValue) has a call in flight: use another")
        }
        fail(header.streamID, .unimplemented, "the server does not support streaming calls")
    }

    private mutating func failOversizedFrame(_ header: FrameHeader) {
        guard header.type == .request else { return failFrame(header) }
        fail(
            header.streamID, .frameTooLong,
            "a frame of \(header.length) bytes exceeds the limit of \(state.limits.maximumFrameLength) bytes (server.max-frame-length)"
        )
    }

    /// Writes a failure response. On a stream with a call in flight it answers the second request of that id; the call still gets
    /// its own response.
    ///
    /// - Parameter method: `nil` for a frame whose method was not read.
    private mutating func fail(_ streamID: StreamID, _ failure: Failure, _ message: String) {
        fail(streamID, FailureResponse(failure, message), of: nil)
    }

    private mutating func fail(_ streamID: StreamID, _ failure: FailureResponse, of method: Method?) {
        state.counters.countFailure(failure.failure, of: method)
        output.buffer.writeFrame(.response, streamID: streamID, data: ResponseEncoder.encode(failure))
    }
}
