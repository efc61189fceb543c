import DoormanCore
import DoormanSupport
import NIOConcurrencyHelpers
import ProviderHTTP
import TestKit
import Testing
import TokenIntrospection

@Suite("Descriptions of introspection's types contain no secret")
struct RedactionTests {
    static let planted = "planted0secret"
    /// The secret as `client_secret_basic` sends it.
    static let encoded = "cGxhbnRlZDBzZWNyZXQ"

    static func shown(_ value: some Any) -> String {
        var text = "\(value) \(String(reflecting: value)) \([value])"
        dump(value, to: &text)
        return text
    }

    static func expectNothing(in text: String) {
        #expect(!text.contains(planted))
        #expect(!text.contains(encoded))
        #expect(!text.contains("112, 108, 97, 110, 116"), "the bytes of the secret")
    }

    // Not stored: LeakSanitizer does not recognize a pointer that shares its word with an enumeration's tag, and reports what only a
    // global holds by it.
    static var authentications: [ClientAuthentication] {
        [
            .basic(ClientSecret(planted)), .post(ClientSecret(planted)),
            .assertion(AssertionSigner(algorithm: "RS256") { _ in Array(planted.utf8) }),
        ]
    }

    @Test("no description of settings, requests or verifiers has the secret or the token", arguments: authentications)
    func values(authentication: ClientAuthentication) throws {
        let settings = Sample.settings { $0.authentication = authentication }
        let requests = IntrospectionRequests(settings)
        Self.expectNothing(in: Self.shown(authentication))
        Self.expectNothing(in: Self.shown(settings))
        Self.expectNothing(in: Self.shown(requests))
        Self.expectNothing(in: Self.shown(try Sample.verifier(ScriptedTransport(), settings)))
        let request = try requests.introspect(Token(Self.planted), at: Timestamp(millisecondsSince1970: 0))
        Self.expectNothing(in: Self.shown(request))
        #expect(!request.url.contains(Self.planted))
    }

    static let responses: [Result<HTTPResponse, TransportError>] = [
        .response(200, planted), .response(200, #"{"active":"\#(planted)"}"#),
        .response(200, #"{"active":false,"reason":"\#(planted)"}"#), .response(200, #"{"active":true,"sub":["\#(planted)"]}"#),
        .response(200, #"{"active":true,"sub":"u","aud":"\#(planted)"}"#),
        .response(200, #"{"active":true,"sub":"u","aud":"api","token_type":"\#(planted)"}"#),
        .response(200, #"{"active":true,"sub":"u","aud":"api","iss":"\#(planted)"}"#),
        .response(400, #"{"error":"\#(planted)"}"#), .response(401, planted, headers: ["WWW-Authenticate": planted]),
        .response(500, planted), .response(429, planted), .response(302, "", headers: ["Location": "https://x/?t=\(planted)"]),
        .failure(.connectionLost, sent: true), .failure(.tls), .failure(.urlNotAllowed), .failure(.bodyTooLarge, sent: true),
    ]

    @Test("neither an error, a rejection nor a report has the provider's text, the token or a URL", arguments: responses.indices)
    func errors(_ index: Int) async throws {
        let settings = Sample.settings {
            $0.authentication = .post(ClientSecret(Self.planted))
            $0.audience = ["api"]
            $0.issuer = "https://id.partner.example"
            $0.revocationEndpoint = "https://id.partner.example/revoke"
        }
        let reported = NIOLockedValueBox("")
        for call in 0..<3 {
            let client = ProviderClient(
                transport: ScriptedTransport(Self.responses[index]), time: SteppedClock().timeSource,
                observer: { endpoint, outcome, _ in reported.withLockedValue { $0 += Self.shown((endpoint, outcome)) } })
            let verifier = try IntrospectionVerifier(settings, client: client)
            let (token, deadline) = (Token(Self.planted), Sample.deadline())
            var shown = ""
            do {
                switch call {
                case 0: shown = Self.shown(try await verifier.verify(VerificationRequest(token: token), deadline: deadline))
                case 1: shown = Self.shown(try await verifier.revoke(RevocationRequest(.token(token)), deadline: deadline))
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
