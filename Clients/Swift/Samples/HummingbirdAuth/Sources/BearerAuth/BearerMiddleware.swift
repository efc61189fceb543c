public import DoormanClient
public import Hummingbird

/// Lets only requests pass whose bearer token Doorman knows, and puts whose it is into their context.
///
/// The others are answered as RFC 6750 has it:
///
/// | the request | the answer |
/// |---|---|
/// | brings no bearer token | 401, and a challenge that says nothing more |
/// | brings two, or what can't be one | 400 `invalid_request` |
/// | brings one that is refused | 401 `invalid_token`: the user must log in again |
/// | brings one that could not be asked about | 503, and `Retry-After`: the user stays logged in |
///
/// No token is in an answer or a log.
public struct BearerMiddleware<Context: IdentifiedRequestContext>: RouterMiddleware {
    private let doorman: any TokenVerifying
    private let realm: String

    /// - Parameters:
    ///   - doorman: A `DoormanClient`; in tests, a `ScriptedVerifier`.
    ///   - realm: What the challenge calls the protected part of the service. Neither quotes nor backslashes.
    public init(doorman: any TokenVerifying, realm: String) {
        precondition(!realm.contains { $0 == "\"" || $0 == "\\" }, "the realm must not end its own quotes")
        self.doorman = doorman
        self.realm = realm
    }

    public func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let token =
            switch BearerCredentials(request.headers) {
            case .absent: throw BearerFailure.noToken.answer(realm: realm)
            case .malformed: throw BearerFailure.malformed.answer(realm: realm)
            case .token(let token): token
            }
        var context = context
        do throws(DoormanError) {
            context.identity = try await doorman.verify(token)
        } catch {
            if error.rejection == nil { context.logger.warning("\(error)") }
            throw BearerFailure(error).answer(realm: realm)
        }
        return try await next(request, context)
    }
}
