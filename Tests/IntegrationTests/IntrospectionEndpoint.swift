import Foundation
import NIOConcurrencyHelpers

/// The tokens of an introspection endpoint (RFC 7662) with HTTP Basic authentication, and its failures.
final class IntrospectionEndpoint: Sendable {
    private struct State {
        var tokens: [String: String] = [:]
        var secret: String
        var failure: (@Sendable () -> ScriptedHTTPServer.Response?)?
    }

    static let clientID = "doorman"

    private let state: NIOLockedValueBox<State>

    init(secret: String) {
        state = NIOLockedValueBox(State(secret: secret))
    }

    /// - Parameter lifetime: The time until the token expires, in seconds.
    func issue(audience: String, lifetime: Int) -> String {
        let end = Int(Date().timeIntervalSince1970) + lifetime
        return state.withLockedValue { state in
            let token = "opaque-token-\(state.tokens.count)"
            state.tokens[token] =
                #"{"active":true,"sub":"user-1","client_id":"app","scope":"orders:read","aud":"\#(audience)","exp":\#(end)}"#
            return token
        }
    }

    func changeSecret(to secret: String) { state.withLockedValue { $0.secret = secret } }

    /// Responds to all requests with the same response, or with none.
    func fail(with response: ScriptedHTTPServer.Response?) { state.withLockedValue { $0.failure = { response } } }

    /// Ends a failure.
    func recover() { state.withLockedValue { $0.failure = nil } }

    func respond(to request: ScriptedHTTPServer.Request) -> ScriptedHTTPServer.Response? {
        state.withLockedValue { state in
            if let failure = state.failure { return failure() }
            let credential = Data("\(Self.clientID):\(state.secret)".utf8).base64EncodedString()
            guard request.authorization == "Basic \(credential)" else {
                return ScriptedHTTPServer.Response(status: 401, body: #"{"error":"invalid_client"}"#)
            }
            let field = request.body.split(separator: "&").first { $0.hasPrefix("token=") }
            let token = field.flatMap { String($0.dropFirst("token=".count)).removingPercentEncoding } ?? ""
            return ScriptedHTTPServer.Response(body: state.tokens[token] ?? #"{"active":false}"#)
        }
    }
}
