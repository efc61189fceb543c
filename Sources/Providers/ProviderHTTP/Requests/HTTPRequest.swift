internal import DoormanCore

/// A request to an HTTP server. It has no body: the parameters are in the URL, which therefore holds secrets and is never shown.
package struct HTTPRequest: Sendable, Hashable {
    package enum Method: String, Sendable, Hashable, CaseIterable {
        case get = "GET"
        case post = "POST"
        case delete = "DELETE"
    }

    package let method: Method
    /// An absolute URL, percent-encoded. See ``URLPolicy`` for what is accepted.
    package let url: String
    /// Whether sending it twice does no harm.
    ///
    /// libcurl silently repeats a request when the connection it had kept open turns out to be closed before a byte of the
    /// answer came, though the server may have acted on it. A request that is not repeatable gets a new connection for itself
    /// alone, on which libcurl repeats nothing; and should it come to send it again all the same, it is stopped.
    package let isRepeatable: Bool

    /// Whether it goes over TLS.
    package var isEncrypted: Bool { url.prefix(6).lowercased() == "https:" }

    /// Whether it may go over a connection that others use at the same time.
    package var mayShareConnection: Bool { isEncrypted && isRepeatable }

    package init(_ method: Method, url: String, isRepeatable: Bool) {
        self.method = method
        self.url = url
        self.isRepeatable = isRepeatable
    }
}

extension HTTPRequest: Redacted {
    package var description: String { "HTTPRequest(\(method.rawValue), URL redacted)" }
}
