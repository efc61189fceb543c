internal import DoormanCore
package import DoormanServer
package import DoormanSupport
internal import DoormanWire
internal import NIOCore

/// Renders the outcome of a call as the HTTP response of its endpoint.
package struct HTTPResponder: Sendable, Hashable {
    /// The form of the response.
    enum Form: Sendable, Hashable {
        case identity
        case exchange
        case revocation
        case introspection
        /// Headers only.
        case forwardAuth(HTTPProfile)

        var endpoint: HTTPEndpoint {
            switch self {
            case .identity, .exchange, .revocation: .api
            case .introspection: .introspection
            case .forwardAuth: .forwardAuth
            }
        }
    }

    /// Renders failures of a gateway's request before its profile is known.
    package static let gateway = HTTPResponder(.forwardAuth(.standard))

    private let form: Form

    init(_ form: Form) {
        self.form = form
    }

    /// Renders the outcome of a started call.
    package func write(
        _ response: borrowing EncodedResponse, to writer: inout some HTTPResponseWriter, counters: ServerCounters
    ) {
        response.withSpan { write($0, to: &writer, counters) }
    }

    /// Renders an encoded response.
    package func write(_ data: Span<UInt8>, to writer: inout some HTTPResponseWriter, _ counters: ServerCounters) {
        switch EncodedResponseView(canonical: data) {
        case .success(let payload)?: writeSuccess(payload, of: data, to: &writer, counters)
        case .failure(let failure)?:
            let message =
                form.endpoint == .forwardAuth ? "" : String(decoding: data.extracting(failure.message).array, as: UTF8.self)
            let response = FailureResponse(failure.failure ?? .internal, message, retryAfter: failure.retryAfter)
            HTTPFailures.write(response, at: form.endpoint, to: &writer)
        case nil: writeInternal(to: &writer)
        }
    }

    private func writeSuccess(
        _ payload: Range<Int>, of data: Span<UInt8>, to writer: inout some HTTPResponseWriter, _ counters: ServerCounters
    ) {
        if case .forwardAuth(let profile) = form {
            guard let identity = EncodedIdentity(payload, in: data) else { return writeInternal(to: &writer) }
            writer.begin(.ok)
            IdentityHeaderValues.write(identity, of: data, profile, to: &writer, counters)
            return writer.end(ByteBuffer())
        }
        var body = ByteBuffer()
        guard writeJSON(data, to: &body) else { return writeInternal(to: &writer) }
        writer.begin(.ok)
        writer.addHeader(.contentType, "application/json")
        writer.end(body)
    }

    /// - Returns: `false` if the data is not the response of the endpoint's call, or can't be JSON.
    private func writeJSON(_ data: Span<UInt8>, to body: inout ByteBuffer) -> Bool {
        switch form {
        case .identity, .introspection:
            guard case .success(let identity) = ResponseDecoder.identity(data, in: MessageArena()) else { return false }
            if form == .identity { IdentityJSON.write(identity, to: &body) } else { IntrospectionJSON.write(identity, to: &body) }
            return true
        case .exchange:
            guard case .success(let (token, identity)) = ResponseDecoder.exchange(data, in: MessageArena()) else { return false }
            return IdentityJSON.write(token, identity, to: &body)
        case .revocation:
            guard case .success(let position) = ResponseDecoder.revoked(data, in: MessageArena()) else { return false }
            IdentityJSON.writeRevoked(position, to: &body)
            return true
        case .forwardAuth: return false
        }
    }

    private func writeInternal(to writer: inout some HTTPResponseWriter) {
        HTTPFailures.write(
            FailureResponse(.internal, "The response can't be written in the form of this endpoint."), at: form.endpoint,
            to: &writer)
    }
}
