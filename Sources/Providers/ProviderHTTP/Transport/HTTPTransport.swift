/// Sends HTTP requests for a verifier. Tests use a scripted transport.
package protocol HTTPTransport: Sendable {
    /// Sends a request, and waits for the whole response, whatever its status.
    ///
    /// - Parameter timeout: The caller's remaining time; the transport's own limits may be shorter.
    /// - Throws: ``TransportError`` if no whole response arrives in time.
    func send(_ request: HTTPRequest, timeout: Duration) async throws(TransportError) -> HTTPResponse
}
