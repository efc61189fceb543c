import DoormanCore
import DoormanSupport
import ProviderHTTP
import TestKit
import Testing
import TokenIntrospection

@Suite("Revocation (RFC 7009)")
struct RevokeTests {
    static let revocationEndpoint = "https://id.partner.example/revoke"
    static let withEndpoint = Sample.settings { $0.revocationEndpoint = revocationEndpoint }

    static func revoke(
        _ transport: ScriptedTransport, _ settings: IntrospectionSettings = withEndpoint,
        _ request: RevocationRequest = RevocationRequest(.token(Sample.token))
    ) async throws -> RevocationOutcome {
        try await Sample.verifier(transport, settings).revoke(request, deadline: Sample.deadline())
    }

    @Test("status 200 is a revocation, whatever the body", arguments: ["", "{}", "<html>", #"{"error":"x"}"#])
    func revoked(body: String) async throws {
        let transport = ScriptedTransport(.response(200, body))
        #expect(try await Self.revoke(transport) == .revoked)
        let request = try #require(await transport.requests.first)
        #expect(request.method == .post && request.url == Self.revocationEndpoint)
        #expect(request.headers["Authorization"] == "Basic ZG9vcm1hbjpzM2NyZXQ=")
        #expect(Sample.form(request) == ["token": "2YotnFZFEjr1zCsicMWpAA", "token_type_hint": "access_token"])
    }

    static let failures: [(Result<HTTPResponse, TransportError>, VerificationError.Code)] = [
        (.response(401, ""), .providerMisconfigured), (.response(400, #"{"error":"invalid_client"}"#), .providerMisconfigured),
        (.response(400, #"{"error":"invalid_request"}"#), .providerUnavailable), (.response(302, ""), .providerUnavailable),
        (.response(204, ""), .providerUnavailable), (.response(404, ""), .providerUnavailable),
        (.response(503, ""), .providerUnavailable), (.response(429, ""), .providerBusy),
        (.failure(.connectionLost, sent: true), .providerUnavailable),
    ]

    @Test("any other response is an error", arguments: failures.indices)
    func failure(_ index: Int) async {
        let (response, code) = Self.failures[index]
        let error = await #expect(throws: VerificationError.self) { try await Self.revoke(ScriptedTransport(response)) }
        #expect(error?.code == code)
    }

    /// A token with the header of an issuer's signed token, and a signature of 64 bytes.
    static func signed(_ signature: String) -> Token { Token("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1In0.\(signature)") }
    private static let signature = String(repeating: "A", count: 42) + "E" + String(repeating: "A", count: 42) + "Q"

    @Test("a revocation denies the token with the other signature, which the provider accepts, too")
    func twin() throws {
        let verifier = try Sample.verifier(ScriptedTransport())
        let token = Self.signed(Self.signature)
        let twin = try #require(verifier.equivalents(of: token, naming: nil).first)
        #expect(twin != token && verifier.validateSyntax(of: twin) == nil)
        #expect(verifier.equivalents(of: twin, naming: nil) == [token])
        #expect(verifier.equivalents(of: Sample.token, naming: nil).isEmpty)
    }

    @Test(
        "the other signature is denied whatever else the header says, and on every curve",
        arguments: [
            (#"{"alg":"ES256","typ":"vc+jwt"}"#, 32), (#"{"alg":"ES256","crit":["b64"],"b64":false}"#, 32),
            (#"{"alg":"ES256K"}"#, 32), (#"{"alg":"ES384"}"#, 48), (#"{"alg":"ES512"}"#, 66),
        ])
    func twins(header: String, bytes: Int) throws {
        let verifier = try Sample.verifier(ScriptedTransport())
        let signature = Array(repeating: UInt8(1), count: 2 * bytes)
        let parts = [Array(header.utf8), Array("{}".utf8), signature].map { part in
            String(decoding: Base64URLEncoder.encode(part), as: UTF8.self)
        }
        let token = Token(parts.joined(separator: "."))
        let twin = try #require(verifier.equivalents(of: token, naming: nil).first)
        #expect(twin != token)
        #expect(verifier.equivalents(of: twin, naming: nil) == [token])
    }

    @Test(
        "another spelling of a signed or encrypted token is rejected",
        arguments: [
            signature + "=", signature + "==", String(signature.dropLast() + "R"), String(signature.dropLast(2) + "+Q"),
            signature + ".AB.AA", signature + ".AA.AA=",
        ])
    func spelling(_ signature: String) throws {
        let verifier = try Sample.verifier(ScriptedTransport())
        #expect(verifier.validateSyntax(of: Self.signed(Self.signature)) == nil)
        #expect(verifier.validateSyntax(of: Self.signed(Self.signature + ".AA.AA")) == nil)
        #expect(verifier.validateSyntax(of: Self.signed(signature))?.reason == .malformedToken)
    }

    @Test("an opaque token may have any visible characters", arguments: ["a.b.c==", "x.y=.z+/", "ey.==", "eyJ", "ey.a=.b.c"])
    func opaque(_ token: String) throws {
        #expect(try Sample.verifier(ScriptedTransport()).validateSyntax(of: Token(token)) == nil)
    }

    @Test("without an endpoint, a valid token is denied locally until its end")
    func locally() async throws {
        let ending = ScriptedTransport(.response(200, #"{"active":true,"sub":"u","exp":1500000600}"#))
        let end = Timestamp(millisecondsSince1970: 1_500_000_600_000)
        #expect(try await Self.revoke(ending, Sample.settings()) == .deniedLocally(until: end))
        #expect(await ending.requests.map(\.url) == [Sample.endpoint])
        let endless = ScriptedTransport(.response(200, #"{"active":true,"sub":"u"}"#))
        #expect(try await Self.revoke(endless, Sample.settings()) == .deniedLocally(until: nil))
    }

    @Test("without an endpoint, a token that is not valid yet is denied locally until its end")
    func notYetValid() async throws {
        let body = #"{"active":true,"sub":"u","nbf":1500000300,"exp":1500000600}"#
        #expect(try await Sample.verdict(.response(200, body)).rejection?.reason == .tokenRejected)
        let outcome = try await Self.revoke(ScriptedTransport(.response(200, body)), Sample.settings())
        #expect(outcome == .deniedLocally(until: Timestamp(millisecondsSince1970: 1_500_000_600_000)))
    }

    @Test("without an endpoint, a token above a limit is denied locally, since other settings would make it valid")
    func exceeding() async throws {
        let body = #"{"active":true,"sub":"u","scope":"\#(String(repeating: "s ", count: 257))"}"#
        #expect(try await Self.revoke(ScriptedTransport(.response(200, body)), Sample.settings()) == .deniedLocally(until: nil))
    }

    @Test("without an endpoint, a token that is rejected for its audience or end is invalid already")
    func rejectedByRules() async throws {
        for member in [#""aud":"other""#, #""aud":"api","exp":1"#] {
            let transport = ScriptedTransport(.response(200, #"{"active":true,"sub":"u",\#(member)}"#))
            #expect(try await Self.revoke(transport, Sample.settings { $0.audience = ["api"] }) == .alreadyInvalid)
        }
    }

    @Test("without an endpoint, a rejected token is invalid already")
    func alreadyInvalid() async throws {
        let transport = ScriptedTransport(.response(200, #"{"active":false}"#))
        #expect(try await Self.revoke(transport, Sample.settings()) == .alreadyInvalid)
    }

    @Test("without an endpoint, an outage is an error")
    func outage() async {
        let error = await #expect(throws: VerificationError.self) {
            try await Self.revoke(ScriptedTransport(.response(500, "")), Sample.settings())
        }
        #expect(error?.code == .providerUnavailable)
    }

    @Test(
        "a token that the endpoint does not revoke for us is denied locally",
        arguments: [
            (400, "unsupported_token_type"), (400, "invalid_grant"), (400, "unauthorized_client"), (403, "unauthorized_client"),
        ])
    func refused(status: Int, error: String) async throws {
        let transport = ScriptedTransport(
            .response(status, #"{"error":"\#(error)"}"#), .response(200, #"{"active":true,"sub":"u"}"#))
        #expect(try await Self.revoke(transport) == .deniedLocally(until: nil))
        #expect(await transport.requests.map(\.url) == [Self.revocationEndpoint, Sample.endpoint])
    }

    @Test("the tokens of an account can't be revoked")
    func account() async {
        let transport = ScriptedTransport()
        let error = await #expect(throws: VerificationError.self) {
            try await Self.revoke(transport, Self.withEndpoint, RevocationRequest(.account("alice")))
        }
        #expect(error?.code == .unsupported)
        #expect(await transport.requests.isEmpty)
    }

    @Test("a token with an invalid syntax, or of an application that is not configured, is an invalid request")
    func invalidRequest() async {
        let settings = Sample.settings { $0.audience = ["api"] }
        for request in [
            RevocationRequest(.token(Token("a b"))), RevocationRequest(.token(Sample.token), applicationID: "other"),
        ] {
            let transport = ScriptedTransport()
            let error = await #expect(throws: VerificationError.self) { try await Self.revoke(transport, settings, request) }
            #expect(error?.code == .invalidRequest)
            #expect(await transport.requests.isEmpty)
        }
    }

    @Test("exchanges, lists and deletions are unsupported")
    func unsupported() async throws {
        let verifier = try Sample.verifier(ScriptedTransport())
        let deadline = Sample.deadline()
        let errors = [
            await #expect(throws: VerificationError.self) {
                try await verifier.exchange(ExchangeRequest(code: AuthorizationCode("AQx")), deadline: deadline)
            },
            await #expect(throws: VerificationError.self) {
                try await verifier.accounts(AccountListRequest(), deadline: deadline)
            },
            await #expect(throws: VerificationError.self) {
                try await verifier.deleteAccount(AccountDeletionRequest(accountID: "1"), deadline: deadline)
            },
        ]
        for error in errors { #expect(error?.code == .unsupported) }
    }
}
