internal import DoormanCore

/// A request to an HTTP server. Its URL, header and form may contain secrets, so none of them is ever shown.
package struct HTTPRequest: Sendable, Hashable {
    package enum Method: String, Sendable, Hashable, CaseIterable {
        case get = "GET"
        case post = "POST"
        case delete = "DELETE"
    }

    package let method: Method
    /// An absolute, percent-encoded URL. ``URLPolicy`` decides whether it is allowed.
    package let url: String
    /// Header fields beside those of the transport. The transport writes their names in lowercase.
    package let headers: HTTPHeaders
    /// The body of a POST: an encoded form, of type `application/x-www-form-urlencoded`. Empty for no body.
    package let form: [UInt8]
    /// The maximum length of the response's body, in bytes; `nil` for the transport's own limit.
    package let maximumBodyBytes: Int?
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

    /// - Parameters:
    ///   - headers: Fields whose names and values are valid: see ``HTTPHeaders/areValid``. Anything else traps.
    ///   - form: The fields of the body, for a POST only.
    package init(
        _ method: Method, url: String, headers: HTTPHeaders = [:], form: [PercentEncoding.Parameter] = [],
        maximumBodyBytes: Int? = nil, isRepeatable: Bool
    ) {
        precondition(headers.areValid, "a header field would end its line")
        precondition(form.isEmpty || method == .post, "only a POST has a form")
        self.method = method
        self.url = url
        self.headers = headers
        self.form = PercentEncoding.bytes(of: form)
        self.maximumBodyBytes = maximumBodyBytes
        self.isRepeatable = isRepeatable
    }

    /// Creates a request that differs from another in its headers.
    init(_ other: HTTPRequest, headers: HTTPHeaders) {
        precondition(headers.areValid, "a header field would end its line")
        method = other.method
        url = other.url
        self.headers = headers
        form = other.form
        maximumBodyBytes = other.maximumBodyBytes
        isRepeatable = other.isRepeatable
    }
}

extension HTTPRequest: Redacted {
    package var description: String { "HTTPRequest(\(method.rawValue), URL, header and form redacted)" }
}
