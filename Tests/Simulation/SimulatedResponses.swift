internal import DoormanCore
internal import DoormanSupport
internal import ProviderHTTP

// The responses of Account Kit, as the contract of its server side has them.

extension HTTPResponse {
    init(_ status: Int, _ body: String, headers: HTTPHeaders = [:]) {
        self.init(status: status, headers: headers, body: Array(body.utf8))
    }

    fileprivate static func error(_ status: Int, code: Int, _ type: String, _ message: String) -> HTTPResponse {
        HTTPResponse(status, #"{"error":{"message":"\#(message)","type":"\#(type)","code":\#(code)}}"#)
    }

    /// The response to E2 that says a verdict.
    init(_ verdict: Verdict, drawnBy random: inout SplitMix64) {
        switch verdict {
        case .valid(let identity):
            self.init(
                200,
                #"{"id":"\#(identity.accountID)","email":{"address":"a@b.c"},"application":{"id":"\#(identity.applicationID)"}}"#)
        case .rejected(let rejection):
            self = rejection.reason == .proofRejected ? .proofRejection : .tokenRejection(drawnBy: &random)
        case .forbidden: preconditionFailure("no provider judges what a call requires")
        }
    }

    static let success = HTTPResponse(200, #"{"success":true}"#)
    static let noAccounts = HTTPResponse(200, #"{"data":[]}"#)

    /// The response to a wrong secret, and to a token of another application.
    static let proofRejection = error(
        400, code: 100, "GraphMethodException", "Invalid appsecret_proof provided in the API argument")
    /// The response to a wrong app token, which an outage causes as well.
    static let appTokenRejection = HTTPResponse(
        500, #"{"error":{"message":"Service temporarily unavailable","type":"EMApiException","code":2,"is_transient":true}}"#)

    private static let tokenRejections = [
        error(400, code: 190, "OAuthException", "Invalid OAuth access token."),
        HTTPResponse(
            400,
            #"{"error":{"message":"Invalid OAuth 2.0 Access Token","type":"EMApiException","code":190,"error_data":[]}}"#),
        HTTPResponse(
            400, #"{"error":{"message":"Expired.","type":"OAuthException","code":190,"error_subcode":463}}"#),
        HTTPResponse(
            400, #"{"error":{"message":"Invalid OAuth access token.","code":190}}"#,
            headers: ["WWW-Authenticate": #"OAuth "Facebook Platform" "invalid_token" "Invalid OAuth access token.""#]),
        error(401, code: 102, "OAuthException", "Session expired."),
    ]

    /// A response to an unknown, expired or revoked token.
    static func tokenRejection(drawnBy random: inout SplitMix64) -> HTTPResponse {
        tokenRejections.randomElement(using: &random)!
    }

    private static let throttlings: [(status: Int, body: String)] = [
        (403, #"{"error":{"message":"(#4) Application request limit reached","type":"OAuthException","code":4}}"#),
        (400, #"{"error":{"message":"(#17) User request limit reached","type":"OAuthException","code":17}}"#),
        (429, ""),
    ]

    static func throttling(retryAfter: Int?, drawnBy random: inout SplitMix64) -> HTTPResponse {
        let (status, body) = throttlings.randomElement(using: &random)!
        return HTTPResponse(status, body, headers: retryAfter.map { ["Retry-After": "\($0)"] } ?? [:])
    }

    /// The responses of a provider that is down; `nil` for a lost connection.
    static let outages: [HTTPResponse?] = [nil, HTTPResponse(502, "<html>Sorry, something went wrong.</html>"), appTokenRejection]
}

/// A response that is not about the token, though a careless reader takes it for a rejection or for a success.
struct OddResponse: Sendable {
    /// What the response says, for the ledger.
    enum Meaning: Sendable {
        /// The provider may be well: the cause may be the request alone.
        case oddRequest
        case providerFails
        /// The application, the path or the API version is wrong.
        case misconfigured
        case throttled
    }

    let meaning: Meaning
    let response: HTTPResponse

    private init(_ meaning: Meaning, _ response: HTTPResponse) {
        self.meaning = meaning
        self.response = response
    }

    static let all = [
        OddResponse(.oddRequest, HTTPResponse(403, #"{"error":{"message":"blocked by edge"}}"#)),
        OddResponse(.oddRequest, HTTPResponse(400, #"{"error":{}}"#)),
        OddResponse(.oddRequest, HTTPResponse(200, #"{"error":{"message":"Unknown."}}"#)),
        OddResponse(.oddRequest, .error(400, code: 1, "OAuthException", "An unknown error has occurred.")),
        OddResponse(.oddRequest, .error(400, code: 190, "GraphMethodException", "Unknown.")),
        OddResponse(.misconfigured, .error(400, code: 101, "OAuthException", "Missing client_id parameter.")),
        OddResponse(.misconfigured, .error(400, code: 2500, "OAuthException", "Unknown path components: /me")),
        OddResponse(.misconfigured, .error(400, code: 12, "OAuthException", "(#12) This API version is deprecated.")),
        OddResponse(
            .misconfigured,
            .error(400, code: 190, "OAuthException", "Error validating application. Application has been deleted.")),
        OddResponse(.providerFails, HTTPResponse(500, "<html>Sorry, something went wrong.</html>")),
        OddResponse(.providerFails, HTTPResponse(403, "<html>Forbidden</html>")),
        OddResponse(.providerFails, HTTPResponse(200, "")),
        OddResponse(.providerFails, HTTPResponse(200, #"{"id":"1","email":{"address":"#)),
        OddResponse(
            .providerFails,
            HTTPResponse(503, #"{"error":{"message":"Invalid OAuth access token.","type":"OAuthException","code":190}}"#)),
        OddResponse(
            .throttled,
            HTTPResponse(429, #"{"error":{"message":"Invalid OAuth access token.","type":"OAuthException","code":190}}"#)),
    ]
}
