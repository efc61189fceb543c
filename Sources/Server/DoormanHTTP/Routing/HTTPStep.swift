internal import DoormanCore
package import DoormanServer

/// What follows for a request.
package enum HTTPStep {
    /// The response is written, from the cache.
    case cached
    /// The response is written. It is a failure.
    case responded
    /// The request's body is needed. Then ``HTTPRouter/respond(to:body:_:in:to:)`` decides.
    case needsBody(HTTPBodyRequest)
    /// Start the call, and render its outcome with the responder.
    indirect case started(AsynchronousCall, timeout: Duration?, HTTPResponder)
}

/// A request whose body is needed. The body is bounded by `server.max-frame-length`.
package struct HTTPBodyRequest: Sendable, Hashable {
    enum Endpoint: Sendable, Hashable {
        /// The token is that of the header `Authorization`; `nil` if the body must have it.
        case verify(Token?)
        case exchange
        case revoke
        /// Whether the form must have the credentials of a client, since the head has none.
        case introspection(ClientCredentials)
    }

    /// Where a client of introspection proves itself.
    enum ClientCredentials: Sendable, Hashable {
        case checked
        case inForm
    }

    let endpoint: Endpoint
}
