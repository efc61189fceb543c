import DoormanCore
import DoormanSupport
import FacebookLogin
import GraphAPI
import NIOConcurrencyHelpers
import ProviderHTTP
import TestKit
import Testing

@Suite("The check of app id and secret of Facebook Login")
struct CredentialTests {
    static let appBody = Sample.debugged(#""app_id":"1234567890","type":"APP","is_valid":true,"scopes":[]"#)

    @Test("it succeeds if the app token is valid")
    func success() async throws {
        let transport = ScriptedTransport(.response(200, Self.appBody))
        try await Sample.verifier(transport).checkCredential(deadline: Sample.deadline())
        let appToken = "1234567890%7C0123456789abcdef0123456789abcdef"
        #expect(
            await transport.requests.map(\.url) == [
                "https://graph.facebook.com/v23.0/debug_token?input_token=\(appToken)&access_token=\(appToken)"
            ])
    }

    static let failures: [(Result<HTTPResponse, TransportError>, VerificationError.Code, VerificationError.Scope)] = [
        (.response(200, appBody.replacing("1234567890", with: "1")), .providerMisconfigured, .credential),
        (.response(200, appBody.replacing("true", with: "false")), .providerMisconfigured, .credential),
        (.response(200, Sample.invalid(190, "Invalid OAuth access token signature.")), .providerMisconfigured, .credential),
        (.response(400, Sample.errorBody(190, "OAuthException", "x")), .providerMisconfigured, .credential),
        (
            .response(400, Sample.errorBody(101, "OAuthException", "Error validating application.")), .providerMisconfigured,
            .credential
        ),
        (.response(200, Sample.invalid(803, "x")), .providerUnavailable, .request),
        (.response(500, Sample.errorBody(2, "OAuthException", "x")), .providerUnavailable, .provider),
        (.response(200, "<html>"), .providerUnavailable, .provider), (.response(429, ""), .providerBusy, .provider),
        (.failure(.timedOut, sent: true), .providerUnavailable, .provider),
    ]

    @Test("anything else is a failure", arguments: failures.indices)
    func failure(_ index: Int) async {
        let (response, code, scope) = Self.failures[index]
        let error = await #expect(throws: VerificationError.self) {
            try await Sample.verifier(ScriptedTransport(response)).checkCredential(deadline: Sample.deadline())
        }
        #expect(error?.code == code && error?.scope == scope, "\(index)")
    }

    @Test("only the check's endpoint is marked as one")
    func endpoints() {
        #expect(FacebookLoginVerifier.Endpoint.check.isCredentialCheck)
        #expect(!FacebookLoginVerifier.Endpoint.debugToken.isCredentialCheck)
        #expect(FacebookLoginVerifier.Endpoint.check.name == "debug_token")
    }
}

@Suite("The settings of Facebook Login")
struct SettingsTests {
    static let invalid: [(String, @Sendable (inout FacebookLoginSettings) -> Void)] = [
        ("name", { $0.name = "" }), ("application-id", { $0.applicationID = "" }), ("application-id", { $0.applicationID = "012" }),
        ("application-id", { $0.applicationID = "1a" }), ("app-secret-file", { $0.secret = AppSecret("") }),
        ("app-secret-file", { $0.secret = AppSecret("a b") }), ("url", { $0.baseURL = "http://graph.facebook.com" }),
        ("url", { $0.baseURL = "https://graph.facebook.com?x" }), ("api-version", { $0.apiVersion = "23.0" }),
        ("api-version", { $0.apiVersion = "v23" }), ("fields", { $0.fields = ["email,name"] }), ("fields", { $0.fields = [""] }),
        ("fields", { $0.fields = ["picture{url}"] }), ("fields", { $0.fields = Array(repeating: "a", count: 33) }),
        ("max-token-length", { $0.maximumTokenBytes = 15 }), ("max-token-length", { $0.maximumTokenBytes = 4097 }),
    ]

    @Test("an invalid setting is named, and its value is not", arguments: invalid.indices)
    func named(_ index: Int) {
        let (key, change) = Self.invalid[index]
        let settings = Sample.settings(change)
        #expect(settings.problems.map(\.key.rawValue) == [key])
        #expect(throws: FacebookLoginSettings.Invalid.self) { try Sample.verifier(ScriptedTransport(), settings) }
    }

    @Test("the defaults are valid, and go to Facebook")
    func defaults() {
        #expect(Sample.settings().problems.isEmpty)
        #expect(Sample.settings().baseURL == "https://graph.facebook.com")
        #expect(Sample.settings().fields.isEmpty)
    }
}

@Suite("Descriptions of Facebook Login's types contain no secret")
struct RedactionTests {
    static let planted = "planted0secret"

    static func shown(_ value: some Any) -> String {
        var text = "\(value) \(String(reflecting: value)) \([value])"
        dump(value, to: &text)
        return text
    }

    static func expectNothing(in text: String) {
        #expect(!text.contains(planted))
        #expect(!text.contains("112, 108, 97, 110, 116"), "the bytes of the secret")
    }

    @Test("no description of settings, requests or verifiers has the secret or the token")
    func values() throws {
        let settings = Sample.settings { $0.secret = AppSecret(Self.planted) }
        let requests = FacebookRequests(settings)
        Self.expectNothing(in: Self.shown(settings))
        Self.expectNothing(in: Self.shown(requests))
        Self.expectNothing(in: Self.shown(try Sample.verifier(ScriptedTransport(), settings)))
        for request in [requests.debugToken(Token(Self.planted)), requests.debugAppToken(), requests.me(Token(Self.planted))] {
            Self.expectNothing(in: Self.shown(request))
        }
        Self.expectNothing(in: Self.shown(requests.deletePermissions(accountID: "1")))
    }

    static let responses: [[Result<HTTPResponse, TransportError>]] = [
        [.response(200, planted)], [.response(200, Sample.invalid(190, planted))], [.response(200, Sample.invalid(803, planted))],
        [.response(200, #"{"data":{"is_valid":true,"app_id":"\#(planted)"}}"#)],
        [.response(200, #"{"data":{"is_valid":true,"type":"\#(planted)"}}"#)],
        [.response(400, Sample.errorBody(190, "OAuthException", planted))],
        [.response(400, Sample.errorBody(100, "x", "Invalid appsecret_proof \(planted)"))], [.response(500, planted)],
        [.response(302, "", headers: ["Location": "https://x/?t=\(planted)"])], [.failure(.connectionLost, sent: true)],
        [.failure(.urlNotAllowed)],
        [
            .response(200, Sample.validBody),
            .response(400, Sample.errorBody(100, "x", "Invalid appsecret_proof \(planted)")),
        ],
        [.response(200, Sample.validBody), .response(200, #"{"id":"\#(planted)"}"#)],
    ]

    @Test("neither an error, a rejection nor a report has the provider's text, the token or a URL", arguments: responses.indices)
    func errors(_ index: Int) async throws {
        let settings = Sample.settings {
            $0.secret = AppSecret(Self.planted)
            $0.fields = ["name"]
        }
        let reported = NIOLockedValueBox("")
        for call in 0..<3 {
            let remaining = NIOLockedValueBox(Self.responses[index])
            let transport = ScriptedTransport { _ in
                remaining.withLockedValue { $0.isEmpty ? .failure(.shutDown) : $0.removeFirst() }
            }
            let client = ProviderClient(
                transport: transport, time: SteppedClock().timeSource,
                observer: { endpoint, outcome, _ in reported.withLockedValue { $0 += Self.shown((endpoint, outcome)) } })
            let verifier = try FacebookLoginVerifier(settings, client: client)
            let (token, deadline) = (Token(Self.planted), Sample.deadline())
            var shown = ""
            do {
                switch call {
                case 0: shown = Self.shown(try await verifier.verify(VerificationRequest(token: token), deadline: deadline))
                case 1: shown = Self.shown(try await verifier.revoke(RevocationRequest(.account("1")), deadline: deadline))
                default: try await verifier.checkCredential(deadline: deadline)
                }
            } catch {
                shown = Self.shown(error)
            }
            Self.expectNothing(in: shown)
            #expect(!shown.contains("://"))
        }
        Self.expectNothing(in: reported.withLockedValue { $0 })
    }
}
