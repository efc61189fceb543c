/// A refusal in Account Kit's own words: one row each of the contract's table of errors.
package struct GraphError: Error, Sendable, Hashable {
    package enum Kind: String, Sendable {
        case oAuth = "OAuthException"
        case accountKit = "EMApiException"
        case method = "GraphMethodException"
    }

    var status = 400
    let code: Int
    let kind: Kind
    let message: String
    /// Whether the body says `"is_transient":true`. It never says false.
    var isTransient = false
    /// Whether the body has `"error_data":[]`.
    var hasErrorData = false
    var headers: [Answer.Header] = []

    /// The value of `WWW-Authenticate`.
    var challenge: String {
        "OAuth \"Facebook Platform\" \"\(code == 190 ? "invalid_token" : "invalid_request")\" \"\(message)\""
    }

    func body(traceID: String) -> JSON {
        var members = [
            JSON.Member("message", .string(message)), JSON.Member("type", .string(kind.rawValue)),
            JSON.Member("code", .integer(code)),
        ]
        if isTransient { members.append(JSON.Member("is_transient", true)) }
        if hasErrorData { members.append(JSON.Member("error_data", [])) }
        members.append(JSON.Member("fbtrace_id", .string(traceID)))
        return .object([JSON.Member("error", .object(members))])
    }
}

/// What the contract answers by itself.
extension GraphError {
    /// No `access_token`.
    static let tokenMissing = GraphError(
        code: 104, kind: .oAuth, message: "An access token is required to request this resource.")
    /// A token that never was.
    static let tokenUnknown = GraphError(code: 190, kind: .oAuth, message: "Invalid OAuth access token.")
    /// A token that was one once.
    static let tokenRevoked = GraphError(
        code: 190, kind: .accountKit, message: "Invalid OAuth 2.0 Access Token", hasErrorData: true)
    static let codeUnknown = GraphError(code: 1, kind: .oAuth, message: "Invalid verification code")
    static let codeUsed = GraphError(code: 100, kind: .oAuth, message: "This authorization code has been used")
    static let proofMissing = GraphError(
        code: 100, kind: .method, message: "API calls from the server require an appsecret_proof argument")
    static let proofWrong = GraphError(
        code: 100, kind: .method, message: "Invalid appsecret_proof provided in the API argument")
    /// An outage, but also wrong app credentials and an account that is not there.
    static let unavailable = GraphError(
        status: 500, code: 2, kind: .accountKit, message: "Service temporarily unavailable", isTransient: true)
    /// A version that never was.
    static let unknownPath = GraphError(code: 2500, kind: .method, message: "Unknown path components")
    /// A path or method that is none of the six calls.
    static let unsupported = GraphError(code: 100, kind: .method, message: "Unsupported request method or path.")

    static func parameter(_ name: String, _ rule: String) -> GraphError {
        GraphError(code: 100, kind: .oAuth, message: "(#100) Param \(name) \(rule)")
    }
}

/// What comes only when a ``Fault`` asks for it.
extension GraphError {
    static let hiccup = GraphError(code: 1, kind: .oAuth, message: "An unknown error has occurred.")

    static func throttled(_ usage: AppUsage) -> GraphError {
        GraphError(
            status: 403, code: 4, kind: .oAuth, message: "(#4) Application request limit reached", headers: [usage.header])
    }

    /// - Parameter seconds: For `Retry-After`.
    static func tooManyRequests(retryAfter seconds: Int) -> GraphError {
        GraphError(
            status: 429, code: 4, kind: .oAuth, message: "(#4) Application request limit reached",
            headers: [Answer.Header("Retry-After", String(seconds))])
    }
}

/// Why the emulator could not start, or would not do what its owner asked. What its *callers* get is a ``GraphError``.
package struct EmulatorError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Code: Sendable, Hashable {
        /// The settings contradict themselves or are unsafe.
        case badSettings
        /// An argument is missing or malformed.
        case badArgument
        /// No such application or account.
        case notFound
        /// The application's switches forbid it.
        case notAllowed
        /// A limit is reached.
        case tooMany
    }

    package let code: Code
    /// One sentence for a person, without a token, code or secret.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
