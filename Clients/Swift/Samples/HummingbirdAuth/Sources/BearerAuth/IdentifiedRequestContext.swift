public import DoormanClient
public import Hummingbird

/// The context of a request that ``BearerMiddleware`` may have let pass.
public protocol IdentifiedRequestContext: RequestContext {
    /// Who asks. Nil on routes that everybody may ask.
    var identity: Identity? { get set }
}
