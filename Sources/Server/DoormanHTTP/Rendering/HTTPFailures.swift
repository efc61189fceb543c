internal import DoormanSupport
internal import DoormanWire
internal import NIOCore

/// Writes the responses of failures, and of errors of HTTP itself.
enum HTTPFailures {
    /// Writes a failure of the contract.
    static func write(_ response: FailureResponse, at endpoint: HTTPEndpoint, to writer: inout some HTTPResponseWriter) {
        let status = response.failure.httpStatus(for: endpoint)
        if status == .ok { return writeInactive(to: &writer) }
        writer.begin(status)
        switch status {
        case .unauthorized: writer.addHeader(.wwwAuthenticate, #"Bearer error="invalid_token""#)
        case .forbidden where response.failure == .insufficientScope:
            writer.addHeader(.wwwAuthenticate, #"Bearer error="insufficient_scope""#)
        default: break
        }
        if status.hasRetryAfter {
            let seconds = String(RetryHint.seconds(response.retryAfter))
            writer.addHeader(.retryAfter, seconds.utf8Span.span)
        }
        guard endpoint != .forwardAuth else { return writer.end(ByteBuffer()) }
        var body = ByteBuffer()
        ProblemJSON.write(response, for: endpoint, to: &body)
        writer.addHeader(.contentType, ProblemJSON.mediaType)
        writer.end(body)
    }

    /// Writes that a token is not active (RFC 7662, section 2.2).
    private static func writeInactive(to writer: inout some HTTPResponseWriter) {
        var body = ByteBuffer()
        IntrospectionJSON.writeInactive(to: &body)
        writer.begin(.ok)
        writer.addHeader(.contentType, "application/json")
        writer.end(body)
    }

    /// Writes an error of HTTP itself, with one more header.
    static func write(
        _ status: HTTPStatus, _ detail: String, _ header: (name: HTTPHeaderName, value: StaticString)? = nil,
        to writer: inout some HTTPResponseWriter
    ) {
        var body = ByteBuffer()
        ProblemJSON.write(status, detail, to: &body)
        writer.begin(status)
        if let header { writer.addHeader(header.name, header.value) }
        writer.addHeader(.contentType, ProblemJSON.mediaType)
        writer.end(body)
    }

    /// Writes that a request to forward auth has no token. There is no body, as everywhere in forward auth.
    static func writeMissingToken(to writer: inout some HTTPResponseWriter) {
        writer.begin(.unauthorized)
        writer.addHeader(.wwwAuthenticate, "Bearer")
        writer.end(ByteBuffer())
    }
}
