import BearerAuth
import DoormanClient
import Hummingbird

/// The context of every request.
struct VisitorContext: IdentifiedRequestContext {
    var coreContext: CoreRequestContextStorage
    var identity: Identity?

    init(source: Source) {
        coreContext = CoreRequestContextStorage(source: source)
    }
}

/// The context behind the middleware, where there is always an identity. A route without the middleware can't have it.
struct MemberContext: ChildRequestContext {
    var coreContext: CoreRequestContextStorage
    let identity: Identity

    init(context: VisitorContext) throws {
        guard let identity = context.identity else { throw HTTPError(.unauthorized) }
        self.coreContext = context.coreContext
        self.identity = identity
    }
}
