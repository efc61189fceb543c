internal import DoormanCore

/// A whole response of any status. Its description shows only the body's size, since the body may contain a token.
package struct HTTPResponse: Sendable, Hashable {
    /// The status code, usually 200 to 599. A server can send any three digits.
    package let status: Int
    package let headers: HTTPHeaders
    /// The body, of at most ``HTTPRequest/maximumBodyBytes`` or ``CurlTransport/Settings/maximumBodyBytes``.
    package let body: [UInt8]
    /// The number of times that the transport repeated the request by itself, because a kept connection had ended.
    package let repeats: Int

    package init(status: Int, headers: HTTPHeaders = [:], body: [UInt8] = [], repeats: Int = 0) {
        self.status = status
        self.headers = headers
        self.body = body
        self.repeats = repeats
    }
}

extension HTTPResponse: Redacted {
    package var description: String { "HTTPResponse(\(status), \(body.count) bytes)" }
}
