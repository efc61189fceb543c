package import DoormanWire
package import NIOCore

/// Writes a response in the form of one version of HTTP, without a value for the whole response in between.
package protocol HTTPResponseWriter {
    /// Begins the response. Every response has `Cache-Control: no-store`.
    mutating func begin(_ status: HTTPStatus)
    /// Adds a header with a constant value.
    mutating func addHeader(_ name: HTTPHeaderName, _ value: StaticString)
    /// Adds a header. The value is visible ASCII and single spaces; it may be empty.
    mutating func addHeader(_ name: HTTPHeaderName, _ value: Span<UInt8>)
    /// Ends the headers, and adds `Content-Length` and the body.
    ///
    /// - Parameter body: Empty for a response without a body.
    mutating func end(_ body: ByteBuffer)
}

/// The name of a header that responses have.
package struct HTTPHeaderName: Sendable {
    /// The name in lower case, as HTTP/2 sends it.
    package let lowercase: StaticString
    /// The name with the colon and the space, as HTTP/1.1 sends it.
    package let line: StaticString

    private init(_ lowercase: StaticString, _ line: StaticString) {
        self.lowercase = lowercase
        self.line = line
    }

    package static let accountID = HTTPHeaderName("x-doorman-account-id", "X-Doorman-Account-Id: ")
    package static let applicationID = HTTPHeaderName("x-doorman-application-id", "X-Doorman-Application-Id: ")
    package static let phone = HTTPHeaderName("x-doorman-phone", "X-Doorman-Phone: ")
    package static let email = HTTPHeaderName("x-doorman-email", "X-Doorman-Email: ")
    package static let provider = HTTPHeaderName("x-doorman-provider", "X-Doorman-Provider: ")
    package static let scopes = HTTPHeaderName("x-doorman-scopes", "X-Doorman-Scopes: ")
    package static let freshness = HTTPHeaderName("x-doorman-freshness", "X-Doorman-Freshness: ")
    package static let allow = HTTPHeaderName("allow", "Allow: ")
    package static let contentType = HTTPHeaderName("content-type", "Content-Type: ")
    package static let retryAfter = HTTPHeaderName("retry-after", "Retry-After: ")
    package static let wwwAuthenticate = HTTPHeaderName("www-authenticate", "WWW-Authenticate: ")
}
