/// The reason why a request has no whole response. Contains neither the URL nor anything from a server.
package struct TransportError: Error, Sendable, Hashable {
    /// The raw values are the names in the statistics, after `failed_`.
    package enum Code: String, Sendable, Hashable, CaseIterable {
        /// The host name could not be resolved.
        case resolveFailed = "resolve_failed"
        /// The host refused the connection, or could not be reached.
        case connectFailed = "connect_failed"
        /// The TLS handshake failed, or the certificate is not trusted for this host.
        case tls
        /// The transport's own limit for connecting or for the whole request passed first.
        case timedOut = "timed_out"
        /// The caller's deadline passed first.
        case deadlineExceeded = "deadline_exceeded"
        /// The body is longer than ``HTTPRequest/maximumBodyBytes`` or ``CurlTransport/Settings/maximumBodyBytes``.
        case bodyTooLarge = "body_too_large"
        /// The header is longer than ``CurlTransport/Settings/maximumHeaderBytes``.
        case headersTooLarge = "headers_too_large"
        /// The connection ended before the whole response arrived.
        case connectionLost = "connection_lost"
        /// The server refused the request's HTTP/2 stream (`REFUSED_STREAM`), or ended its connection before a response. libcurl does not
        /// tell which.
        case streamRefused = "stream_refused"
        /// The response is not HTTP, or libcurl failed in some other way.
        case protocolError = "protocol_error"
        /// The caller's task was cancelled.
        case cancelled
        /// The transport has been shut down.
        case shutDown = "shut_down"
        /// ``CurlTransport/Settings/maximumRequests`` requests are in flight.
        case queueFull = "queue_full"
        /// The URL is not allowed: see ``URLPolicy``.
        case urlNotAllowed = "url_not_allowed"
    }

    /// The reason behind a ``Code``, as far as the transport knows it. The description completes "because" in a log line, and contains
    /// neither a secret nor a URL.
    package enum Cause: Sendable, Hashable, CustomStringConvertible {
        case hostNotFound
        case proxyNotFound
        case connectionRefused
        case hostUnreachable
        /// The time was over before a connection was ready, so the provider saw no request.
        case notConnectedInTime
        /// The proxy responded to `CONNECT` with this status. 407 asks for a user name and a password.
        case proxyResponded(status: Int)
        case certificateExpired
        case certificateNotYetValid
        case certificateForOtherName
        case certificateUntrusted
        case handshakeFailed

        package var description: String {
            switch self {
            case .hostNotFound: "the host name could not be resolved"
            case .proxyNotFound: "the host name of the proxy could not be resolved"
            case .connectionRefused: "the host refused the connection"
            case .hostUnreachable: "the host could not be reached"
            case .notConnectedInTime: "no connection to the host was ready in time: see its name, the network and a firewall"
            case .proxyResponded(status: 407): "the proxy asks for a user name and a password (status 407)"
            case .proxyResponded(let status): "the proxy refused the connection (status \(status))"
            case .certificateExpired: "the host's certificate has expired"
            case .certificateNotYetValid: "the host's certificate is not valid yet"
            case .certificateForOtherName: "the host's certificate is for another name"
            case .certificateUntrusted: "the host's certificate is not issued by a trusted authority"
            case .handshakeFailed: "the TLS handshake failed"
            }
        }
    }

    package let code: Code
    /// Whether the server may have received the request. False only if certainly no byte of it was sent.
    package let requestMayHaveBeenSent: Bool
    /// libcurl's error code (`libcurl-errors(3)`); `nil` if the failure is not libcurl's.
    package let curlCode: UInt32?
    /// The number of times that the transport repeated the request by itself, because a kept connection had ended.
    package let repeats: Int
    /// `nil` if ``code`` says all that is known.
    package let cause: Cause?

    package init(
        _ code: Code, requestMayHaveBeenSent: Bool, curlCode: UInt32? = nil, repeats: Int = 0, cause: Cause? = nil
    ) {
        self.code = code
        self.requestMayHaveBeenSent = requestMayHaveBeenSent
        self.curlCode = curlCode
        self.repeats = repeats
        self.cause = cause
    }
}
