import DoormanCore
import DoormanCrypto
import Testing

@testable import JWTVerifier

/// Tokens whose header is an attack. Each scene has the issuer's genuine keys.
@Suite("Hostile headers")
struct HostileHeaderTests {
    private static func rejection(header: [String: String?], claims: String = Sample.claims([:])) async throws -> Rejection.Reason?
    {
        try await Scene().rejection(of: Sample.token(header: header, claims: claims))
    }

    @Test("the same token without the attack is valid")
    func control() async throws {
        #expect(try await Self.rejection(header: [:]) == nil)
    }

    // MARK: - Algorithms

    @Test(
        "alg none with a signature is rejected in any case [CVE-2015-2951]",
        arguments: ["none", "None", "NONE", "nOnE", "nonE", " none", "none ", ""])
    func algorithmNone(name: String) async throws {
        #expect(try await Self.rejection(header: ["alg": "\"\(name)\""]) == .tokenRejected)
    }

    @Test("alg none without a signature is malformed [CVE-2015-2951]", arguments: ["none", "None", "NONE"])
    func unsigned(name: String) async throws {
        let token = Token(base64URL(#"{"alg":"\#(name)"}"#) + "." + base64URL(Sample.claims([:])) + ".")
        #expect(try await Scene().rejection(of: token) == .malformedToken)
    }

    @Test("a header without alg is rejected")
    func noAlgorithm() async throws {
        #expect(try await Self.rejection(header: ["alg": nil]) == .tokenRejected)
    }

    @Test("alg that is not a text is rejected", arguments: ["null", "1", "true", #"["RS256"]"#, #"{"alg":"RS256"}"#])
    func algorithmType(text: String) async throws {
        #expect(try await Self.rejection(header: ["alg": text]) == .tokenRejected)
    }

    @Test("alg in another case is rejected", arguments: ["rs256", "Rs256", "RS256\\u0000", "RS256 "])
    func algorithmCase(name: String) async throws {
        #expect(try await Self.rejection(header: ["alg": "\"\(name)\""]) == .tokenRejected)
    }

    @Test("HS256 with the RSA public key in PEM as the secret is rejected [CVE-2015-9235]", arguments: ["\n", ""])
    func symmetricPEM(end: String) async throws {
        let text = base64URL(try TestKey.rsa.get().publicDER())
            .replacing("-", with: "+").replacing("_", with: "/")
        let lines = stride(from: 0, to: text.count, by: 64).map { String(text.dropFirst($0).prefix(64)) }
        let padded = lines.joined(separator: "\n") + String(repeating: "=", count: (4 - text.count % 4) % 4)
        let pem = "-----BEGIN PUBLIC KEY-----\n\(padded)\n-----END PUBLIC KEY-----\(end)"
        #expect(try await Scene().rejection(of: Sample.symmetric(Array(pem.utf8))) == .tokenRejected)
    }

    @Test("HS256 with the RSA public key in DER as the secret is rejected [CVE-2022-29217]")
    func symmetricDER() async throws {
        #expect(try await Scene().rejection(of: Sample.symmetric(TestKey.rsa.get().publicDER())) == .tokenRejected)
    }

    @Test("HS256 with the RSA public key as a JSON Web Key as the secret is rejected [CVE-2024-54150]")
    func symmetricJWK() async throws {
        let secrets = [try TestKey.rsa.get().jwk("rsa-1"), try Sample.keySet()]
        for secret in secrets {
            #expect(try await Scene().rejection(of: Sample.symmetric(Array(secret.utf8))) == .tokenRejected)
        }
        let modulus = try #require(try TestKey.rsa.get().members()["n"])
        #expect(try await Scene().rejection(of: Sample.symmetric(modulus)) == .tokenRejected)
    }

    @Test("HS256 can't be an algorithm of the settings", arguments: ["HS256", "HS384", "HS512", "none"])
    func symmetricSetting(name: String) {
        #expect(SignatureAlgorithm(rawValue: name) == nil)
    }

    @Test("an algorithm that is not configured is rejected, with a good signature")
    func notConfigured() async throws {
        var settings = Sample.settings()
        settings.algorithms = [.rs256]
        let scene = try Scene(settings)
        let token = try Sample.token(key: TestKey.p256.get(), algorithm: .es256, id: "p256-1")
        #expect(try await scene.rejection(of: token) == .tokenRejected)
        #expect(try await Scene().rejection(of: token) == nil)
    }

    @Test("a P-384 key does not verify ES256")
    func wrongCurve() async throws {
        let input = base64URL(#"{"alg":"ES256","kid":"p384-1"}"#) + "." + base64URL(Sample.claims([:]))
        let signature = try TestKey.p384.get().signature(of: Array(input.utf8), with: .es256)
        #expect(try await Scene().rejection(of: Token(input + "." + base64URL(signature))) == .tokenRejected)
        // The same with the length that ES256 demands.
        #expect(try await Scene().rejection(of: Token(input + "." + base64URL(signature.prefix(64)))) == .tokenRejected)
    }

    @Test("a key id of a key for another algorithm is rejected [CVE-2021-46743]")
    func mixedUp() async throws {
        let scene = try Scene()
        let keys = [("rsa-1", try TestKey.rsa.get()), ("p256-1", try TestKey.p256.get()), ("ed-1", try TestKey.ed25519.get())]
        let algorithms: [String: SignatureAlgorithm] = ["rsa-1": .rs256, "p256-1": .es256, "ed-1": .edDSA]
        for (signer, key) in keys {
            for (named, _) in keys {
                let algorithm = try #require(algorithms[signer])
                let token = try Sample.token(key: key, algorithm: algorithm, id: named)
                #expect(try await scene.rejection(of: token) == (signer == named ? nil : .tokenRejected), "\(signer) as \(named)")
                // The signature is the signer's, and `alg` that of the named key.
                let other = try #require(algorithms[named])
                let mixed = try Sample.token(
                    header: ["alg": "\"\(other.rawValue)\""], key: key, algorithm: algorithm, id: named)
                #expect(try await scene.rejection(of: mixed) == (signer == named ? nil : .tokenRejected))
            }
        }
    }

    @Test("a key with alg verifies no other algorithm of its type")
    func pinnedAlgorithm() async throws {
        let scene = try Scene(keySet: Sample.keySet([TestKey.rsa.get().jwk("rsa-1", ["alg": #""PS256""#])]))
        #expect(try await scene.rejection(of: Sample.token()) == .tokenRejected)
        #expect(try await scene.rejection(of: Sample.token(algorithm: .ps256)) == nil)
    }

    // MARK: - Keys in the header

    @Test("jwk in the header is not used [CVE-2018-0114]")
    func embeddedKey() async throws {
        let attacker = try TestKey.otherRSA.get()
        for id in ["\"rsa-1\"", nil] {
            let token = try Sample.token(header: ["jwk": attacker.jwk(), "kid": id], key: attacker)
            #expect(try await Scene().rejection(of: token) == .tokenRejected)
        }
    }

    @Test("jku, x5u and x5c in the header are neither used nor fetched", arguments: ["jku", "x5u", "x5c"])
    func referencedKey(name: String) async throws {
        let url = "https://attacker.example/keys"
        let attacker = try TestKey.otherRSA.get()
        let value = name == "x5c" ? #"["MIIB"]"# : "\"\(url)\""
        let scene = try Scene()
        scene.issuer.publish(Sample.keySet([try attacker.jwk("rsa-1")]), at: url)
        #expect(try await scene.rejection(of: Sample.token(header: [name: value], key: attacker)) == .tokenRejected)
        // A genuine token may have such a member, which some issuers write.
        #expect(try await scene.rejection(of: Sample.token(header: [name: value])) == nil)
        #expect(scene.issuer.requests == [Sample.keysURL])
    }

    // MARK: - Extensions

    @Test("crit with an unknown extension is rejected")
    func unknownExtension() async throws {
        #expect(try await Self.rejection(header: ["crit": #"["exp"]"#]) == .tokenRejected)
        #expect(
            try await Self.rejection(header: ["crit": #"["http://example.com/x"]"#, "http://example.com/x": "1"]) == .tokenRejected)
    }

    @Test("an empty crit is rejected")
    func emptyExtensions() async throws {
        #expect(try await Self.rejection(header: ["crit": "[]"]) == .tokenRejected)
    }

    @Test("crit that is not an array is rejected", arguments: ["null", "\"exp\"", "{}", "1", "false"])
    func mistypedExtensions(text: String) async throws {
        #expect(try await Self.rejection(header: ["crit": text]) == .tokenRejected)
    }

    @Test("b64 false is rejected [CVE-2025-59420]")
    func unencodedPayload() async throws {
        #expect(try await Self.rejection(header: ["b64": "false", "crit": #"["b64"]"#]) == .tokenRejected)
        #expect(try await Self.rejection(header: ["b64": "false"]) == .tokenRejected)
        #expect(try await Self.rejection(header: ["b64": "true"]) == .tokenRejected)
    }

    @Test("a nested token is rejected", arguments: ["JWT", "jwt", "application/jwt"])
    func nested(type: String) async throws {
        #expect(try await Self.rejection(header: ["cty": "\"\(type)\""]) == .tokenRejected)
        let inner = try Sample.token().text
        #expect(try await Self.rejection(header: ["cty": "\"\(type)\""], claims: inner) == .tokenRejected)
        #expect(try await Self.rejection(header: [:], claims: inner) == .malformedToken)
        #expect(try await Self.rejection(header: [:], claims: "\"\(inner)\"") == .malformedToken)
    }

    @Test(
        "a type other than JWT and at+jwt is rejected",
        arguments: ["\"JOSE\"", "\"logout+jwt\"", "\"\"", "1", "null", "\"dpop+jwt\""])
    func type(text: String) async throws {
        #expect(try await Self.rejection(header: ["typ": text]) == .tokenRejected)
    }

    @Test(
        "a token without a type, or with one of the known types, is valid",
        arguments: ["\"JWT\"", "\"jwt\"", "\"at+jwt\"", "\"application/at+jwt\"", nil])
    func knownType(text: String?) async throws {
        #expect(try await Self.rejection(header: ["typ": text]) == nil)
    }

    @Test("an ID token is rejected where an access token is wanted", arguments: ["\"JWT\"", nil])
    func idToken(type: String?) async throws {
        var settings = Sample.settings()
        settings.tokenType = .access
        let scene = try Scene(settings)
        #expect(try await scene.rejection(of: Sample.token(header: ["typ": type])) == .tokenRejected)
        #expect(try await scene.rejection(of: Sample.token(header: ["typ": "\"at+jwt\""])) == nil)
        #expect(try await scene.rejection(of: Sample.token(header: ["typ": "\"application/at+jwt\""])) == nil)
    }

    // MARK: - Key ids

    @Test(
        "a key id that is a path is only an unknown id",
        arguments: ["../../../../dev/null", "/etc/passwd", "file:///dev/null", "' OR 1=1 --"])
    func pathAsKeyID(id: String) async throws {
        let scene = try Scene()
        #expect(try await scene.rejection(of: Sample.token(id: id)) == .tokenRejected)
        #expect(scene.issuer.requests.allSatisfy { $0 == Sample.keysURL })
        // An attacker who knows the content of the file could make such a code.
        let token = Sample.symmetric([], header: #"{"alg":"HS256","kid":"\#(id)"}"#)
        #expect(try await scene.rejection(of: token) == .tokenRejected)
    }

    @Test("a key id with NUL does not end there")
    func zeroInKeyID() async throws {
        #expect(try await Self.rejection(header: ["kid": #""rsa-1\u0000""#]) == .tokenRejected)
        #expect(try await Self.rejection(header: ["kid": #""rsa-1\u0000x""#]) == .tokenRejected)
        #expect(try await Self.rejection(header: ["kid": #""\u0000""#]) == .tokenRejected)
    }

    @Test("a key id of 64 KiB is rejected")
    func longKeyID() async throws {
        let scene = try Scene()
        let token = try Sample.token(id: String(repeating: "k", count: 65_536))
        #expect(try await scene.rejection(of: token) == .malformedToken)
        // Within the length of a token, too.
        #expect(try await scene.rejection(of: Sample.token(id: String(repeating: "k", count: 257))) == .tokenRejected)
        #expect(scene.issuer.requests.isEmpty)
    }

    @Test("a key id that is not a text is rejected", arguments: ["1", "null", "true", #"["rsa-1"]"#, #"{"kid":"rsa-1"}"#, #""""#])
    func keyIDType(text: String) async throws {
        let scene = try Scene()
        #expect(try await scene.rejection(of: Sample.token(header: ["kid": text])) == .tokenRejected)
        #expect(scene.issuer.requests.isEmpty)
    }

    @Test("a token without a key id needs an issuer with exactly one key")
    func noKeyID() async throws {
        let token = try Sample.token(header: ["kid": nil])
        #expect(try await Scene().rejection(of: token) == .tokenRejected)
        #expect(try await Scene(keySet: Sample.keySet([TestKey.rsa.get().jwk("any")])).rejection(of: token) == nil)
        let two = Sample.keySet([try TestKey.rsa.get().jwk("a"), try TestKey.otherRSA.get().jwk("b")])
        #expect(try await Scene(keySet: two).rejection(of: token) == .tokenRejected)
    }
}
