import AccountKit
import GraphAPI
import ProviderHTTP
import Testing

/// A response with its expected classification.
struct ClassifiedResponse: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let endpoint: AccountKitEndpoint
    let status: Int
    let headers: HTTPHeaders
    let body: String
    let expected: ResponseClassification

    init(
        _ name: String, at endpoint: AccountKitEndpoint = .me, _ status: Int, _ body: String, headers: HTTPHeaders = [:],
        _ expected: ResponseClassification
    ) {
        testDescription = name
        self.endpoint = endpoint
        self.status = status
        self.headers = headers
        self.body = body
        self.expected = expected
    }
}

/// Returns a body with an error object.
func errorBody(_ code: Int, _ type: String, _ message: String, _ more: String = "") -> String {
    #"{"error":{"message":"\#(message)","type":"\#(type)","code":\#(code)\#(more),"fbtrace_id":"CpXjQwVzxyz"}}"#
}

@Suite("The classification of responses")
struct ClassificationTests {
    /// Every row of the contract's section 3.
    static let rows: [ClassifiedResponse] = [
        .init("190, garbage", 400, errorBody(190, "OAuthException", "Invalid OAuth access token."), .rejected(.tokenRejected)),
        .init(
            "190, expired or revoked", 400,
            errorBody(190, "EMApiException", "Invalid OAuth 2.0 Access Token", #","error_data":[]"#), .rejected(.tokenRejected)),
        .init(
            "1, bad code", at: .accessToken, 400, errorBody(1, "OAuthException", "Invalid verification code"),
            .rejected(.codeRejected)),
        .init(
            "100, code used", at: .accessToken, 400, errorBody(100, "OAuthException", "This authorization code has been used"),
            .rejected(.codeRejected)),
        .init(
            "2, outage", 500, errorBody(2, "EMApiException", "Service temporarily unavailable", #","is_transient":true"#),
            .unavailable(.serverError, retryAfter: nil)),
        .init(
            "2 at the exchange, outage or wrong secret", at: .accessToken, 500,
            errorBody(2, "EMApiException", "Service temporarily unavailable", #","is_transient":true"#),
            .unavailable(.outageOrWrongSecret, retryAfter: nil)),
        .init(
            "2 at an account's log-out, outage or wrong secret", at: .invalidateAllTokens, 500,
            errorBody(2, "EMApiException", "Service temporarily unavailable", #","is_transient":true"#),
            .unavailable(.outageOrWrongSecret, retryAfter: nil)),
        .init(
            "100, proof required", 400,
            errorBody(100, "GraphMethodException", "API calls from the server require an appsecret_proof argument"),
            .misconfigured(.proofRequired)),
        .init(
            "100, proof invalid", 400,
            errorBody(100, "GraphMethodException", "Invalid appsecret_proof provided in the API argument"), .rejected(.proofInvalid)
        ),
        .init("104", 400, errorBody(104, "OAuthException", "An access token is required"), .misconfigured(.configurationRejected)),
        .init(
            "2500", 400, errorBody(2500, "OAuthException", "An access token is required"), .misconfigured(.configurationRejected)),
        .init(
            "4, throttled", 403, errorBody(4, "OAuthException", "(#4) Application request limit reached"),
            headers: ["X-App-Usage": #"{"call_count":100}"#], .busy(retryAfter: nil)),
        .init("17", 400, errorBody(17, "OAuthException", "limit"), .busy(retryAfter: nil)),
        .init("32", 403, errorBody(32, "OAuthException", "limit"), .busy(retryAfter: nil)),
        .init("341", 400, errorBody(341, "OAuthException", "limit"), .busy(retryAfter: nil)),
        .init(
            "613", 403, errorBody(613, "OAuthException", "limit"), headers: ["Retry-After": "30"], .busy(retryAfter: .seconds(30))),
        .init(
            "1, hiccup", 400, errorBody(1, "OAuthException", "An unknown error has occurred."),
            .unavailable(.unexpectedError, retryAfter: nil)),
        .init(
            "1, hiccup at the exchange", at: .accessToken, 400, errorBody(1, "OAuthException", "An unknown error has occurred."),
            .unavailable(.unexpectedError, retryAfter: nil)),
        .init(
            "1 with 500", 500, errorBody(1, "OAuthException", "An unknown error has occurred."),
            .unavailable(.serverError, retryAfter: nil)),
        .init(
            "2 with 400", 400, errorBody(2, "OAuthException", "(#2) Service temporarily unavailable", #","is_transient":true"#),
            .unavailable(.transientError, retryAfter: nil)),
        .init("502, HTML", 502, "<html>Sorry, something went wrong.</html>", .unavailable(.serverError, retryAfter: nil)),
    ]

    /// Sub-codes of Facebook Login tokens, which all come with 190.
    static let subcodes: [ClassifiedResponse] = [458, 459, 460, 463, 464, 467, 492].map { subcode in
        .init(
            "190 + \(subcode)", 400, errorBody(190, "OAuthException", "x", #","error_subcode":\#(subcode)"#),
            .rejected(.tokenRejected))
    }

    /// The seven rules at their edges: their precedence, and the cases that the rows leave open.
    static let rules: [ClassifiedResponse] = [
        .init("500 beats 190", 500, errorBody(190, "OAuthException", "x"), .unavailable(.serverError, retryAfter: nil)),
        .init(
            "4 beats 503", 503, errorBody(4, "x", "x"), headers: ["retry-after": "5"], .busy(retryAfter: .seconds(5))),
        .init(
            "503, with Retry-After", 503, errorBody(190, "x", "x"), headers: ["retry-after": "5"],
            .unavailable(.serverError, retryAfter: .seconds(5))),
        .init("500 with nothing", 500, "", .unavailable(.serverError, retryAfter: nil)),
        .init("500 code 2 at /me is no hint", 500, errorBody(2, "x", "x"), .unavailable(.serverError, retryAfter: nil)),
        .init(
            "503 code 2 at the exchange is no hint", at: .accessToken, 503, errorBody(2, "x", "x"),
            .unavailable(.serverError, retryAfter: nil)),
        .init("429 with a code", 429, errorBody(190, "x", "x"), headers: ["Retry-After": "9"], .busy(retryAfter: .seconds(9))),
        .init(
            "429 without a code", 429, #"{"error":{"message":"slow down"}}"#, headers: ["Retry-After": "9"],
            .busy(retryAfter: .seconds(9))),
        .init(
            "429 with HTML", 429, "<html>", headers: ["Retry-After": "9"],
            .busy(retryAfter: .seconds(9))),
        .init("4 beats transient", 400, errorBody(4, "x", "x", #","is_transient":true"#), .busy(retryAfter: nil)),
        .init(
            "transient beats 190", 400, errorBody(190, "x", "x", #","is_transient":true"#),
            .unavailable(.transientError, retryAfter: nil)),
        .init("not transient", 400, errorBody(190, "OAuthException", "x", #","is_transient":false"#), .rejected(.tokenRejected)),
        .init(
            "1 at the exchange, with another message", at: .accessToken, 400, errorBody(1, "x", "x"),
            .unavailable(.unexpectedError, retryAfter: nil)),
        .init(
            "1 at the exchange, not 400", at: .accessToken, 403, errorBody(1, "x", "Invalid verification code"),
            .rejected(.codeRejected)),
        .init(
            "1 elsewhere, about a code", 403, errorBody(1, "x", "Invalid verification code"),
            .unavailable(.unexpectedError, retryAfter: nil)),
        .init("102", 401, errorBody(102, "OAuthException", "x"), .rejected(.tokenRejected)),
        .init("190 without a type", 400, #"{"error":{"code":190}}"#, .unavailable(.unexpectedError, retryAfter: nil)),
        .init(
            "190 of another type", 400, errorBody(190, "GraphMethodException", "x"), .unavailable(.unexpectedError, retryAfter: nil)
        ),
        .init(
            "190 of another type, but the header says it", 401, errorBody(190, "x", "x"),
            headers: ["WWW-Authenticate": #"OAuth "Facebook Platform" "invalid_token" "x""#], .rejected(.tokenRejected)),
        .init(
            "190 about the application", 400,
            errorBody(190, "OAuthException", "Error validating application. Invalid application ID."),
            .misconfigured(.configurationRejected)),
        .init(
            "101", 400, errorBody(101, "OAuthException", "Error validating application."), .misconfigured(.configurationRejected)),
        .init("3", 400, errorBody(3, "OAuthException", "x"), .misconfigured(.configurationRejected)),
        .init("200", 403, errorBody(200, "OAuthException", "x"), .misconfigured(.configurationRejected)),
        .init("299", 403, errorBody(299, "OAuthException", "x"), .misconfigured(.configurationRejected)),
        .init("300", 403, errorBody(300, "OAuthException", "x"), .unavailable(.unexpectedError, retryAfter: nil)),
        .init(
            "100 about something else", 400, errorBody(100, "x", "Unsupported get request"),
            .unavailable(.unexpectedError, retryAfter: nil)),
        .init(
            "100 about a code elsewhere", 400, errorBody(100, "x", "This authorization code has been used"),
            .unavailable(.unexpectedError, retryAfter: nil)),
        .init(
            "100 about the proof otherwise", 400, errorBody(100, "x", "appsecret_proof?"),
            .unavailable(.unexpectedError, retryAfter: nil)),
        .init("404 with an error", 404, errorBody(803, "x", "x"), .unavailable(.unexpectedError, retryAfter: nil)),
        .init(
            "an edge that blocks", 403, #"{"error":{"message":"blocked by edge"}}"#, .unavailable(.unexpectedError, retryAfter: nil)
        ),
        .init("an error without a code", 400, #"{"error":{"message":"x"}}"#, .unavailable(.unexpectedError, retryAfter: nil)),
        .init("an empty error", 400, #"{"error":{}}"#, .unavailable(.unexpectedError, retryAfter: nil)),
    ]

    /// An access token of our own is rejected: never a verdict on a user's token.
    static let ownCredentials: [ClassifiedResponse] = [
        AccountKitEndpoint.accessToken, .invalidateAllTokens, .deleteAccount, .accounts,
    ]
    .flatMap { endpoint in
        [190, 102].map { code in
            .init(
                "\(code) at \(endpoint)", at: endpoint, 400, errorBody(code, "OAuthException", "Invalid OAuth access token."),
                .misconfigured(.configurationRejected))
        }
    }

    /// A status that is about the connection or the request, whatever the body.
    static let statuses: [ClassifiedResponse] = [408, 421, 425, 431].map { status in
        .init(
            "\(status)", status, errorBody(190, "OAuthException", "x"), .unavailable(.unexpectedStatus, retryAfter: nil))
    }

    /// Malformed bodies, which are never a verdict on the token.
    static let malformed: [ClassifiedResponse] = [
        .init("200, HTML", 200, "<html>", .unavailable(.notJSON, retryAfter: nil)),
        .init("200, empty", 200, "", .unavailable(.notJSON, retryAfter: nil)),
        .init("200, truncated", 200, #"{"id":"123"#, .unavailable(.notJSON, retryAfter: nil)),
        .init("200, array", 200, "[]", .unavailable(.notJSON, retryAfter: nil)),
        .init("200, null", 200, "null", .unavailable(.notJSON, retryAfter: nil)),
        .init("200, duplicate names", 200, #"{"id":"1","id":"2"}"#, .unavailable(.notJSON, retryAfter: nil)),
        .init("400, HTML", 400, "<html>", .unavailable(.notJSON, retryAfter: nil)),
        .init("401, empty", 401, "", .unavailable(.notJSON, retryAfter: nil)),
        .init("400, no error", 400, #"{"message":"x"}"#, .unavailable(.malformed, retryAfter: nil)),
        .init("400, error is text", 400, #"{"error":"invalid_token"}"#, .unavailable(.malformed, retryAfter: nil)),
        .init("400, error is null", 400, #"{"error":null}"#, .unavailable(.malformed, retryAfter: nil)),
        .init("400, code is text", 400, #"{"error":{"code":"190"}}"#, .unavailable(.malformed, retryAfter: nil)),
        .init("400, code is a fraction", 400, #"{"error":{"code":190.0}}"#, .unavailable(.malformed, retryAfter: nil)),
        .init("400, message is a number", 400, #"{"error":{"code":190,"message":1}}"#, .unavailable(.malformed, retryAfter: nil)),
        .init(
            "400, transient is text", 400, #"{"error":{"code":190,"is_transient":"no"}}"#,
            .unavailable(.malformed, retryAfter: nil)),
        .init("400, two codes", 400, #"{"error":{"code":1,"code":190}}"#, .unavailable(.notJSON, retryAfter: nil)),
        .init("302", 302, "", headers: ["Location": "https://elsewhere.example"], .unavailable(.unexpectedStatus, retryAfter: nil)),
        .init("201", 201, #"{"id":"1"}"#, .unavailable(.unexpectedStatus, retryAfter: nil)),
        .init("204", 204, "", .unavailable(.unexpectedStatus, retryAfter: nil)),
        .init("200 with error 190", 200, errorBody(190, "OAuthException", "x"), .rejected(.tokenRejected)),
        .init("200 with error 4", 200, errorBody(4, "x", "x"), .busy(retryAfter: nil)),
        .init("200 with an unknown error", 200, errorBody(803, "x", "x"), .unavailable(.unexpectedError, retryAfter: nil)),
        .init(
            "200 with error 1 at the exchange", at: .accessToken, 200, errorBody(1, "x", "x"),
            .unavailable(.unexpectedError, retryAfter: nil)),
        .init("200 with error and identity", 200, #"{"id":"1","error":null}"#, .unavailable(.malformed, retryAfter: nil)),
    ]

    @Test("a response is classified by the contract", arguments: rows + subcodes + rules + ownCredentials + statuses + malformed)
    func classification(_ row: ClassifiedResponse) {
        let response = HTTPResponse(status: row.status, headers: row.headers, body: Array(row.body.utf8))
        #expect(ResponseClassification(response, about: row.endpoint.subject) == row.expected)
    }

    @Test("an object without an error is a success")
    func success() {
        let response = ResponseClassification(HTTPResponse(status: 200, body: Array(#"{"success":true}"#.utf8)), about: .userToken)
        #expect(response == .success(["success": .bool(true)]))
        #expect(response.kind == .success)
    }

    @Test("bytes that are not UTF-8 are not JSON")
    func invalidUTF8() {
        let body = Array(#"{"id":""#.utf8) + [0xff, 0xfe] + Array(#""}"#.utf8)
        #expect(
            ResponseClassification(HTTPResponse(status: 200, body: body), about: .userToken)
                == .unavailable(.notJSON, retryAfter: nil))
    }

    @Test(
        "Retry-After is read in seconds up to an hour",
        arguments: [
            ("0", Duration.zero), ("120", .seconds(120)), ("3601", .seconds(3600)), ("999999999999999999", .seconds(3600)),
            ("9999999999999999999999", nil), ("-1", nil), ("1.5", nil), ("", nil), ("Fri, 31 Dec 1999 23:59:59 GMT", nil),
        ])
    func retryAfter(text: String, expected: Duration?) {
        let response = HTTPResponse(status: 403, headers: ["Retry-After": text], body: Array(errorBody(4, "x", "x").utf8))
        #expect(ResponseClassification(response, about: .userToken) == .busy(retryAfter: expected))
    }
}
