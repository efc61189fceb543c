package import DoormanTracing
internal import Tracing

/// The traces of the requests to one provider.
package struct ProviderTracing: Sendable {
    /// Whether the provider learns of the callers' traces.
    package enum Propagation: Sendable {
        case none
        /// Requests have the headers `traceparent` and `tracestate`.
        case traceContext
    }

    private let tracer: CallTracer?
    private let propagation: Propagation
    /// The provider's name in the settings.
    private let provider: String

    /// - Parameter tracer: `nil` for no spans.
    package init(tracer: CallTracer?, propagation: Propagation, provider: String) {
        self.tracer = tracer
        self.propagation = propagation
        self.provider = provider
    }

    /// Begins the trace of a request.
    func begin(_ request: HTTPRequest, to endpoint: ProviderEndpoint) -> TracedRequest {
        let span = tracer?.startRequest("\(request.method.rawValue) \(endpoint.name)")
        if let span { span.describe(request, to: endpoint, of: provider) }
        guard propagation == .traceContext, let context = context(of: span) else {
            return TracedRequest(request: request, span: span)
        }
        return TracedRequest(request: request.adding(context), span: span)
    }

    /// Returns the context that the provider gets. Without a span it is the caller's own.
    private func context(of span: (any Span)?) -> TraceContext? {
        guard let span, let tracer else { return CallTrace.current?.parent }
        return tracer.context(of: span)
    }
}

/// A request as it is sent, with its span.
struct TracedRequest {
    let request: HTTPRequest
    /// `nil` without a tracer.
    fileprivate let span: (any Span)?

    /// Ends the span of a request that got a whole response.
    func end(status: Int) {
        guard let span else { return }
        span.attributes["http.response.status_code"] = status
        if status >= 400 {
            span.attributes["error.type"] = "\(status)"
            span.setStatus(SpanStatus(code: .error))
        }
        span.end()
    }

    /// Ends the span of a request without a whole response.
    func end(_ error: TransportError) {
        guard let span else { return }
        span.attributes["error.type"] = error.code.rawValue
        span.setStatus(SpanStatus(code: .error, message: error.code.rawValue))
        span.end()
    }
}

extension Span {
    /// Notes where a request goes: the server in the settings, and the endpoint's name in place of the URL, whose path and query may hold a
    /// token, an account or a secret.
    fileprivate func describe(_ request: HTTPRequest, to endpoint: ProviderEndpoint, of provider: String) {
        updateAttributes { attributes in
            attributes["http.request.method"] = request.method.rawValue
            attributes["doorman.provider"] = provider
            attributes["doorman.provider.endpoint"] = endpoint.name
            attributes["url.scheme"] = request.isEncrypted ? "https" : "http"
            guard let server = URLPolicy.server(of: request.url) else { return }
            attributes["server.address"] = server.host
            if let port = server.port { attributes["server.port"] = port }
        }
    }
}

extension HTTPRequest {
    /// Returns the request with the headers of a trace context.
    fileprivate func adding(_ context: TraceContext) -> HTTPRequest {
        var headers = headers
        headers["traceparent"] = context.traceparent
        if !context.tracestate.isEmpty { headers["tracestate"] = context.tracestate }
        return HTTPRequest(self, headers: headers)
    }
}
