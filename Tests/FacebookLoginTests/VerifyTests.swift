import DoormanCore
import DoormanSupport
import FacebookLogin
import GraphAPI
import NIOConcurrencyHelpers
import ProviderHTTP
import TestKit
import Testing

@Suite("Tokens of Facebook Login")
struct VerifyTests {
    static let debugURL =
        "https://graph.facebook.com/v23.0/debug_token?input_token=EMAWtesttoken0001"
        + "&access_token=1234567890%7C0123456789abcdef0123456789abcdef"

    @Test("a valid token of our application is inspected with the app token")
    func valid() async throws {
        let transport = ScriptedTransport(.response(200, Sample.validBody))
        let identity = try #require(try await Sample.verdict(transport).identity)
        #expect(identity.accountID == Sample.userID)
        #expect(identity.applicationID == Sample.applicationID)
        #expect(identity.provider == "facebook")
        #expect(identity.scopes == ["email", "public_profile"])
        #expect(identity.expiresAt == Timestamp(millisecondsSince1970: 1_500_000_600_000))
        #expect(identity.validUntil == Timestamp(millisecondsSince1970: 1_500_000_600_000))
        #expect(identity.verifiedAt == Timestamp(millisecondsSince1970: 1_500_000_000_000))
        #expect(identity.email == nil && identity.claims.isEmpty && identity.issuer == nil)
        #expect(await transport.requests == [HTTPRequest(.get, url: Self.debugURL, isRepeatable: true)])
    }

    @Test("a token whose end is 0 never expires")
    func never() async throws {
        let body = Sample.validBody.replacing("1500000600", with: "0")
        let identity = try #require(try await Sample.verdict(ScriptedTransport(.response(200, body))).identity)
        #expect(identity.expiresAt == nil && identity.validUntil == .distantFuture)
    }

    @Test("ids that are numbers, as older versions wrote them, are accepted")
    func numericIDs() async throws {
        let body = Sample.validBody.replacing(#""1234567890""#, with: "1234567890")
            .replacing(#""\#(Sample.userID)""#, with: Sample.userID)
        #expect(try await Sample.verdict(ScriptedTransport(.response(200, body))).identity?.accountID == Sample.userID)
    }

    static let rejections: [(name: String, status: Int, body: String, reason: Rejection.Reason)] = [
        ("expired", 200, Sample.invalid(190, "Session has expired", #","subcode":463"#), .tokenRejected),
        ("garbage", 200, Sample.invalid(190, "Invalid OAuth access token."), .tokenRejected),
        ("session", 200, Sample.invalid(102, "Session key invalid"), .tokenRejected),
        ("app removed", 200, Sample.invalid(190, "The user has not authorized application", #","subcode":458"#), .tokenRejected),
        (
            "another application's, as an error inside", 200,
            Sample.invalid(100, "The App_id in the input_token did not match the Viewing App"), .wrongApplication
        ),
        (
            "another application's, as an error", 400,
            Sample.errorBody(100, "OAuthException", "(#100) The App_id in the input_token did not match the Viewing App"),
            .wrongApplication
        ),
        ("another application's, but valid", 200, Sample.validBody.replacing("1234567890", with: "1234567891"), .wrongApplication),
        ("without an application", 200, Sample.validBody.replacing(#""app_id":"1234567890","#, with: ""), .wrongApplication),
        ("an application's own", 200, Sample.validBody.replacing("USER", with: "APP"), .tokenRejected),
        ("a page's", 200, Sample.validBody.replacing("USER", with: "PAGE"), .tokenRejected),
        ("type in lowercase", 200, Sample.validBody.replacing("USER", with: "user"), .tokenRejected),
        ("past its end", 200, Sample.validBody.replacing("1500000600", with: "1500000000"), .tokenRejected),
        (
            "invalid and past its end, without an error", 200,
            Sample.debugged(#""is_valid":false,"expires_at":1400000000,"scopes":[]"#), .tokenRejected
        ),
    ]

    @Test("a token that is positively invalid is rejected", arguments: rejections.indices)
    func rejected(_ index: Int) async throws {
        let row = Self.rejections[index]
        let rejection = try #require(try await Sample.verdict(ScriptedTransport(.response(row.status, row.body))).rejection)
        #expect(rejection.reason == row.reason, "\(row.name)")
        #expect(rejection.isCacheable)
    }

    struct Failure: Sendable {
        let status: Int
        let body: String
        let code: VerificationError.Code
        let scope: VerificationError.Scope

        init(
            _ status: Int, _ body: String, _ code: VerificationError.Code = .providerUnavailable,
            _ scope: VerificationError.Scope = .provider
        ) {
            (self.status, self.body, self.code, self.scope) = (status, body, code, scope)
        }
    }

    /// Errors inside a response that says that the token is invalid.
    static let unclearErrors: [Failure] = [
        Failure(200, Sample.invalid(803, "x"), .providerUnavailable, .request),
        Failure(200, Sample.invalid(100, "x"), .providerUnavailable, .request),
        Failure(200, Sample.invalid(1, "An unknown error has occurred."), .providerUnavailable, .request),
        Failure(200, Sample.invalid(190, "Error validating application."), .providerUnavailable, .request),
        Failure(200, Sample.invalid(2, "Service temporarily unavailable")),
        Failure(200, Sample.invalid(190, "x", #","is_transient":true"#)), Failure(200, Sample.invalid(4, "x"), .providerBusy),
        Failure(200, Sample.invalid(613, "x"), .providerBusy),
        Failure(200, Sample.debugged(#""error":{"message":"x"},"is_valid":false"#), .providerUnavailable, .request),
        Failure(200, Sample.debugged(#""error":{"code":"190"},"is_valid":false"#), .providerUnavailable, .request),
        Failure(200, Sample.debugged(#""error":"190","is_valid":false"#), .providerUnavailable, .request),
        Failure(200, Sample.debugged(#""is_valid":false,"scopes":[]"#), .providerUnavailable, .request),
        Failure(200, Sample.validBody.replacing("true", with: "false"), .providerUnavailable, .request),
    ]

    static let malformed: [Failure] = [
        "{}", #"{"data":null}"#, #"{"data":[]}"#, Sample.debugged(""), Sample.debugged(#""app_id":"1234567890""#),
        Sample.validBody.replacing("true", with: #""true""#), Sample.validBody.replacing("true", with: "1"),
        Sample.validBody.replacing(#""1234567890""#, with: "[1]"), Sample.validBody.replacing(#""1234567890""#, with: "1.5"),
        Sample.validBody.replacing(#""1234567890""#, with: #""12a""#), Sample.validBody.replacing("1500000600", with: #""soon""#),
        Sample.validBody.replacing("1500000600", with: "-1"), Sample.validBody.replacing("1500000600", with: "1e9"),
        Sample.validBody.replacing(#""expires_at":1500000600,"#, with: ""), Sample.validBody.replacing(#""USER""#, with: "7"),
        Sample.validBody.replacing(#""type":"USER","#, with: ""), Sample.validBody.replacing(#""\#(Sample.userID)""#, with: "null"),
        Sample.validBody.replacing(#""\#(Sample.userID)""#, with: #""u""#),
        Sample.validBody.replacing(#""is_valid":true"#, with: #""is_valid":true,"error":{"code":190}"#),
    ].map { Failure(200, $0, .providerUnavailable, .request) }

    static let others: [Failure] = [
        Failure(200, ""), Failure(200, "<html>"), Failure(200, #"{"data":{"is_valid":true}"#), Failure(302, ""), Failure(204, ""),
        Failure(502, "<html>"), Failure(500, Sample.errorBody(2, "OAuthException", "x")), Failure(503, Sample.validBody),
        Failure(429, "", .providerBusy), Failure(403, Sample.errorBody(4, "OAuthException", "x"), .providerBusy),
        Failure(400, Sample.errorBody(803, "x", "x"), .providerUnavailable, .request),
        // Our own credential is rejected: never a verdict on the token.
        Failure(400, Sample.errorBody(190, "OAuthException", "Invalid OAuth access token."), .providerMisconfigured, .credential),
        Failure(
            400, Sample.errorBody(190, "OAuthException", "Error validating application."), .providerMisconfigured, .credential),
        Failure(
            400, Sample.errorBody(101, "OAuthException", "Error validating application."), .providerMisconfigured, .credential),
        Failure(400, Sample.errorBody(2500, "OAuthException", "x"), .providerMisconfigured, .credential),
    ]

    @Test("anything else is no verdict", arguments: (unclearErrors + malformed + others).indices)
    func noVerdict(_ index: Int) async throws {
        let row = (Self.unclearErrors + Self.malformed + Self.others)[index]
        let error = try #require(await Sample.error(.response(row.status, row.body)), "\(row.body)")
        #expect(error.code == row.code, "\(row.status) \(row.body)")
        #expect(error.scope == row.scope, "\(row.status) \(row.body)")
    }

    @Test("more than 256 scopes, or scopes of more than 4 KiB, are our configuration's fault")
    func manyScopes() async throws {
        for (scopes, fits) in [
            (Array(repeating: "s", count: 256), true), (Array(repeating: "s", count: 257), false),
            ([String(repeating: "x", count: 4096)], true), ([String(repeating: "x", count: 4096), "y"], false),
        ] {
            let list = scopes.map { "\"\($0)\"" }.joined(separator: ",")
            let body = Sample.debugged(
                #""app_id":"1234567890","type":"USER","expires_at":0,"is_valid":true,"scopes":[\#(list)],"user_id":"1""#)
            if fits {
                #expect(try await Sample.verdict(ScriptedTransport(.response(200, body))).identity?.scopes == scopes)
            } else {
                #expect(await Sample.error(.response(200, body)) == VerificationError(IdentityLimit.scopes))
            }
        }
    }

    @Test("scopes of another form are none", arguments: [#""email""#, "[1]", "null", "{}"])
    func oddScopes(value: String) async throws {
        let body = Sample.validBody.replacing(#"["email","public_profile"]"#, with: value)
        #expect(try await Sample.verdict(ScriptedTransport(.response(200, body))).identity?.scopes == [])
    }

    @Test(
        "a token with an invalid syntax is rejected without a request",
        arguments: ["", "1234|secret", "EMAWabc", "AQabc", "a b", "eyJh.eyJh.c2ln", String(repeating: "E", count: 1025)])
    func malformedSyntax(text: String) throws {
        let verifier = try Sample.verifier(ScriptedTransport())
        #expect(verifier.validateSyntax(of: Token(text))?.reason == .malformedToken)
        #expect(verifier.validateSyntax(of: Token("EAA" + String(repeating: "x", count: 200))) == nil)
    }

    @Test("the observer receives the kind of each response, and the usage its percentage")
    func observer() async throws {
        let seen = NIOLockedValueBox<[String]>([])
        let transport = ScriptedTransport(
            .response(200, Sample.validBody, headers: ["X-App-Usage": #"{"call_count":28}"#]),
            .response(200, Sample.invalid(190, "x")), .response(200, Sample.invalid(803, "x")))
        let client = ProviderClient(
            transport: transport, time: SteppedClock().timeSource,
            observer: { endpoint, outcome, _ in seen.withLockedValue { $0.append("\(endpoint) \(outcome)") } },
            usage: { percent in seen.withLockedValue { $0.append("\(percent)%") } })
        let verifier = try FacebookLoginVerifier(Sample.settings(), client: client)
        for _ in 0..<3 {
            _ = try? await verifier.verify(VerificationRequest(token: Sample.token), deadline: Sample.deadline())
        }
        let lines = seen.withLockedValue { $0 }
        #expect(lines.count == 4 && lines[0] == "28%")
        #expect(lines[1].hasPrefix("debug_token ") && lines[1].contains("success"))
        #expect(lines[2].contains("tokenRejected") && lines[3].contains("unexpectedError"))
    }
}
