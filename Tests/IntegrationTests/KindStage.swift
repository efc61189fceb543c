import AccountKitEmulator
import DoormanClient
import DoormanServer
import TestKit
import Testing

@testable import DoormanDaemon

/// A stack with a provider of one kind, whose tokens and failures a test decides in the same words for each kind.
struct KindStage: Sendable {
    /// The server that a provider's URL names.
    enum Origin: Sendable {
        case provider
        /// No server listens there.
        case closed
        /// A server that responds to everything by a script.
        case scripted(ScriptedHTTPServer.Script)
    }

    enum Outage: Sendable {
        case hang
        case serverError
        case throttled
    }

    static let audience = "orders-api"
    private static let wrongSecret = String(repeating: "f", count: 32)

    let kind: ProviderKind
    let stack: Stack
    private let endpoint: IntrospectionEndpoint

    /// Runs a stack for as long as `body` runs.
    ///
    /// - Parameter isSecretWrong: Whether the server has another secret than the provider.
    static func run(
        _ kind: ProviderKind, from origin: Origin, isSecretWrong: Bool, settings change: @escaping (inout DoormandSettings) -> Void,
        _ body: (KindStage) async throws -> Void
    ) async throws {
        let endpoint = IntrospectionEndpoint(secret: isSecretWrong ? wrongSecret : Stack.ours.secret)
        let script: ScriptedHTTPServer.Script =
            if case .scripted(let script) = origin { script } else { { endpoint.respond(to: $0) } }
        try await ScriptedHTTPServer.run(script) { server in
            let isBroken = if case .provider = origin { isSecretWrong } else { true }
            try await Stack.run(
                settings: { settings in
                    Stack.grantAll(&settings)
                    let emulator = settings.accountKit.url
                    let own = kind == .introspection ? server.url : emulator
                    let url =
                        switch origin {
                        case .provider: own
                        case .closed: "http://127.0.0.1:1"
                        case .scripted: server.url
                        }
                    configure(kind, at: url, emulator, &settings)
                    change(&settings)
                }, awaitsCredentials: !isBroken
            ) { stack in
                if isSecretWrong, kind != .introspection { try stack.emulator.changeSecret(to: wrongSecret) }
                try await body(KindStage(kind: kind, stack: stack, endpoint: endpoint))
            }
        }
    }

    private static func configure(_ kind: ProviderKind, at url: String, _ emulator: String, _ settings: inout DoormandSettings) {
        let secretFile = settings.accountKit.appSecretFile
        if kind != .accountKit { settings.accountKit = AccountKitTexts() }
        switch kind {
        case .accountKit: settings.accountKit.url = url
        case .facebookLogin:
            settings.facebookLogin.url = url
            settings.facebookLogin.applicationID = Stack.ours.id
            settings.facebookLogin.appSecretFile = secretFile
            settings.facebookLogin.fields = ["email"]
        case .introspection:
            settings.introspection.endpoint = url + "/introspect"
            settings.introspection.clientID = IntrospectionEndpoint.clientID
            settings.introspection.clientSecretFile = secretFile
            settings.introspection.audience = [audience]
        case .jwt:
            settings.jwt.issuer = emulator + "/oidc"
            settings.jwt.audience = [audience]
            if url != emulator { settings.jwt.jwksURL = url + "/keys" }
        }
    }

    // MARK: - Tokens

    /// - Parameter lifetime: The time until the token expires, in seconds. Account Kit's tokens do not say when they expire.
    func token(lifetime: Int = 3600) throws -> String {
        switch kind {
        case .accountKit: try stack.emulator.logIn(phone: "+15551234567")
        case .facebookLogin: try stack.emulator.logInWithFacebook(email: "a@example.com", lifetime: lifetime)
        case .introspection: endpoint.issue(audience: Self.audience, lifetime: lifetime)
        case .jwt: try stack.emulator.issueJWT(AccessTokenRequest(lifetime: lifetime), email: "a@example.com")
        }
    }

    /// Returns a good token that needs a provider request: for `jwt` a token of a new key.
    func tokenThatNeedsRequest() async throws -> String {
        guard kind == .jwt else { return try token() }
        // The server has the keys once it has verified a token.
        #expect(await verify(try token()) == "OK")
        try stack.emulator.rotateKeys(.keep)
        return try token()
    }

    /// Returns a token with which the provider rejects the proof, although the secret is right.
    func tokenWithRejectedProof() throws -> String {
        kind == .accountKit ? try stack.emulator.logIn(app: Stack.theirs.id, phone: "+15551234567") : "EAAtoken"
    }

    /// Responds as Facebook does to an application whose secret is right, and rejects all proofs.
    static let proofRejecter: ScriptedHTTPServer.Script = { request in
        if request.path.contains("/debug_token") {
            let data = #""app_id":"\#(Stack.ours.id)","type":"USER","is_valid":true,"expires_at":0,"scopes":[],"user_id":"1""#
            return ScriptedHTTPServer.Response(body: "{\"data\":{\(data)}}")
        }
        return ScriptedHTTPServer.Response(
            status: 400,
            body:
                #"{"error":{"message":"Invalid appsecret_proof provided in the API argument","type":"GraphMethodException","code":100}}"#
        )
    }

    var invalidToken: String {
        get throws {
            switch kind {
            case .accountKit: "EMAWnobodys"
            case .facebookLogin: "EAAnobodys"
            case .introspection: "nobodys-opaque-token"
            case .jwt: try token(lifetime: -60)
            }
        }
    }

    var malformedToken: String {
        switch kind {
        case .accountKit, .facebookLogin: "AQcode"
        case .introspection: "opaque token with spaces"
        case .jwt: "two.parts"
        }
    }

    /// A good token of another application.
    func foreignToken() throws -> String {
        switch kind {
        case .accountKit:
            // The proof of the own secret does not show that the token is another application's if the provider accepts it.
            stack.emulator.setFault(.applicationForeign, for: .me)
            return try token()
        case .facebookLogin: return try stack.emulator.logInWithFacebook(app: Stack.theirs.id, email: "a@example.com")
        case .introspection: return endpoint.issue(audience: "another", lifetime: 3600)
        case .jwt: return try stack.emulator.issueJWT(AccessTokenRequest(audiences: ["another"]), email: "a@example.com")
        }
    }

    // MARK: - Failures

    func begin(_ outage: Outage) {
        switch outage {
        case .hang:
            stack.emulator.setFault(.hang)
            endpoint.fail(with: nil)
        case .serverError:
            stack.emulator.setFault(.badGateway)
            endpoint.fail(with: ScriptedHTTPServer.Response(status: 502, body: "<html>"))
        case .throttled:
            stack.emulator.setFault(.tooManyRequests(retryAfterSeconds: 1))
            endpoint.fail(with: ScriptedHTTPServer.Response(status: 429, headers: [("Retry-After", "1")], body: "{}"))
        }
    }

    func changeSecret(isWrong: Bool) throws {
        let secret = isWrong ? Self.wrongSecret : Stack.ours.secret
        if kind == .introspection { endpoint.changeSecret(to: secret) } else { try stack.emulator.changeSecret(to: secret) }
    }

    // MARK: - Calls

    /// Returns the outcome of a call: `OK`, `stale`, or the kind and reason of its failure.
    func verify(_ token: String, _ requirements: TokenRequirements = .none, timeout: Duration? = nil) async -> String {
        do throws(DoormanError) {
            let identity = try await stack.client.verify(Token(token), requiring: requirements, timeout: timeout)
            return identity.freshness == .stale ? "stale" : "OK"
        } catch {
            return error.reason
        }
    }

    /// Returns the outcome of a call that is throttled, with whether it says when to come back.
    func verifyThrottled(_ token: String) async -> String {
        do throws(DoormanError) {
            _ = try await stack.client.verify(Token(token))
            return "OK"
        } catch {
            return error.reason + (error.retryAfter == nil ? "" : ", later")
        }
    }

    /// Returns the outcome of an operation.
    func outcome(_ call: (DoormanClient) async throws(DoormanError) -> Void) async -> String {
        do throws(DoormanError) {
            try await call(stack.client)
            return "OK"
        } catch {
            return error.reason
        }
    }
}
