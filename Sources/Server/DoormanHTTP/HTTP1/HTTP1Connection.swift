internal import DoormanCore
package import DoormanServer
package import DoormanSupport
internal import DoormanTracing
internal import DoormanWire
package import NIOCore
package import NIOHTTP1

/// A connection that speaks HTTP/1.1 or HTTP/1.0. It answers requests strictly in their order: a request waits while the call of an
/// earlier one is in flight.
package struct HTTP1Connection: ServerConnection {
    package typealias Inbound = HTTPServerRequestPart

    /// The maximum bytes of a request's target and headers. A token of 16 KiB fits.
    package static let maximumHeadBytes = 32 << 10
    /// The maximum number of a request's headers.
    package static let maximumHeaders = 128
    /// The only call in flight has always the same stream.
    private static let stream = StreamID(1)

    package static var wireProtocol: ServerProtocol? { .http1 }
    // Requests that arrive while the server drains are answered, and their responses end the connection. HTTP/1.1 has no other way to tell a
    // client to go elsewhere.
    package static var refusesCallsWhileDraining: Bool { false }
    package static var takesTurnsAfterReads: Bool { true }

    package var state: ConnectionState
    private var router: HTTPRouter
    private let channel: HTTP1Channel
    /// Short while the connection is idle, because there may be many.
    private var inputs = CircularBuffer<Input>(initialCapacity: 2)
    private var output = ConnectionOutput()
    private var phase = Phase.idle
    /// The trace fields of the request in hand.
    private var traceFields = TraceFields()
    /// Whether this turn completed a request.
    private var hasEndedRequest = false

    /// What the decoder has brought.
    private enum Input {
        case head(HTTPRequestHead)
        case body(ByteBuffer)
        case end
        case violation(HTTP1Violation)
    }

    private enum Phase {
        /// Waits for a head.
        case idle
        /// Waits for the rest of a body.
        case receiving(HTTPBodyRequest, [UInt8], ResponseForm)
        /// Waits for the outcome of a call.
        case calling(HTTPResponder, ResponseForm)
        /// The last response is written.
        case ended(ConnectionClosing)
    }

    /// The form of a request's response.
    private struct ResponseForm {
        /// The form of the connection's last response.
        static let last = ResponseForm(persistence: .closes, omitsBody: false)

        var persistence: HTTP1ResponseWriter.Persistence
        let omitsBody: Bool
    }

    init(_ state: ConnectionState, _ router: HTTPRouter, _ channel: HTTP1Channel) {
        self.state = state
        self.router = router
        self.channel = channel
    }

    // MARK: - Output

    package mutating func takeOutput() -> ByteBuffer? { output.take() }

    package mutating func lendBuffer(_ buffer: inout ByteBuffer) { output.lend(&buffer) }

    package mutating func takeUnusedBuffer() -> ByteBuffer? { output.takeUnused() }

    // MARK: - Reading

    package mutating func receive(_ inbound: HTTPServerRequestPart) {
        channel.hasIncompletePart = false
        guard state.isReading else { return }
        switch inbound {
        case .head(let head): inputs.append(.head(head))
        case .body(let bytes): inputs.append(.body(bytes))
        case .end: inputs.append(.end)
        }
    }

    package mutating func receive(_ error: any Error) -> Bool {
        guard let violation = HTTP1Violation(error) else { return false }
        channel.hasIncompletePart = false
        // A peer that ends the connection within a request reads no answer to it.
        if case HTTPParserError.invalidEOFState = error { return true }
        if state.isReading { inputs.append(.violation(violation)) }
        return true
    }

    package mutating func takeTurn(
        _ dispatcher: RequestDispatcher, in context: inout RequestContext, limit: TurnLimit,
        flushEarly write: (inout ByteBuffer) -> Bool
    ) -> TurnEnd {
        var (limit, mayFlush) = (limit, true)
        router.refresh(now: context.now)
        while true {
            guard state.isReading, !hasEnded else {
                inputs.removeAll()
                return .finished
            }
            guard !inputs.isEmpty else { return .finished }
            if case .calling = phase { return .answerAwaited }
            guard limit.allowsRequest, output.count <= limit.outputBytes else { return .framesWait }
            if mayFlush { mayFlush = output.flushEarly(write) }
            limit.count(handle(inputs.removeFirst(), dispatcher, &context))
            if context.forbiddenCalls > 0, state.hasTooMany(forbiddenCalls: context.forbiddenCalls) { return .finished }
        }
    }

    package mutating func endTurn(now: Instant) -> ConnectionDirective {
        guard state.isReading else { return .keep }
        if case .ended(let closing) = phase { return state.finish(closing, now: now) }
        // While inputs wait, it is not the peer that is slow.
        state.endTurn(isMidRequest: inputs.isEmpty && isMidRequest, hasEndedRequest: hasEndedRequest, now: now)
        hasEndedRequest = false
        return .keep
    }

    private var isMidRequest: Bool {
        if case .receiving = phase { true } else { channel.hasIncompletePart }
    }

    private var hasEnded: Bool {
        if case .ended = phase { true } else { false }
    }

    // MARK: - Requests

    private mutating func handle(
        _ input: Input, _ dispatcher: RequestDispatcher, _ context: inout RequestContext
    ) -> RequestCost {
        switch input {
        case .head(let head):
            guard let head = HTTP1Head(head) else {
                answer(.malformed)
                return .other
            }
            return handle(head, dispatcher, &context)
        case .body(let bytes):
            receiveBody(bytes)
            return .hit
        case .end:
            hasEndedRequest = true
            guard case .receiving(let request, let body, let form) = phase else { return .hit }
            phase = .idle
            let router = router
            let step = respond(form) { writer in
                router.respond(to: request, body: body, dispatcher, in: &context, to: &writer)
            }
            return apply(step, form, dispatcher, context)
        case .violation(let violation):
            answer(violation)
            return .other
        }
    }

    private mutating func handle(
        _ head: HTTP1Head, _ dispatcher: RequestDispatcher, _ context: inout RequestContext
    ) -> RequestCost {
        let form = ResponseForm(persistence: persistence(after: head), omitsBody: head.isHead)
        // Whether a response comes before the body is decided by the head alone, and such a response ends the connection.
        let early = head.hasBody ? ResponseForm(persistence: .closes, omitsBody: form.omitsBody) : form
        traceFields = head.traceFields
        let router = router
        let isOnLoopback = channel.isOnLoopback
        let step = head.withFields(isOnLoopback: isOnLoopback) { fields in
            respond(early) { writer in router.respond(to: fields, dispatcher, in: &context, to: &writer) }
        }
        if case .needsBody(let request) = step {
            // A body of no bytes ends as others do.
            receiveBody(of: head, for: request, form)
            return .other
        }
        if !head.hasBody, case .end? = inputs.first {
            inputs.removeFirst()
            hasEndedRequest = true
        }
        return apply(step, early, dispatcher, context)
    }

    /// Performs a step other than the wait for a body.
    private mutating func apply(
        _ step: HTTPStep, _ form: ResponseForm, _ dispatcher: RequestDispatcher, _ context: RequestContext
    ) -> RequestCost {
        switch step {
        case .cached:
            noteResponse(form)
            if let tracer = dispatcher.tracer { tracer.recordHit(origin, response: context.response) }
            return .hit
        case .responded: noteResponse(form)
        case .started(let call, let timeout, let responder):
            if let failure = state.start(
                call, from: origin, on: Self.stream, timeout: timeout, now: context.now)
            {
                fail(failure, of: call.method, responder, form)
            } else {
                phase = .calling(responder, form)
            }
        case .needsBody: preconditionFailure("a request needs its body twice")
        }
        return .other
    }

    private var origin: CallOrigin { CallOrigin(.http, trace: traceFields.context) }

    private mutating func persistence(after head: HTTP1Head) -> HTTP1ResponseWriter.Persistence {
        if !head.keepsAlive || head.endsParsing || state.isDraining { return .closes }
        return head.isHTTP10 ? .kept : .keptByDefault
    }

    // MARK: - Bodies

    private mutating func receiveBody(of head: HTTP1Head, for request: HTTPBodyRequest, _ form: ResponseForm) {
        guard head.contentLength ?? 0 <= Int(state.limits.maximumFrameLength) else { return answerTooLongBody() }
        phase = .receiving(request, [], form)
        if head.expectsContinue, inputs.isEmpty { output.buffer.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n") }
    }

    private mutating func receiveBody(_ bytes: ByteBuffer) {
        // The body of another request belongs to a response that ends the connection.
        guard case .receiving(let request, var body, let form) = phase else { return }
        guard body.count + bytes.readableBytes <= Int(state.limits.maximumFrameLength) else { return answerTooLongBody() }
        // Clears the phase first, so that the body has one owner and grows in place.
        phase = .idle
        body.append(contentsOf: bytes.readableBytesView)
        phase = .receiving(request, body, form)
    }

    // MARK: - Responses

    /// Calls `body` with a writer to the output.
    private mutating func respond<Result>(_ form: ResponseForm, _ body: (inout HTTP1ResponseWriter) -> Result) -> Result {
        var writer = HTTP1ResponseWriter(&output.buffer, form.persistence, omitsBody: form.omitsBody)
        let result = body(&writer)
        writer.finish(&output.buffer)
        return result
    }

    private mutating func noteResponse(_ form: ResponseForm) {
        if form.persistence == .closes { phase = .ended(.finished) }
    }

    /// Answers with a failure of the connection itself, and counts it.
    private mutating func fail(_ failure: FailureResponse, of method: Method, _ responder: HTTPResponder, _ form: ResponseForm) {
        let counters = state.counters
        counters.countFailure(failure.failure, of: method)
        let response = EncodedResponse(bytes: ResponseEncoder.encode(failure))
        respond(form) { responder.write(response, to: &$0, counters: counters) }
        noteResponse(form)
    }

    /// Answers a violation, and ends the connection.
    private mutating func answer(_ violation: HTTP1Violation) {
        state.counters.countFailure(.malformedRequest, of: nil)
        respond(.last) { HTTPFailures.write(violation.status, "", to: &$0) }
        phase = .ended(.httpViolation(violation.closing))
    }

    private mutating func answerTooLongBody() {
        state.counters.countFailure(.frameTooLong, of: nil)
        let limits = state.limits
        respond(.last) { HTTPRouter.writeBodyTooLong(limits, to: &$0) }
        phase = .ended(.httpViolation(HTTP1Violation.bodyTooLong.closing))
    }

    // MARK: - Other events

    package mutating func answer(_ call: CallID, with response: EncodedResponse, now: Instant) -> ConnectionDirective {
        guard state.finish(call, now: now), case .calling(let responder, var form) = phase else { return .keep }
        phase = .idle
        if state.isDraining { form.persistence = .closes }
        let counters = state.counters
        respond(form) { responder.write(response, to: &$0, counters: counters) }
        noteResponse(form)
        return directiveAfterResponse(now: now)
    }

    private mutating func directiveAfterResponse(now: Instant) -> ConnectionDirective {
        if case .ended(let closing) = phase { return state.finish(closing, now: now) }
        return inputs.isEmpty ? state.directiveIfFinished : .takeTurn
    }

    package mutating func timePassed(now: Instant) -> (expired: [CallID], directive: ConnectionDirective) {
        let (expired, directive) = state.timePassed(now: now)
        guard let call = expired.first, case .calling(let responder, var form) = phase else {
            return (expired.map(\.id), directive)
        }
        phase = .idle
        if state.isDraining { form.persistence = .closes }
        fail(ExpiredCall.failure, of: call.method, responder, form)
        return (expired.map(\.id), directive == .keep ? directiveAfterResponse(now: now) : directive)
    }

    package mutating func endInput() -> ConnectionDirective { state.endInput() }

    package mutating func note(forbiddenCalls: Int) -> ConnectionDirective { state.note(forbiddenCalls: forbiddenCalls) }

    package mutating func unblockOutput(now: Instant) {
        state.unblockOutput(isMidRequest: inputs.isEmpty && isMidRequest, now: now)
    }
}
