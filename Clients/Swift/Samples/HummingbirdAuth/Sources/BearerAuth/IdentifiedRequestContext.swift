public import DoormanClient
public import Hummingbird

/// The context of a request, in which ``BearerMiddleware`` stores the identity.
public protocol IdentifiedRequestContext: RequestContext {
    /// The identity of the user; `nil` on open routes.
    var identity: Identity? { get set }
}
