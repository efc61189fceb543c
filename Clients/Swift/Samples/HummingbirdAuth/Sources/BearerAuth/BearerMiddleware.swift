public import DoormanClient
public import Hummingbird

/// Verifies the bearer token of each request, and stores the identity in the request's context.
///
/// Requests without a valid token get these responses (RFC 6750):
///
/// | request | response |
/// |---|---|
/// | no bearer token | 401, and a challenge without an error code |
/// | two tokens, or a malformed token | 400 `invalid_request` |
/// | a rejected token | 401 `invalid_token`: the user must log in again |
/// | a token without a verdict | 503, and `Retry-After`: the user stays logged in |
///
/// No response and no log line contains a token.
public struct BearerMiddleware<Context: IdentifiedRequestContext>: RouterMiddleware {
    private let doorman: any TokenVerifying
    private let realm: String

    /// Creates a middleware.
    ///
    /// - Parameters:
    ///   - doorman: The verifier: a `DoormanClient`, or a `ScriptedVerifier` in tests.
    ///   - realm: The name of the protected part of the service in the challenge. It must not contain quotes or backslashes.
    public init(doorman: any TokenVerifying, realm: String) {
        precondition(!realm.contains { $0 == "\"" || $0 == "\\" }, "the realm must not contain quotes or backslashes")
        self.doorman = doorman
        self.realm = realm
    }

    public func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let token =
            switch BearerCredentials(request.headers) {
            case .absent: throw BearerFailure.noToken.response(realm: realm)
            case .malformed: throw BearerFailure.malformed.response(realm: realm)
            case .token(let token): token
            }
        var context = context
        do throws(DoormanError) {
            context.identity = try await doorman.verify(token)
        } catch {
            if error.rejection == nil { context.logger.warning("\(error)") }
            throw BearerFailure(error).response(realm: realm)
        }
        return try await next(request, context)
    }
}
