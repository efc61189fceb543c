import DoormanCore
import DoormanCrypto
import DoormanSupport
import ProviderHTTP
import TestKit
import Testing

@testable import JWTVerifier

@Suite("Verification of JSON Web Tokens")
struct VerifyTests {
    @Test(
        "every algorithm with its key is valid", arguments: SignatureAlgorithm.allCases)
    func algorithms(_ algorithm: SignatureAlgorithm) async throws {
        let (key, id): (TestKey, String) =
            switch algorithm {
            case .es256: (try TestKey.p256.get(), "p256-1")
            case .es384: (try TestKey.p384.get(), "p384-1")
            case .es512: (try TestKey.p521.get(), "p521-1")
            case .edDSA: (try TestKey.ed25519.get(), "ed-1")
            default: (try TestKey.rsa.get(), "rsa-1")
            }
        let scene = try Scene()
        #expect(try await scene.rejection(of: Sample.token(key: key, algorithm: algorithm, id: id)) == nil)
    }

    @Test("EdDSA may be called Ed25519, in the token and in the key", arguments: ["EdDSA", "Ed25519"], ["EdDSA", "Ed25519", nil])
    func newNameOfEdDSA(name: String, nameInKey: String?) async throws {
        let key = try TestKey.ed25519.get()
        let extra = nameInKey.map { ["alg": "\"\($0)\""] } ?? [:]
        let scene = try Scene(keySet: Sample.keySet([key.jwk("ed-1", extra), TestKey.rsa.get().jwk("rsa-1")]))
        let token = try Sample.token(header: ["alg": "\"\(name)\""], key: key, algorithm: .edDSA, id: "ed-1")
        #expect(try await scene.rejection(of: token) == nil)
    }

    @Test("Ed25519 needs EdDSA in the settings, a key of Ed25519 and the exact name")
    func newNameElsewhere() async throws {
        let key = try TestKey.ed25519.get()
        var settings = Sample.settings()
        settings.algorithms = [.rs256]
        let token = try Sample.token(header: ["alg": #""Ed25519""#], key: key, algorithm: .edDSA, id: "ed-1")
        #expect(try await Scene(settings).rejection(of: token) == .tokenRejected)
        let onOtherKey = try Sample.token(header: ["alg": #""Ed25519""#], key: key, algorithm: .edDSA, id: "rsa-1")
        #expect(try await Scene().rejection(of: onOtherKey) == .tokenRejected)
        for name in ["ed25519", "ED25519", "Ed448", "Ed25519ph", "ESP256"] {
            let other = try Sample.token(header: ["alg": "\"\(name)\""], key: key, algorithm: .edDSA, id: "ed-1")
            #expect(try await Scene().rejection(of: other) == .tokenRejected, "\(name)")
        }
    }

    @Test(
        "a token that is signed on a curve has one other spelling, which is denied with it", arguments: SignatureAlgorithm.allCases)
    func equivalents(_ algorithm: SignatureAlgorithm) async throws {
        let (key, id): (TestKey, String) =
            switch algorithm {
            case .es256: (try TestKey.p256.get(), "p256-1")
            case .es384: (try TestKey.p384.get(), "p384-1")
            case .es512: (try TestKey.p521.get(), "p521-1")
            case .edDSA: (try TestKey.ed25519.get(), "ed-1")
            default: (try TestKey.rsa.get(), "rsa-1")
            }
        let scene = try Scene()
        let token = try Sample.token(key: key, algorithm: algorithm, id: id)
        guard [.es256, .es384, .es512].contains(algorithm) else {
            #expect(scene.verifier.equivalents(of: token, naming: nil).isEmpty)
            return
        }
        let other = try #require(scene.verifier.equivalents(of: token, naming: nil).first)
        #expect(other != token)
        #expect(try await scene.rejection(of: other) == nil)
        #expect(scene.verifier.equivalents(of: other, naming: nil) == [token])
    }

    @Test("the identity has the facts of the token")
    func identity() async throws {
        var settings = Sample.settings()
        settings.claims = ["tenant", "roles", "absent"]
        let scene = try Scene(settings)
        let claims = Sample.claims([
            "scope": #""read write""#, "tenant": #"{"id":7}"#, "roles": #"["admin","b"]"#, "email": #""u@example.org""#,
            "email_verified": "true", "phone_number": #""+4915112345678""#, "phone_number_verified": "true", "other": "1",
        ])
        let identity = try #require(try await scene.identity(of: Sample.token(claims: claims)))
        #expect(identity.accountID == "user-1")
        #expect(identity.applicationID == Sample.audience)
        #expect(identity.audiences == [Sample.audience])
        #expect(identity.provider == "corp")
        #expect(identity.issuer == Sample.issuer)
        #expect(identity.scopes == ["read", "write"])
        #expect(identity.claims == ["tenant": #"{"id":7}"#, "roles": #"["admin","b"]"#])
        #expect(identity.email == "u@example.org")
        #expect(identity.isEmailVerified)
        #expect(identity.phone == PhoneNumber(number: "+4915112345678", countryPrefix: "49", nationalNumber: "15112345678"))
        #expect(identity.isPhoneVerified)
        #expect(identity.verifiedAt == scene.clock.wallTime)
        #expect(identity.validUntil == Timestamp(millisecondsSince1970: Int64(Sample.now + 3600) * 1000))
        #expect(identity.expiresAt == identity.validUntil)
        #expect(identity.freshness == .fresh)
        let key = try KeySet(Array(Sample.keySet([TestKey.rsa.get().jwk()]).utf8)).keys[0].publicKey
        #expect(identity.signingKey == key.fingerprint)
    }

    @Test("a token without such facts has an identity without them")
    func bareIdentity() async throws {
        let identity = try #require(try await Scene().identity(of: Sample.token()))
        #expect(identity.scopes.isEmpty && identity.claims.isEmpty)
        #expect(identity.email == nil && identity.phone == nil)
        #expect(!identity.isEmailVerified && !identity.isPhoneVerified)
    }

    @Test("an odd e-mail address or phone number is left out, and not verified")
    func oddContacts() async throws {
        for (email, phone) in [
            (#""no-at-sign""#, #""0301234567""#), (#""a b@c""#, #""+0123456789""#), ("1", "1"), (#""@""#, #""+""#),
        ] {
            let claims = Sample.claims([
                "email": email, "email_verified": "true", "phone_number": phone, "phone_number_verified": "true",
            ])
            let identity = try #require(try await Scene().identity(of: Sample.token(claims: claims)))
            #expect(identity.email == nil && identity.phone == nil)
            #expect(!identity.isEmailVerified && !identity.isPhoneVerified)
        }
    }

    @Test("only true says that an address is verified", arguments: ["false", "1", "null", #""yes""#, #""TRUE""#, "[true]"])
    func notVerified(text: String) async throws {
        let claims = Sample.claims(["email": #""u@example.org""#, "email_verified": text])
        let identity = try #require(try await Scene().identity(of: Sample.token(claims: claims)))
        #expect(identity.email != nil && !identity.isEmailVerified)
    }

    // MARK: - Audience

    @Test("the application is the first configured audience of the token, whatever the call names")
    func application() async throws {
        let scene = try Scene(Sample.settings(audience: ["first", "second", "third"]))
        let token = try Sample.token(claims: Sample.claims(["aud": #"["third","other","second"]"#]))
        #expect(try await scene.identity(of: token)?.applicationID == "second")
        #expect(try await scene.identity(of: token, applicationID: "third")?.applicationID == "second")
        #expect(try await scene.identity(of: token, applicationID: "first")?.applicationID == "second")
        #expect(try await scene.identity(of: token, applicationID: "other")?.applicationID == "second")
        #expect(try await scene.identity(of: token)?.audiences == ["second", "third"])
    }

    // MARK: - Scopes and claims

    @Test(
        "scopes are a text or a list, of scope or else scp",
        arguments: [
            (nil, ["scope": #""a b  c ""#], ["a", "b", "c"]), (nil, ["scp": #"["a","b"]"#], ["a", "b"]),
            (nil, ["scp": #""a b""#], ["a", "b"]), (nil, ["scope": #"["a"]"#, "scp": #"["b"]"#], ["a"]),
            (nil, ["scope": "1", "scp": #"["b"]"#], []), (nil, ["scp": #"["a",1]"#], []), (nil, ["scope": #""""#], []),
            ("permissions", ["permissions": #"["p"]"#, "scope": #""a""#], ["p"]), ("permissions", ["scope": #""a""#], []),
        ] as [(String?, [String: String], [String])])
    func scopes(claim: String?, changes: [String: String], expected: [String]) async throws {
        var settings = Sample.settings()
        settings.scopesClaim = claim
        let token = try Sample.token(claims: Sample.claims(changes.mapValues { $0 }))
        #expect(try await Scene(settings).identity(of: token)?.scopes == expected)
    }

    // MARK: - Limits

    /// A token with claims that exceed a limit by one byte or scope, or don't exceed it.
    private static func claims(_ limit: IdentityLimit, isExceeded: Bool) -> [String: String?] {
        let long = "\"\(String(repeating: "x", count: 4090))\""
        switch limit {
        case .claims: return ["a": long, "b": isExceeded ? "123" : "12"]
        default: return ["scope": "\"\(String(repeating: "s ", count: isExceeded ? 257 : 256))\""]
        }
    }

    private static func scene() throws -> Scene {
        var settings = Sample.settings()
        settings.claims = ["a", "b"]
        return try Scene(settings)
    }

    @Test("a good token above a limit is our configuration's fault, not a rejection", arguments: [IdentityLimit.claims, .scopes])
    func limits(_ limit: IdentityLimit) async throws {
        let scene = try Self.scene()
        let fitting = try Sample.token(claims: Sample.claims(Self.claims(limit, isExceeded: false)))
        #expect(try await scene.identity(of: fitting) != nil)
        #expect(scene.limits.withLockedValue { $0 } == [])
        let error = await scene.error(of: try Sample.token(claims: Sample.claims(Self.claims(limit, isExceeded: true))))
        #expect(error?.code == .providerMisconfigured && error?.scope == .request)
        #expect(scene.limits.withLockedValue { $0 } == [limit])
    }

    @Test("a forged token above a limit is rejected, and not reported", arguments: [IdentityLimit.claims, .scopes])
    func forgedLimits(_ limit: IdentityLimit) async throws {
        let scene = try Self.scene()
        let claims = Sample.claims(Self.claims(limit, isExceeded: true))
        let forged = try Sample.token(claims: claims, key: TestKey.rsa.get(), algorithm: .rs384, id: "rsa-1").parts
        let good = try Sample.token(claims: claims).parts
        let token = Token([good[0], good[1], forged[2]].joined(separator: "."))
        #expect(try await scene.rejection(of: token) == .tokenRejected)
        #expect(scene.limits.withLockedValue { $0 } == [])
    }

    @Test("scopes have at most 4 KiB together, as a text or as a list")
    func longScopes() async throws {
        let half = String(repeating: "x", count: 2048)
        for (scopes, fits) in [
            ("\"\(half) \(half)\"", true), ("\"\(half) \(half)x\"", false), ("[\"\(half)\",\"\(half)\"]", true),
            ("[\"\(half)\",\"\(half)x\"]", false),
        ] {
            let token = try Sample.token(claims: Sample.claims(["scope": scopes]))
            if fits {
                #expect(try await Scene().identity(of: token)?.scopes.count == 2)
            } else {
                #expect(await (try Scene()).error(of: token)?.code == .providerMisconfigured)
            }
        }
    }

    // MARK: - Time

    @Test("a token that expires while its call waits for keys is rejected")
    func expiresWhileWaiting() async throws {
        let scene = try Scene()
        scene.issuer.hold()
        let token = try Sample.token(claims: Sample.claims(["exp": "\(Sample.now + 2)"]))
        let call = Task { try await scene.verify(token) }
        try await eventually("a fetch has begun") { scene.issuer.requests.count == 1 }
        scene.clock.advance(by: .seconds(3))
        scene.issuer.release()
        guard case .rejected(let rejection) = try await call.value else { throw NeverHappened(description: "the token is valid") }
        #expect(rejection.reason == .tokenRejected)
    }

    @Test("no message contains a part of the token")
    func messages() async throws {
        let planted = "planted-secret"
        let claims = ["iss", "aud", "sub", "exp", "nbf", "iat"]
        var tokens = try claims.map { try Sample.token(claims: Sample.claims([$0: "\"\(planted)\u{1}\""])) }
        tokens += try ["alg", "kid", "typ", "cty", "crit"].map { try Sample.token(header: [$0: "\"\(planted)\""]) }
        tokens += [Token(planted), Token("\(planted).\(planted).\(planted)")]
        for token in tokens {
            guard case .rejected(let rejection) = try await Scene().verify(token) else { continue }
            #expect(!rejection.message.contains(planted))
            #expect(rejection.message.hasSuffix("."))
        }
    }
}

@Suite("Revocation and other operations of JSON Web Tokens")
struct RevocationTests {
    private static func revoke(_ request: RevocationRequest, _ scene: Scene) async throws(VerificationError) -> RevocationOutcome {
        try await scene.verifier.revoke(request, deadline: Deadline(scene.clock.now.advanced(by: .seconds(5))))
    }

    @Test("a valid token is denied locally until its end")
    func valid() async throws {
        let outcome = try await Self.revoke(RevocationRequest(.token(Sample.token())), Scene())
        #expect(outcome == .deniedLocally(until: Timestamp(millisecondsSince1970: Int64(Sample.now + 3600) * 1000)))
    }

    @Test("a rejected token is invalid already")
    func rejected() async throws {
        for changes in [["exp": "1"], ["aud": #""x""#]] as [[String: String?]] {
            let token = try Sample.token(claims: Sample.claims(changes))
            #expect(try await Self.revoke(RevocationRequest(.token(token)), Scene()) == .alreadyInvalid)
        }
    }

    private static let end = Timestamp(millisecondsSince1970: Int64(Sample.now + 3600) * 1000)

    @Test("a token that is not valid yet is denied locally until its end", arguments: ["nbf", "iat"])
    func notYetValid(claim: String) async throws {
        let scene = try Scene()
        let token = try Sample.token(claims: Sample.claims([claim: "\(Sample.now + 600)"]))
        #expect(try await scene.rejection(of: token) == .tokenRejected)
        #expect(try await Self.revoke(RevocationRequest(.token(token)), scene) == .deniedLocally(until: Self.end))
    }

    @Test("a Firebase token whose time of authentication is to come is denied locally until its end")
    func notYetAuthenticated() async throws {
        let settings = JWTSettings(name: "firebase", preset: .firebase, audience: ["shop"])
        var own = settings
        own.jwksURL = Sample.keysURL
        let scene = try Scene(own)
        let token = try Sample.token(
            claims: Sample.claims(["iss": "\"\(settings.issuer)\"", "aud": #""shop""#, "auth_time": "\(Sample.now + 600)"]))
        #expect(try await scene.rejection(of: token) == .tokenRejected)
        #expect(try await Self.revoke(RevocationRequest(.token(token)), scene) == .deniedLocally(until: Self.end))
    }

    @Test("a token that is not valid yet and that is forged is invalid already")
    func forgedNotYetValid() async throws {
        let good = try Sample.token().parts
        let later = try Sample.token(claims: Sample.claims(["nbf": "\(Sample.now + 600)"])).parts
        let token = Token([later[0], later[1], good[2]].joined(separator: "."))
        #expect(try await Self.revoke(RevocationRequest(.token(token)), Scene()) == .alreadyInvalid)
    }

    @Test("a token above a limit is denied locally until its end, since other settings would make it valid")
    func exceeding() async throws {
        let scopes = String(repeating: "s ", count: 257)
        let token = try Sample.token(claims: Sample.claims(["scope": "\"\(scopes)\""]))
        #expect(try await Self.revoke(RevocationRequest(.token(token)), Scene()) == .deniedLocally(until: Self.end))
    }

    @Test(
        "a token whose key is not published is not revoked, and the error says to repeat it",
        arguments: [["kid": #""rsa-2""#], ["kid": nil]] as [[String: String?]])
    func unknownKey(header: [String: String?]) async throws {
        let scene = try Scene()
        let request = RevocationRequest(.token(try Sample.token(header: header)))
        let error = await #expect(throws: VerificationError.self) { try await Self.revoke(request, scene) }
        #expect(error?.code == .providerUnavailable && error?.scope == .request && error?.retryAfter == .seconds(30))
        // Once the issuer publishes the key, the same revocation lasts.
        scene.issuer.publish(Sample.keySet([try TestKey.rsa.get().jwk("rsa-2")]))
        scene.clock.advance(by: .seconds(30))
        _ = try await scene.verify(try Sample.token(id: "rsa-2"))
        #expect(try await Self.revoke(request, scene) == .deniedLocally(until: Self.end))
    }

    @Test("a token with an unknown key that has expired is invalid already")
    func expiredWithUnknownKey() async throws {
        let token = try Sample.token(claims: Sample.claims(["exp": "1"]), id: "rsa-2")
        #expect(try await Self.revoke(RevocationRequest(.token(token)), Scene()) == .alreadyInvalid)
    }

    @Test("without keys, a revocation is unavailable")
    func unavailable() async throws {
        let scene = try Scene()
        scene.issuer.fail()
        let error = await #expect(throws: VerificationError.self) {
            try await Self.revoke(RevocationRequest(.token(Sample.token())), scene)
        }
        #expect(error?.code == .providerUnavailable)
    }

    @Test("malformed tokens, other applications, accounts and codes are errors")
    func errors() async throws {
        let scene = try Scene()
        let malformed = await #expect(throws: VerificationError.self) {
            try await Self.revoke(RevocationRequest(.token(Token("a.b"))), scene)
        }
        #expect(malformed?.code == .invalidRequest)
        let other = await #expect(throws: VerificationError.self) {
            try await Self.revoke(RevocationRequest(.token(Sample.token()), applicationID: "other"), scene)
        }
        #expect(other == .unknownApplication)
        let account = await #expect(throws: VerificationError.self) {
            try await Self.revoke(RevocationRequest(.account("user-1")), scene)
        }
        #expect(account?.code == .unsupported)
        let code = await #expect(throws: VerificationError.self) {
            try await scene.verifier.exchange(
                ExchangeRequest(code: AuthorizationCode("code")), deadline: Deadline(scene.clock.now.advanced(by: .seconds(5))))
        }
        #expect(code?.code == .unsupported)
        #expect(scene.issuer.requests.isEmpty)
    }
}

@Suite("Routing by the unverified issuer")
struct UnverifiedIssuerTests {
    @Test("the issuer of a token is read without its signature")
    func issuer() throws {
        let parts = try Sample.token().parts
        #expect(JWTVerifier.unverifiedIssuer(of: Token("\(parts[0]).\(parts[1]).AAAA")) == Sample.issuer)
    }

    @Test(
        "a token of another form has no issuer",
        arguments: ["", "a", "a.b", "..", "EMAWtoken", "AAAA.AAAA.AAAA", "AAAA.e30.AAAA", String(repeating: ".", count: 100_000)])
    func other(text: String) {
        #expect(JWTVerifier.unverifiedIssuer(of: Token(text)) == nil)
    }

    @Test("claims with thousands of combining marks in a name take no longer to refuse than others of their length")
    func combiningMarks() throws {
        func token(_ name: String) throws -> Token { try Sample.signed(#"{"alg":"none"}"#, #"{"iss":"x","\#(name)":1}"#) }
        let marks = try token(String(repeating: "\u{300}\u{316}", count: 6000))
        let letters = try token(String(repeating: "a", count: 24_000))
        #expect(JWTVerifier.unverifiedIssuer(of: marks) == nil)
        // The shortest of several times, because other processes can only make a time longer.
        func time(_ token: Token) -> Duration { ContinuousClock().measure { _ = JWTVerifier.unverifiedIssuer(of: token) } }
        let times = (0..<10).map { _ in (marks: time(marks), letters: time(letters)) }
        let (slowest, usual) = (times.map(\.marks).min() ?? .zero, times.map(\.letters).min() ?? .zero)
        // Names were once compared in their normal form: 70 ms in a release build.
        #expect(slowest < usual * 3)
    }

    @Test(
        "an issuer that is not a text, or that is there twice, does not count",
        arguments: [#"{"iss":["x"]}"#, #"{"iss":null}"#, #"{"iss":"a","iss":"b"}"#, "[]"])
    func mistyped(claims: String) throws {
        #expect(JWTVerifier.unverifiedIssuer(of: try Sample.signed(#"{"alg":"none"}"#, claims)) == nil)
    }
}
