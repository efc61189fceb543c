internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import HTTP2Session

/// Sends responses of gRPC (grpc `doc/PROTOCOL-HTTP2.md`, "Responses").
struct GRPCResponses {
    private static let contentType = (name: "content-type", value: "application/grpc")
    private static let success = HTTP2ResponseHead(HTTP2HeadTemplate([(":status", "200"), contentType]))
    private static let successTrailers = HTTP2ResponseHead(HTTP2HeadTemplate([("grpc-status", "0")]))
    private static let failure = HTTP2HeadTemplate(
        [(":status", "200"), contentType], variables: ["grpc-status", "grpc-message", "grpc-status-details-bin"])
    private static let failureWithRetry = HTTP2HeadTemplate(
        [(":status", "200"), contentType],
        variables: ["grpc-status", "grpc-message", "grpc-status-details-bin", "grpc-retry-pushback-ms"])
    private static let unknownMethod = HTTP2HeadTemplate(
        [(":status", "404"), contentType], variables: ["grpc-status", "grpc-message", "grpc-status-details-bin"])
    private static let malformed = HTTP2HeadTemplate(
        [(":status", "200"), contentType, ("grpc-accept-encoding", "identity")], variables: ["grpc-status", "grpc-message"])

    /// The bytes before the last message. Their memory is used again.
    private var messageHeader = Array(repeating: UInt8(0), count: GRPCMessage.headerBytes)

    /// Sends a response of the dispatcher, or the result of a call.
    ///
    /// - Parameter arena: Reads a response that is not in canonical form.
    mutating func send(_ response: EncodedResponse, on stream: HTTP2Stream, _ session: HTTP2Session, _ arena: MessageArena) {
        response.withSpan { send($0, on: stream, session, arena) }
    }

    mutating func send(_ response: Span<UInt8>, on stream: HTTP2Stream, _ session: HTTP2Session, _ arena: MessageArena) {
        switch EncodedResponseView(canonical: response) {
        case .success(let payload)?: send(message: response.extracting(payload), on: stream, session)
        case .failure(let failure)?: send(failure, in: response, on: stream, session)
        case nil:
            // The encoder writes the canonical form, so this is a response of a later version at most.
            let isSent: Void? = arena.withResponse(response) { response, view in
                switch view {
                case .success(let payload): send(message: response.extracting(payload), on: stream, session)
                case .failure(let failure): send(failure, in: response, on: stream, session)
                }
            }
            if isSent == nil { session.reset(stream, .internalError) }
        }
    }

    /// Sends the message of a call that succeeded.
    mutating func send(message payload: Span<UInt8>, on stream: HTTP2Stream, _ session: HTTP2Session) {
        GRPCMessage.writeHeader(length: payload.count, to: &messageHeader)
        session.append(messageHeader.span, toResponseOf: stream)
        session.respond(to: stream, Self.success, body: payload, trailers: Self.successTrailers)
    }

    /// Sends a failure of the contract, with its details.
    private func send(_ failure: EncodedFailure, in response: Span<UInt8>, on stream: HTTP2Stream, _ session: HTTP2Session) {
        send(failure, in: response, failure.retryAfter == nil ? Self.failure : Self.failureWithRetry, on: stream, session)
    }

    private func send(
        _ failure: EncodedFailure, in response: Span<UInt8>, _ template: HTTP2HeadTemplate, on stream: HTTP2Stream,
        _ session: HTTP2Session
    ) {
        var head = HTTP2ResponseHead(template)
        head.append("\(failure.code.rawValue)")
        var value: [UInt8] = []
        GRPCHeaderValues.appendPercentEncoded(response.extracting(failure.message), to: &value)
        head.append(value.span)
        value.removeAll(keepingCapacity: true)
        GRPCHeaderValues.appendBase64(response.extracting(failure.status), to: &value)
        head.append(value.span)
        if let delay = failure.retryAfter { head.append("\(RetryHint.milliseconds(delay))") }
        session.respond(to: stream, head)
    }

    /// Sends the failure of a request for no service or method of the server. Its status is 404, which a client of gRPC takes for
    /// `UNIMPLEMENTED`, and a gateway that asks on a wrong path for a refusal.
    func sendUnknownMethod(on stream: HTTP2Stream, _ session: HTTP2Session) {
        let response = ResponseEncoder.encode(
            FailureResponse(.unimplemented, "the server has no such service or method"))
        guard case .failure(let failure)? = EncodedResponseView(canonical: response.span) else {
            return session.reset(stream, .internalError)
        }
        send(failure, in: response.span, Self.unknownMethod, on: stream, session)
    }

    /// Sends the failure of a request that violates the rules of gRPC.
    func send(_ malformed: GRPCMessage.Malformed, on stream: HTTP2Stream, _ session: HTTP2Session) {
        var head = HTTP2ResponseHead(Self.malformed)
        head.append("\(malformed.code.rawValue)")
        head.append("\(malformed.message)")
        session.respond(to: stream, head)
    }
}
