import DoormanCore
import DoormanCrypto
import DoormanSupport
import NIOConcurrencyHelpers
import ProviderHTTP
import StrictJSON
import TestKit
import Testing
import TokenIntrospection

@Suite("Requests for introspection")
struct RequestTests {
    static func request(
        _ settings: IntrospectionSettings, token: Token = Sample.token, at now: Int64 = 1_500_000_000_999
    ) throws -> HTTPRequest {
        try IntrospectionRequests(settings).introspect(token, at: Timestamp(millisecondsSince1970: now))
    }

    @Test("the token is in the form, and never in the URL")
    func form() throws {
        let request = try Self.request(Sample.settings())
        #expect(request.method == .post && request.isRepeatable)
        #expect(request.url == Sample.endpoint)
        #expect(request.headers["Accept"] == "application/json")
        #expect(Sample.form(request) == ["token": "2YotnFZFEjr1zCsicMWpAA", "token_type_hint": "access_token"])
        let hostile = try Self.request(Sample.settings(), token: Token("a&active=true&b=%00+"))
        #expect(Sample.form(hostile) == ["token": "a&active=true&b=%00+", "token_type_hint": "access_token"])
    }

    @Test(
        "client_secret_basic has id and secret form-encoded before base64",
        arguments: [
            ("doorman", "s3cret", "Basic ZG9vcm1hbjpzM2NyZXQ="),
            // a:b → a%3Ab, p@ss w%rd/ → p%40ss%20w%25rd%2F
            ("a:b", "p@ss w%rd/", "Basic YSUzQWI6cCU0MHNzJTIwdyUyNXJkJTJG"),
            ("x", "y", "Basic eDp5"), ("xx", "y", "Basic eHg6eQ=="), ("xx", "yy", "Basic eHg6eXk="),
        ])
    func basic(id: String, secret: String, expected: String) throws {
        let settings = Sample.settings {
            $0.clientID = id
            $0.authentication = .basic(ClientSecret(secret))
        }
        let request = try Self.request(settings)
        #expect(request.headers["Authorization"] == expected)
        #expect(Sample.form(request)["client_id"] == nil && Sample.form(request)["client_secret"] == nil)
    }

    @Test("client_secret_post has id and secret in the form")
    func post() throws {
        let request = try Self.request(Sample.settings { $0.authentication = .post(ClientSecret("p@ss w%rd&")) })
        #expect(request.headers["Authorization"] == nil)
        #expect(Sample.form(request)["client_id"] == "doorman")
        #expect(Sample.form(request)["client_secret"] == "p@ss w%rd&")
    }

    static func claims(_ request: HTTPRequest) throws -> (header: [String: JSONValue], claims: [String: JSONValue]) {
        let assertion = try #require(Sample.form(request)["client_assertion"])
        let parts = assertion.split(separator: ".").map(String.init)
        #expect(parts.count == 3)
        let decoded = parts.prefix(2).map { decode($0).flatMap(JSONValue.init(bytes:))?.object }
        #expect(decode(parts[2]) == [255, 254, 0])
        return (try #require(decoded[0]), try #require(decoded[1]))
    }

    /// Decodes base64url without padding.
    static func decode(_ text: String) -> [UInt8]? {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        var (bits, count) = (0, 0)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            guard let value = alphabet.firstIndex(of: byte) else { return nil }
            (bits, count) = (bits << 6 | value, count + 6)
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(bits >> count & 255))
                bits &= (1 << count) - 1
            }
        }
        return bytes
    }

    @Test("private_key_jwt has a signed assertion in the form")
    func assertion() throws {
        let signed = NIOLockedValueBox<[[UInt8]]>([])
        let signer = AssertionSigner(algorithm: "ES256", keyID: "key-1") { input in
            signed.withLockedValue { $0.append(input) }
            return [255, 254, 0]
        }
        let settings = Sample.settings {
            $0.authentication = .assertion(signer)
            $0.revocationEndpoint = "https://id.partner.example/revoke"
        }
        let request = try Self.request(settings)
        #expect(request.headers["Authorization"] == nil)
        let form = Sample.form(request)
        #expect(form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
        #expect(form["client_id"] == "doorman" && form["client_secret"] == nil)
        let (header, claims) = try Self.claims(request)
        #expect(header == ["alg": .string("ES256"), "typ": .string("JWT"), "kid": .string("key-1")])
        #expect(claims["iss"] == .string("doorman") && claims["sub"] == .string("doorman"))
        #expect(claims["aud"] == .string(Sample.endpoint))
        #expect(claims["iat"] == .integer(1_500_000_000) && claims["exp"] == .integer(1_500_000_060))
        let input = String(decoding: signed.withLockedValue { $0[0] }, as: UTF8.self)
        #expect(form["client_assertion"]?.hasPrefix(input + ".") == true)

        let second = try Self.claims(try Self.request(settings)).claims
        #expect(second["jti"]?.string?.utf8.count == 43 && second["jti"] != claims["jti"])
        let revocation = try #require(
            try IntrospectionRequests(settings).revoke(Sample.token, at: Timestamp(millisecondsSince1970: 0)))
        #expect(try Self.claims(revocation).claims["aud"] == .string("https://id.partner.example/revoke"))
    }

    @Test("a configured audience of assertions replaces the URL")
    func assertionAudience() throws {
        let settings = Sample.settings {
            $0.authentication = .assertion(AssertionSigner(algorithm: "RS256") { _ in [255, 254, 0] })
            $0.assertionAudience = "https://id.partner.example"
        }
        let (header, claims) = try Self.claims(try Self.request(settings))
        #expect(header["kid"] == nil)
        #expect(claims["aud"] == .string("https://id.partner.example"))
    }

    @Test("a private key signs with an algorithm of its kind")
    func privateKey() throws {
        let key = try PrivateKey(generating: .p256)
        let signer = AssertionSigner(key, keyID: "key-1")
        #expect(signer.algorithm == "ES256")
        #expect(signer.sign(Array("input".utf8))?.count == 64)
        #expect(AssertionSigner(key, algorithm: .rs256).sign([]) == nil)
        #expect(Sample.settings { $0.authentication = .assertion(signer) }.problems.isEmpty)
    }

    @Test("a key that can't sign is a misconfiguration, and no request is sent")
    func signingFails() async throws {
        let settings = Sample.settings { $0.authentication = .assertion(AssertionSigner(algorithm: "RS256") { _ in nil }) }
        let transport = ScriptedTransport()
        let verifier = try Sample.verifier(transport, settings)
        let error = await #expect(throws: VerificationError.self) {
            try await verifier.verify(VerificationRequest(token: Sample.token), deadline: Sample.deadline())
        }
        #expect(error?.code == .providerMisconfigured && error?.scope == .credential)
        #expect(await transport.requests.isEmpty)
    }
}
