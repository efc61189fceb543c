/// What asks an HTTP server on the verifier's behalf. Tests put in one that they script.
package protocol HTTPTransport: Sendable {
    /// Asks, and waits for the whole answer, whatever its status.
    ///
    /// - Throws: ``TransportError`` if there is none within `timeout` or the transport's own limits.
    func send(_ request: HTTPRequest, timeout: Duration) async throws(TransportError) -> HTTPResponse
}
