/// An error of the Graph API. Each constant is a row of Account Kit's table of errors.
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
    /// Whether the body has `"is_transient":true`. It never has `false`.
    var isTransient = false
    /// Whether the body has `"error_data":[]`.
    var hasErrorData = false
    var headers: [GraphResponse.Header] = []
    /// `error_subcode`, which only Facebook Login has.
    var subcode: Int?

    /// The value of `WWW-Authenticate`.
    var challenge: String {
        "OAuth \"Facebook Platform\" \"\(code == 190 ? "invalid_token" : "invalid_request")\" \"\(message)\""
    }

    func body(traceID: String) -> JSONText {
        var members = [
            JSONText.Member("message", .string(message)), JSONText.Member("type", .string(kind.rawValue)),
            JSONText.Member("code", .integer(code)),
        ]
        if let subcode { members.append(JSONText.Member("error_subcode", .integer(subcode))) }
        if isTransient { members.append(JSONText.Member("is_transient", .bool(isTransient))) }
        if hasErrorData { members.append(JSONText.Member("error_data", [])) }
        members.append(JSONText.Member("fbtrace_id", .string(traceID)))
        return .object([JSONText.Member("error", .object(members))])
    }
}

/// Errors that the Graph API returns by itself.
extension GraphError {
    /// `access_token` is missing or empty.
    static let tokenMissing = GraphError(
        code: 104, kind: .oAuth, message: "An access token is required to request this resource.")
    /// The token was never issued.
    static let tokenUnknown = GraphError(code: 190, kind: .oAuth, message: "Invalid OAuth access token.")
    /// The token was issued and then revoked.
    static let tokenRevoked = GraphError(
        code: 190, kind: .accountKit, message: "Invalid OAuth 2.0 Access Token", hasErrorData: true)
    static let codeUnknown = GraphError(code: 1, kind: .oAuth, message: "Invalid verification code")
    static let codeUsed = GraphError(code: 100, kind: .oAuth, message: "This authorization code has been used")
    static let proofMissing = GraphError(
        code: 100, kind: .method, message: "API calls from the server require an appsecret_proof argument")
    static let proofWrong = GraphError(
        code: 100, kind: .method, message: "Invalid appsecret_proof provided in the API argument")
    /// An outage. Wrong app credentials and unknown accounts get the same response.
    static let unavailable = GraphError(
        status: 500, code: 2, kind: .accountKit, message: "Service temporarily unavailable", isTransient: true)
    /// The version does not exist.
    static let unknownPath = GraphError(code: 2500, kind: .method, message: "Unknown path components")
    /// Path or method match none of the six calls.
    static let unsupported = GraphError(code: 100, kind: .method, message: "Unsupported request method or path.")

    static func parameter(_ name: String, _ rule: String) -> GraphError {
        GraphError(code: 100, kind: .oAuth, message: "(#100) Param \(name) \(rule)")
    }
}

/// Errors that only a ``Fault`` causes.
extension GraphError {
    static let unknownError = GraphError(code: 1, kind: .oAuth, message: "An unknown error has occurred.")

    static func throttled(_ usage: AppUsageHeader) -> GraphError {
        GraphError(
            status: 403, code: 4, kind: .oAuth, message: "(#4) Application request limit reached", headers: [usage.header])
    }

    /// - Parameter seconds: The value of `Retry-After`.
    static func tooManyRequests(retryAfter seconds: Int) -> GraphError {
        GraphError(
            status: 429, code: 4, kind: .oAuth, message: "(#4) Application request limit reached",
            headers: [GraphResponse.Header("Retry-After", String(seconds))])
    }
}
