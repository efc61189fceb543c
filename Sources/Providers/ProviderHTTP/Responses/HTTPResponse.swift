internal import DoormanCore

/// A whole response, whatever its status. It shows only its size, since the body may hold a token.
package struct HTTPResponse: Sendable, Hashable {
    /// 200 to 599, or whatever three digits the server sent.
    package let status: Int
    package let headers: HTTPHeaders
    /// At most ``CurlTransport/Settings/maximumBodyBytes``.
    package let body: [UInt8]

    package init(status: Int, headers: HTTPHeaders = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

extension HTTPResponse: Redacted {
    package var description: String { "HTTPResponse(\(status), \(body.count) bytes)" }
}
