package import ProviderHTTP

/// A transport with scripted responses, which records its requests.
package actor ScriptedTransport: HTTPTransport {
    package typealias Response = @Sendable (HTTPRequest) -> Result<HTTPResponse, TransportError>

    package private(set) var requests: [HTTPRequest] = []
    package private(set) var timeouts: [Duration] = []
    private let response: Response

    package init(_ response: @escaping Response) {
        self.response = response
    }

    /// Responds to each request with the next of the responses.
    package init(_ responses: Result<HTTPResponse, TransportError>...) {
        let remaining = Remaining(responses)
        response = { _ in remaining.next() }
    }

    package func send(_ request: HTTPRequest, timeout: Duration) async throws(TransportError) -> HTTPResponse {
        requests.append(request)
        timeouts.append(timeout)
        return try response(request).get()
    }

    /// Safe without a lock: only the actor calls it.
    private final class Remaining: @unchecked Sendable {
        private var responses: [Result<HTTPResponse, TransportError>]
        init(_ responses: [Result<HTTPResponse, TransportError>]) { self.responses = responses.reversed() }
        func next() -> Result<HTTPResponse, TransportError> {
            responses.popLast() ?? .failure(TransportError(.shutDown, requestMayHaveBeenSent: false))
        }
    }
}

extension Result<HTTPResponse, TransportError> {
    package static func response(_ status: Int, _ body: String, headers: HTTPHeaders = [:]) -> Self {
        .success(HTTPResponse(status: status, headers: headers, body: Array(body.utf8)))
    }

    package static func failure(_ code: TransportError.Code, sent: Bool = false) -> Self {
        .failure(TransportError(code, requestMayHaveBeenSent: sent))
    }
}
