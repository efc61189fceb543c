import DoormanCore
import DoormanSupport
import ProviderHTTP
import TestKit
import Testing

/// Whatever a broken or hostile server sends is never a verdict, unless it is exactly RFC 7662.
@Suite("Odd responses to introspection")
struct OddResponseTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let response: Result<HTTPResponse, TransportError>
        let code: VerificationError.Code
        let scope: VerificationError.Scope

        init(
            _ name: String, _ status: Int, _ body: String, headers: HTTPHeaders = [:],
            _ code: VerificationError.Code = .providerUnavailable, _ scope: VerificationError.Scope = .provider
        ) {
            testDescription = "\(status) \(name)"
            response = .response(status, body, headers: headers)
            self.code = code
            self.scope = scope
        }
    }

    /// Responses without a Boolean `active`.
    static let withoutActive: [Row] = [
        "{}", #"{"active":"true"}"#, #"{"active":1}"#, #"{"active":null}"#, #"{"active":[true]}"#, #"{"Active":true,"sub":"u"}"#,
        #"{"sub":"u","exp":9999999999}"#, #"{"error":"invalid_client"}"#,
    ].map { Row($0, 200, $0, .providerUnavailable, .request) }

    /// Responses about an active token with a member of a wrong type.
    static let mistyped: [Row] = [
        #""sub":7"#, #""sub":"""#, #""sub":["u"]"#, #""sub":"a\u0000b""#, #""sub":"\#(String(repeating: "u", count: 257))""#,
        #""username":"u""#, #""sub":"u","client_id":7"#, #""sub":"u","exp":"9999999999""#, #""sub":"u","exp":-1"#,
        #""sub":"u","exp":1e308"#, #""sub":"u","exp":1e999"#, #""sub":"u","exp":253402300800"#, #""sub":"u","exp":[1]"#,
        #""sub":"u","nbf":"soon""#, #""sub":"u","aud":7"#, #""sub":"u","aud":{"a":1}"#, #""sub":"u","aud":["a",7]"#,
        #""sub":"u","token_type":7"#, #""sub":"u","iss":["x"]"#,
    ].map { Row($0, 200, #"{"active":true,\#($0)}"#, .providerUnavailable, .request) }

    static let notJSON: [Row] = [
        Row("HTML", 200, "<html>Log in</html>"), Row("nothing", 200, ""), Row("an array", 200, "[]"), Row("null", 200, "null"),
        Row("a truncated object", 200, #"{"active":true,"sub":"u"#), Row("active twice", 200, #"{"active":false,"active":true}"#),
        Row("two objects", 200, #"{"active":true}{"active":false}"#), Row("a byte order mark", 200, "\u{feff}{\"active\":true}"),
        Row("a JWT", 200, "eyJhbGciOiJub25lIn0.eyJhY3RpdmUiOnRydWV9."),
        Row("deep nesting", 200, String(repeating: "[", count: 10_000)),
    ]

    static let statuses: [Row] = [
        Row("an active token", 201, #"{"active":true,"sub":"u"}"#), Row("an inactive token", 202, #"{"active":false}"#),
        Row("no content", 204, ""), Row("a redirect", 302, "", headers: ["Location": "https://169.254.169.254/"]),
        Row("a redirect with an inactive token", 307, #"{"active":false}"#), Row("an inactive token", 400, #"{"active":false}"#),
        Row("HTML", 400, "<html>"), Row("forbidden", 403, #"{"active":false}"#), Row("not found", 404, "<html>"),
        Row("no such method", 405, ""), Row("a time-out", 408, ""), Row("an outage", 500, #"{"active":false}"#),
        Row("an outage with an OAuth error", 500, #"{"error":"invalid_client"}"#),
        Row("HTML", 502, "<html>Sorry</html>"), Row("unavailable", 503, "", headers: ["Retry-After": "5"]), Row("odd", 999, ""),
        Row("an unknown error", 400, #"{"error":"invalid_request"}"#, .providerUnavailable, .request),
        Row("throttled", 429, #"{"active":false}"#, .providerBusy),
    ]

    /// Our own credential is rejected: never a verdict on the token.
    static let credential: [Row] = [
        Row("nothing", 401, "", .providerMisconfigured, .credential),
        Row("HTML", 401, "<html>", .providerMisconfigured, .credential),
        Row("an inactive token", 401, #"{"active":false}"#, .providerMisconfigured, .credential),
        Row(
            "invalid_client", 401, #"{"error":"invalid_client"}"#, headers: ["WWW-Authenticate": "Basic"],
            .providerMisconfigured, .credential),
        Row("invalid_token", 401, #"{"error":"invalid_token"}"#, .providerMisconfigured, .credential),
        Row("invalid_client", 400, #"{"error":"invalid_client"}"#, .providerMisconfigured, .credential),
        Row(
            "invalid_client beside active", 400, #"{"error":"invalid_client","active":false}"#, .providerMisconfigured, .credential),
    ]

    @Test("an odd response is no verdict", arguments: withoutActive + mistyped + notJSON + statuses + credential)
    func odd(_ row: Row) async throws {
        let error = try #require(await Sample.error(row.response))
        #expect(error.code == row.code)
        #expect(error.scope == row.scope)
        #expect(error.request == .responded)
    }

    @Test("the error contains the provider's Retry-After")
    func retryAfter() async {
        let busy = await Sample.error(.response(429, "", headers: ["Retry-After": "17"]))
        #expect(busy?.code == .providerBusy && busy?.retryAfter == .seconds(17))
        let down = await Sample.error(.response(503, "", headers: ["Retry-After": "5"]))
        #expect(down?.code == .providerUnavailable && down?.retryAfter == .seconds(5))
    }

    @Test(
        "a failure of the transport is no verdict",
        arguments: [TransportError.Code.tls, .timedOut, .connectionLost, .bodyTooLarge, .protocolError])
    func transport(code: TransportError.Code) async {
        #expect(await Sample.error(.failure(code, sent: true))?.code == .providerUnavailable)
    }
}
