package import NIOCore
package import NIOHTTP1

/// What the pages need to know of a request.
package struct AdminRequest: Sendable {
    package var method: HTTPMethod
    /// The path with its query.
    package var target: String
    /// The values of all headers `Host`.
    package var hosts: [String]
    /// Whether the connection came to a loopback address.
    package var isOnLoopback: Bool

    package init(method: HTTPMethod = .GET, target: String, hosts: [String] = ["localhost"], isOnLoopback: Bool = true) {
        self.method = method
        self.target = target
        self.hosts = hosts
        self.isOnLoopback = isOnLoopback
    }
}

/// A response of the admin listener, with its whole body.
package struct AdminResponse: Sendable {
    package static let plainText = "text/plain; charset=utf-8"

    package var status: HTTPResponseStatus
    package var mediaType: String
    package var body: ByteBuffer

    package init(_ status: HTTPResponseStatus, _ text: String, mediaType: String = plainText) {
        self.status = status
        self.mediaType = mediaType
        body = ByteBuffer(string: text)
    }

    /// The headers, without those about the connection.
    var headers: HTTPHeaders {
        var headers: HTTPHeaders = [
            "Content-Type": mediaType,
            "Content-Length": "\(body.readableBytes)",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            // Nothing inline and nothing from elsewhere. So a text that slipped through the escaping could not become a script.
            "Content-Security-Policy":
                "default-src 'none'; connect-src 'self'; img-src 'self'; script-src 'self'; style-src 'self'; base-uri 'none'; "
                + "form-action 'none'; frame-ancestors 'none'",
            // Pages of other sites can't embed a page and learn about it that way.
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
        ]
        if status == .methodNotAllowed { headers.add(name: "Allow", value: "GET, HEAD") }
        return headers
    }
}
