import BearerAuth
import DoormanClient
import Hummingbird

/// The response of `GET /me`.
struct Member: ResponseCodable {
    let account: String
    let phone: String?
    let email: String?
}

/// Returns the routes: `GET /` is open, and `GET /me` needs a token.
func routes(doorman: any TokenVerifying) -> Router<VisitorContext> {
    let router = Router(context: VisitorContext.self)
    router.get("/") { _, _ in "Hello, stranger" }
    router.group()
        .add(middleware: BearerMiddleware(doorman: doorman, realm: "members"))
        .group(context: MemberContext.self)
        .get("/me") { _, context in
            Member(
                account: context.identity.accountID, phone: context.identity.phone?.number, email: context.identity.email)
        }
    return router
}
