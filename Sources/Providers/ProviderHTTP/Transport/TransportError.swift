/// Why there is no whole answer. Holds neither the URL nor anything a server sent.
package struct TransportError: Error, Sendable, Hashable {
    package enum Code: String, Sendable, Hashable, CaseIterable {
        /// The host's name could not be resolved.
        case resolveFailed
        /// The host refused the connection, or could not be reached.
        case connectFailed
        /// The TLS handshake failed, or the certificate is not one to trust for this host.
        case tls
        /// The transport's own limit for connecting or for the whole request passed first.
        case timedOut
        /// The time the caller gave passed first.
        case deadlineExceeded
        /// The body is longer than ``CurlTransport/Settings/maximumBodyBytes``.
        case bodyTooLarge
        /// The header is longer than ``CurlTransport/Settings/maximumHeaderBytes``.
        case headersTooLarge
        /// The connection ended before the whole answer was there.
        case connectionLost
        /// What came is not HTTP, or libcurl failed in some other way.
        case protocolError
        /// The caller's task was cancelled.
        case cancelled
        /// The transport has been shut down.
        case shutDown
        /// As many requests as ``CurlTransport/Settings/maximumRequests`` are under way.
        case queueFull
        /// The URL is not one this transport asks: see ``URLPolicy``.
        case refusedByPolicy
    }

    package let code: Code
    /// Whether the server may have seen the request. False only where it is certain that no byte of it left.
    package let requestMayHaveBeenSent: Bool
    /// libcurl's own number for the failure (`libcurl-errors(3)`), if it comes from there.
    package let curlCode: UInt32?

    package init(_ code: Code, requestMayHaveBeenSent: Bool, curlCode: UInt32? = nil) {
        self.code = code
        self.requestMayHaveBeenSent = requestMayHaveBeenSent
        self.curlCode = curlCode
    }
}
