internal import DoormanCore

/// A request to an HTTP server, without a body. The parameters are in the URL, which therefore contains secrets and is never shown.
package struct HTTPRequest: Sendable, Hashable {
    package enum Method: String, Sendable, Hashable, CaseIterable {
        case get = "GET"
        case post = "POST"
        case delete = "DELETE"
    }

    package let method: Method
    /// An absolute, percent-encoded URL. ``URLPolicy`` decides whether it is allowed.
    package let url: String
    /// Whether the request is idempotent, so that sending it twice does no harm.
    ///
    /// libcurl silently repeats a request if a reused connection closes before the first byte of the response. The server may
    /// have acted on it by then. A request that is not repeatable gets a new connection of its own, on which libcurl repeats
    /// nothing. If libcurl still tries to send it a second time, the transfer is stopped. A repeatable request is repeated once at
    /// most, and only after HTTP/1.1.
    package let isRepeatable: Bool

    /// Whether the request uses TLS.
    package var isEncrypted: Bool { url.prefix(6).lowercased() == "https:" }

    /// Whether the request may share a connection with other requests in flight.
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
