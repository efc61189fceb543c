import DoormanCore
import DoormanSupport
import ProviderHTTP
import TestKit
import Testing
import TokenIntrospection

@Suite("The check of a client credential")
struct CredentialTests {
    static func check(_ response: Result<HTTPResponse, TransportError>) async -> VerificationError? {
        do throws(VerificationError) {
            guard let verifier = try? Sample.verifier(ScriptedTransport(response)) else { return nil }
            try await verifier.checkCredential(deadline: Sample.deadline())
            return nil
        } catch {
            return error
        }
    }

    @Test("it succeeds if a random text is inactive")
    func success() async throws {
        let transport = ScriptedTransport { _ in .response(200, #"{"active":false}"#) }
        let verifier = try Sample.verifier(transport)
        for _ in 0..<2 { try await verifier.checkCredential(deadline: Sample.deadline()) }
        let tokens = await transport.requests.compactMap { Sample.form($0)["token"] }
        #expect(tokens.count == 2 && tokens[0] != tokens[1])
        #expect(tokens.allSatisfy { $0.utf8.count == 43 })
    }

    @Test("a provider that calls a random text active is misconfigured")
    func acceptsEverything() async {
        let error = await Self.check(.response(200, #"{"active":true,"sub":"u"}"#))
        #expect(error?.code == .providerMisconfigured && error?.scope == .verdicts)
    }

    @Test(
        "a rejected credential has the credential's scope",
        arguments: [(401, ""), (401, #"{"active":false}"#), (400, #"{"error":"invalid_client"}"#)])
    func rejected(status: Int, body: String) async {
        let error = await Self.check(.response(status, body))
        #expect(error?.code == .providerMisconfigured && error?.scope == .credential)
    }

    @Test("an outage is no success", arguments: [(500, ""), (200, "<html>"), (200, "{}"), (302, ""), (403, "")])
    func outage(status: Int, body: String) async {
        #expect(await Self.check(.response(status, body))?.code == .providerUnavailable)
    }

    @Test("only the check's endpoint is marked as one")
    func endpoints() {
        #expect(IntrospectionVerifier.Endpoint.check.isCredentialCheck)
        #expect(!IntrospectionVerifier.Endpoint.introspect.isCredentialCheck)
        #expect(IntrospectionVerifier.Endpoint.check.name == "introspect")
    }
}

@Suite("The settings of introspection")
struct SettingsTests {
    static let invalid: [(String, @Sendable (inout IntrospectionSettings) -> Void)] = [
        ("name", { $0.name = "" }), ("name", { $0.name = "a b" }), ("name", { $0.name = String(repeating: "a", count: 65) }),
        ("endpoint", { $0.endpoint = "" }), ("endpoint", { $0.endpoint = "http://id.example/introspect" }),
        ("endpoint", { $0.endpoint = "https://user:pw@id.example/" }),
        ("revocation-endpoint", { $0.revocationEndpoint = "http://id.example/revoke" }),
        ("client-id", { $0.clientID = "" }), ("client-id", { $0.clientID = "a\nb" }), ("client-id", { $0.clientID = "ä" }),
        ("client-secret-file", { $0.authentication = .basic(ClientSecret("")) }),
        ("client-secret-file", { $0.authentication = .post(ClientSecret("a\r\nb")) }),
        ("client-secret-file", { $0.authentication = .basic(ClientSecret(String(repeating: "x", count: 1025))) }),
        ("signing-algorithm", { $0.authentication = .assertion(AssertionSigner(algorithm: "HS256") { _ in [] }) }),
        ("key-id", { $0.authentication = .assertion(AssertionSigner(algorithm: "RS256", keyID: "") { _ in [] }) }),
        ("audience", { $0.audience = [""] }), ("audience", { $0.audience = Array(repeating: "a", count: 101) }),
        ("issuer", { $0.issuer = "" }), ("assertion-audience", { $0.assertionAudience = "" }),
        ("claims", { $0.claims = [""] }), ("claims", { $0.claims = Array(repeating: "a", count: 33) }),
        ("max-token-length", { $0.maximumTokenBytes = 15 }), ("max-token-length", { $0.maximumTokenBytes = 16_385 }),
    ]

    @Test("an invalid setting is named, and its value is not", arguments: invalid.indices)
    func named(_ index: Int) throws {
        let (key, change) = Self.invalid[index]
        let settings = Sample.settings(change)
        #expect(settings.problems.map(\.key.rawValue) == [key])
        #expect(throws: IntrospectionSettings.Invalid.self) { try Sample.verifier(ScriptedTransport(), settings) }
    }

    @Test("all problems are reported together")
    func together() {
        let settings = Sample.settings {
            $0.name = ""
            $0.endpoint = ""
            $0.clientID = ""
        }
        #expect(Set(settings.problems.map(\.key)) == [.name, .endpoint, .clientID])
    }

    @Test("the defaults are valid")
    func defaults() {
        #expect(Sample.settings().problems.isEmpty)
        #expect(Sample.settings { $0.endpoint = "http://127.0.0.1:9000/introspect?realm=a" }.problems.isEmpty)
    }
}
