internal import DoormanCore
internal import DoormanHTTP
internal import DoormanServer
internal import DoormanSupport
internal import DoormanTracing
internal import DoormanWire
internal import HTTP2Session
internal import NIOCore

extension HTTP2Connection {
    /// The form of a response.
    enum Responder {
        /// A message and trailers.
        case grpc
        /// A message of Envoy's ext_authz.
        case check(HTTPResponder)
        /// A response of the HTTP API.
        case api(HTTPResponder, omitsBody: Bool)
    }

    /// Returns how long a request's body may be; `nil` for a request that is answered without it.
    static func bodyLimit(of head: HTTP2RequestHead, maximumLength: Int, _ further: (any FurtherMethods)?) -> Int? {
        guard !head.headersAreTooLong else { return nil }
        if head.isGRPC, route(of: head, further) != nil { return head.isPOST ? GRPCMessage.headerBytes + maximumLength : nil }
        return head.isPOST && HTTPRouter.needsBody(head.path) ? maximumLength : nil
    }

    private static func route(of head: HTTP2RequestHead, _ further: (any FurtherMethods)?) -> GRPCRoute? {
        if let route = GRPCRoute(path: head.path) { return route }
        return further?.contains(head.path) == true ? .further : nil
    }

    /// Decides about a request.
    mutating func handle(
        _ stream: HTTP2Stream, _ dispatcher: RequestDispatcher, _ context: inout RequestContext
    ) -> RequestCost {
        guard !stream.head.headersAreTooLong else {
            state.counters.countFailure(.malformedRequest, of: nil)
            session.respond(to: stream, Self.headersTooLong)
            return .other
        }
        guard let route = Self.route(of: stream.head, further) else {
            // A path of the HTTP API is never answered as gRPC. Every such answer has the status 200, which is a gateway's permission, and the
            // client of the gateway may choose the content type.
            guard stream.head.isGRPC, !HTTPRouter.serves(stream.head.path) else { return handleAPI(stream, dispatcher, &context) }
            state.counters.countFailure(.unimplemented, of: nil)
            responses.sendUnknownMethod(on: stream, session)
            return .other
        }
        guard stream.head.isGRPC else {
            state.counters.countFailure(.malformedRequest, of: nil)
            session.respond(to: stream, Self.unsupportedMediaType)
            return .other
        }
        let responder: Responder = route == .check ? .check(.gateway) : .grpc
        guard session.unsentBytes <= state.limits.writeBufferHighWaterMark else {
            return fail(.tooMuchUnsent(state.limits), of: route.counted, responder, stream)
        }
        guard stream.head.isPOST, stream.head.hasTETrailers else { return fail(.notGRPC, of: route.counted, .grpc, stream) }
        return call(route, responder, stream, dispatcher, &context)
    }

    private static let headersTooLong = HTTP2ResponseHead(HTTP2HeadTemplate([(":status", "431")]))
    private static let unsupportedMediaType = HTTP2ResponseHead(HTTP2HeadTemplate([(":status", "415")]))

    // MARK: - gRPC

    private mutating func call(
        _ route: GRPCRoute, _ responder: Responder, _ stream: HTTP2Stream, _ dispatcher: RequestDispatcher,
        _ context: inout RequestContext
    ) -> RequestCost {
        var timeout: Duration?
        if let value = stream.head[.grpcTimeout] {
            timeout = GRPCTimeout.parse(value)
            guard let timeout else { return fail(.malformedTimeout, of: route.counted, responder, stream) }
            guard timeout > .zero else { return fail(ExpiredCall.failure, of: route.counted, responder, stream) }
        }
        guard !stream.bodyIsTooLong else { return fail(.messageTooLong(state.limits), of: route.counted, responder, stream) }
        let range: Range<Int>
        do throws(GRPCMessage.Malformed) {
            range = try GRPCMessage.find(in: stream.body, maximumLength: Int(state.limits.maximumFrameLength))
        } catch {
            guard case .grpc = responder else { return fail(.malformedCheck, of: route.counted, responder, stream) }
            state.counters.countFailure(.malformedRequest, of: route.counted)
            responses.send(error, on: stream, session)
            return .other
        }
        let message = stream.body.extracting(range)
        switch route {
        case .method(let method):
            return apply(dispatcher.decide(method, payload: message, timeout: timeout, in: &context), to: stream, &context)
        case .check: return check(message, timeout: timeout, stream, dispatcher, &context)
        case .further:
            let response = further?.response(to: message, of: stream, in: session)
            if let response { responses.send(response.span, on: stream, session, arena) }
            return .other
        }
    }

    /// Decides about a request of Envoy's ext_authz.
    private mutating func check(
        _ message: Span<UInt8>, timeout: Duration?, _ stream: HTTP2Stream, _ dispatcher: RequestDispatcher,
        _ context: inout RequestContext
    ) -> RequestCost {
        var writer = CheckResponseWriter()
        let step = arena.withCheckRequest(message) { request in
            router.respond(to: request, timeout: timeout, dispatcher, in: &context, to: &writer)
        }
        switch step {
        case nil: return fail(.malformedCheck, of: .verify, .check(.gateway), stream)
        case .cached?:
            responses.send(message: writer.message.span, on: stream, session)
            return .hit
        case .started(let call, let timeout, let responder)?:
            start(call, timeout: timeout, .check(responder), stream, now: context.now)
        case .responded?, .needsBody?: responses.send(message: writer.message.span, on: stream, session)
        }
        return .other
    }

    /// Answers a request by the decision, or starts its call.
    private mutating func apply(
        _ decision: RequestDecision, to stream: HTTP2Stream, _ context: inout RequestContext
    ) -> RequestCost {
        switch decision {
        case .cached:
            responses.send(context.response, on: stream, session, arena)
            return .hit
        case .immediate(let data): responses.send(data.span, on: stream, session, arena)
        case .asynchronous(let call, let timeout): start(call, timeout: timeout, .grpc, stream, now: context.now)
        }
        return .other
    }

    // MARK: - The HTTP API

    private mutating func handleAPI(
        _ stream: HTTP2Stream, _ dispatcher: RequestDispatcher, _ context: inout RequestContext
    ) -> RequestCost {
        let isHead = stream.head.text(.method).isEqual(to: "HEAD")
        var writer = HTTP2ResponseWriter(stream, session, omitsBody: isHead)
        var step = withFields(of: stream, isHead: isHead) { fields in
            router.respond(to: fields, dispatcher, in: &context, to: &writer)
        }
        if case .needsBody(let request) = step {
            guard !stream.bodyIsTooLong else {
                state.counters.countFailure(.frameTooLong, of: nil)
                HTTPRouter.writeBodyTooLong(state.limits, to: &writer)
                return .other
            }
            let body = stream.body.array
            step = router.respond(to: request, body: body, dispatcher, in: &context, to: &writer)
        }
        switch step {
        case .cached: return .hit
        case .responded, .needsBody: return .other
        case .started(let call, let timeout, let responder):
            start(call, timeout: timeout, .api(responder, omitsBody: isHead), stream, now: context.now)
            return .other
        }
    }

    private func withFields(
        of stream: HTTP2Stream, isHead: Bool, _ body: (borrowing HTTPRequestFields) -> HTTPStep
    ) -> HTTPStep {
        let head = stream.head
        let method: HTTPRequestMethod = head.isPOST ? .post : head.isGET ? .get : isHead ? .head : .other
        let facts = HTTPRequestFacts(
            authorizations: head.authorizationCount,
            hasBody: !stream.body.isEmpty || stream.bodyIsTooLong || !stream.requestHasEnded,
            isOnLoopback: isOnLoopback)
        let host = head.text(.authority)
        let fields = HTTPRequestFields(
            method: method, target: head.path, authorization: head.text(.authorization), contentType: head.text(.contentType),
            host: host.isEmpty ? head.text(.host) : host, facts: facts)
        return body(fields)
    }

    // MARK: - Calls

    private mutating func start(
        _ call: AsynchronousCall, timeout: Duration?, _ responder: Responder, _ stream: HTTP2Stream, now: Instant
    ) {
        let streamID = StreamID(UInt32(stream.id.rawValue))
        if let failure = state.start(call, from: stream.origin, on: streamID, timeout: timeout, now: now) {
            _ = fail(failure, of: call.method, responder, stream)
        } else {
            let expectedReset = timeout.map { ResetLimiter.expectedReset(after: $0, since: now) }
            pending[streamID] = Pending(stream: stream, responder: responder, expectedReset: expectedReset)
        }
    }

    /// Answers with a failure of the connection itself, and counts it.
    mutating func fail(_ failure: FailureResponse, of method: Method?, _ responder: Responder, _ stream: HTTP2Stream) -> RequestCost
    {
        state.counters.countFailure(failure.failure, of: method)
        send(EncodedResponse(bytes: ResponseEncoder.encode(failure)), responder, stream)
        return .other
    }

    /// Answers a request with the outcome of its call.
    mutating func send(_ response: EncodedResponse, _ responder: Responder, _ stream: HTTP2Stream) {
        switch responder {
        case .grpc: responses.send(response, on: stream, session, arena)
        case .check(let responder):
            var writer = CheckResponseWriter()
            responder.write(response, to: &writer, counters: state.counters)
            responses.send(message: writer.message.span, on: stream, session)
        case .api(let responder, let omitsBody):
            var writer = HTTP2ResponseWriter(stream, session, omitsBody: omitsBody)
            responder.write(response, to: &writer, counters: state.counters)
        }
    }
}

extension HTTP2Stream {
    /// The origin of the request's call. It looks at every header, so that a hit without a tracer does without.
    var origin: CallOrigin {
        var fields = TraceFields()
        head.forEach { fields.add($0, $1) }
        return CallOrigin(GRPCRoute(path: head.path) == nil ? .http : .grpc, trace: fields.context)
    }
}

extension HTTP2RequestHead {
    /// The value of the first header of a name; empty without it.
    @_lifetime(borrow self)
    fileprivate func text(_ known: Known) -> Span<UInt8> {
        if let value = self[known] { return value }
        return path.extracting(0..<0)
    }
}

extension FailureResponse {
    fileprivate static let notGRPC = FailureResponse(.malformedRequest, "a gRPC request is a POST with te: trailers")
    fileprivate static let malformedCheck = FailureResponse(.malformedRequest, "the message is not a CheckRequest")
    fileprivate static let malformedTimeout = FailureResponse(
        .malformedRequest, "grpc-timeout must be at most eight digits and a unit: H, M, S, m, u or n")

    fileprivate static func messageTooLong(_ limits: ConnectionLimits) -> FailureResponse {
        FailureResponse(
            .frameTooLong, "a message exceeds the limit of \(limits.maximumFrameLength) bytes (server.max-frame-length)")
    }

    fileprivate static func tooMuchUnsent(_ limits: ConnectionLimits) -> FailureResponse {
        FailureResponse(
            .tooManyCalls,
            "the peer's window holds back more than \(limits.writeBufferHighWaterMark) response bytes (server.write-high-water-mark)",
            retryAfter: RetryHint.minimumDelay)
    }
}
