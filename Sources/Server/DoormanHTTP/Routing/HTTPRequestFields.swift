/// The method of an HTTP request, as far as routes tell methods apart.
package enum HTTPRequestMethod: Sendable, Hashable {
    case get
    case head
    case post
    case other
}

/// What routes know about a request besides its texts.
package struct HTTPRequestFacts: Sendable, Hashable {
    /// The number of `Authorization` headers.
    package var authorizations: Int
    /// Whether the request announces a body of at least one byte.
    package var hasBody: Bool
    /// Whether the connection came to a loopback address, where `/v1` compares the header `Host`.
    package var isOnLoopback: Bool

    package init(authorizations: Int, hasBody: Bool, isOnLoopback: Bool) {
        self.authorizations = authorizations
        self.hasBody = hasBody
        self.isOnLoopback = isOnLoopback
    }
}

/// The head of an HTTP request, of any version. It borrows the connection's texts.
package struct HTTPRequestFields: ~Escapable {
    package let method: HTTPRequestMethod
    /// The target, which may have a query.
    package let target: Span<UInt8>
    /// The value of the header `Authorization`; empty without one. The first value, if there are several.
    package let authorization: Span<UInt8>
    /// The value of the header `Content-Type`; empty without one.
    package let contentType: Span<UInt8>
    /// The value of the header `Host`, or of `:authority`; empty without one.
    package let host: Span<UInt8>
    package let facts: HTTPRequestFacts

    @_lifetime(copy target, copy authorization, copy contentType, copy host)
    package init(
        method: HTTPRequestMethod, target: Span<UInt8>, authorization: Span<UInt8>, contentType: Span<UInt8>, host: Span<UInt8>,
        facts: HTTPRequestFacts
    ) {
        self.method = method
        self.target = target
        self.authorization = authorization
        self.contentType = contentType
        self.host = host
        self.facts = facts
    }
}
