import DoormanCore
import DoormanCrypto
import Testing

@testable import JWTVerifier

@Suite("Presets of JSON Web Tokens")
struct PresetTests {
    private static let project = "my-project"
    private static let firebaseClaims = [
        "iss": #""https://securetoken.google.com/my-project""#, "aud": #""my-project""#, "auth_time": "\(Sample.now - 60)",
        "phone_number": #""+15551234567""#, "firebase": #"{"sign_in_provider":"phone"}"#,
    ]

    private static func firebase(_ changes: [String: String?] = [:]) async throws -> Verdict {
        let settings = JWTSettings(name: "firebase", preset: .firebase, audience: [project])
        let scene = try Scene(settings)
        scene.issuer.publish(try Sample.keySet(), at: KeyFetcher.escaped(try #require(settings.jwksURL)))
        var claims: [String: String?] = firebaseClaims
        for (name, text) in changes { claims[name] = text }
        return try await scene.verify(Sample.token(claims: Sample.claims(claims)))
    }

    private static func rejection(_ changes: [String: String?]) async throws -> Rejection.Reason? {
        guard case .rejected(let rejection) = try await firebase(changes) else { return nil }
        return rejection.reason
    }

    @Test("the settings of Firebase come from the project")
    func firebaseSettings() {
        let settings = JWTSettings(name: "firebase", preset: .firebase, audience: [Self.project])
        #expect(settings.problems.isEmpty)
        #expect(settings.issuer == "https://securetoken.google.com/my-project")
        #expect(settings.algorithms == [.rs256])
        #expect(settings.jwksURL == "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com")
    }

    @Test("a token of Firebase phone authentication has the phone number")
    func firebasePhone() async throws {
        guard case .valid(let identity) = try await Self.firebase() else {
            Issue.record("the token is rejected")
            return
        }
        #expect(identity.phone == PhoneNumber(number: "+15551234567", countryPrefix: "1", nationalNumber: "5551234567"))
        #expect(identity.isPhoneVerified)
        #expect(identity.applicationID == Self.project)
        #expect(identity.provider == "firebase")
    }

    @Test("a token of another way to sign in has no phone number")
    func firebaseEmail() async throws {
        guard case .valid(let identity) = try await Self.firebase(["phone_number": nil, "email": #""u@example.org""#]) else {
            Issue.record("the token is rejected")
            return
        }
        #expect(identity.phone == nil && !identity.isPhoneVerified)
        #expect(identity.email == "u@example.org")
    }

    @Test("a token of another project is rejected")
    func otherProject() async throws {
        #expect(try await Self.rejection(["iss": #""https://securetoken.google.com/other""#]) == .tokenRejected)
        #expect(try await Self.rejection(["aud": #""other""#]) == .wrongApplication)
    }

    @Test("Firebase needs an account, and a time of authentication in the past")
    func firebaseRules() async throws {
        #expect(try await Self.rejection(["sub": #""""#]) == .tokenRejected)
        #expect(try await Self.rejection(["auth_time": nil]) == .tokenRejected)
        #expect(try await Self.rejection(["auth_time": "\(Sample.now + 31)"]) == .tokenRejected)
        #expect(try await Self.rejection(["auth_time": #""1""#]) == .tokenRejected)
        #expect(try await Self.rejection(["auth_time": "\(Sample.now)"]) == nil)
    }

    @Test(
        "a phone number that is not in the form of E.164 is rejected",
        arguments: [#""5551234567""#, #""+0123456789""#, #""""#, "1", "null", #""+1555123456789012""#, #""+1 555 123 4567""#])
    func firebasePhoneForm(text: String) async throws {
        #expect(try await Self.rejection(["phone_number": text]) == .tokenRejected)
    }

    @Test("an at sign in the path of Google's keys is escaped, and one before the host is not")
    func escaping() throws {
        let settings = JWTSettings(name: "firebase", preset: .firebase, audience: [Self.project])
        #expect(
            KeyFetcher.escaped(try #require(settings.jwksURL))
                == "https://www.googleapis.com/service_accounts/v1/jwk/securetoken%40system.gserviceaccount.com")
        #expect(KeyFetcher.escaped("https://user@host/a@b?c@d") == "https://user@host/a%40b?c%40d")
        #expect(KeyFetcher.escaped("https://host@attacker.example") == "https://host@attacker.example")
        #expect(KeyFetcher.escaped("a@b") == "a@b")
    }

    @Test("the keys of Firebase can be an X.509 map")
    func firebaseCertificates() async throws {
        var settings = JWTSettings(name: "firebase", preset: .firebase, audience: [Self.project])
        settings.jwksURL = "https://www.googleapis.com/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com"
        #expect(settings.problems.isEmpty)
    }

    @Test("Limited Login is an ID token of Facebook for the app")
    func limitedLogin() async throws {
        let settings = JWTSettings(name: "facebook", preset: .limitedLogin, audience: ["1234567890"])
        #expect(settings.problems.isEmpty)
        #expect(settings.jwksURL == "https://www.facebook.com/.well-known/oauth/openid/jwks/")
        let scene = try Scene(settings)
        scene.issuer.publish(try Sample.keySet(), at: KeyFetcher.escaped(try #require(settings.jwksURL)))
        let claims = ["iss": #""https://www.facebook.com""#, "aud": #""1234567890""#, "nonce": #""n""#]
        #expect(try await scene.rejection(of: Sample.token(claims: Sample.claims(claims))) == nil)
        let slash = claims.merging(["iss": #""https://www.facebook.com/""#]) { $1 }
        #expect(try await scene.rejection(of: Sample.token(claims: Sample.claims(slash))) == .tokenRejected)
        let ec = try Sample.token(claims: Sample.claims(claims), key: TestKey.p256.get(), algorithm: .es256, id: "p256-1")
        #expect(try await scene.rejection(of: ec) == .tokenRejected)
    }

    @Test("settings that contradict their preset are invalid")
    func contradictions() {
        var settings = JWTSettings(name: "firebase", preset: .firebase, audience: [])
        #expect(settings.problem?.key == .audience)
        settings = JWTSettings(name: "firebase", preset: .firebase, audience: ["a", "b"])
        #expect(settings.problem?.key == .audience)
        settings = JWTSettings(name: "firebase", preset: .firebase, audience: ["a"])
        settings.issuer = "https://securetoken.google.com/b"
        #expect(settings.problem?.key == .issuer)
        settings = JWTSettings(name: "firebase", preset: .firebase, audience: ["a"])
        settings.tokenType = .access
        #expect(settings.problem?.key == .tokenType)
    }
}

@Suite("Settings of JSON Web Tokens")
struct JWTSettingsTests {
    private static func problem(_ change: (inout JWTSettings) -> Void) -> String? {
        var settings = JWTSettings(name: "corp", issuer: "https://login.example.org/", audience: ["orders-api"])
        change(&settings)
        return settings.problems.map { $0.key.rawValue }.first
    }

    @Test("the defaults are valid")
    func defaults() {
        let settings = JWTSettings(name: "corp", issuer: "https://login.example.org/", audience: ["orders-api"])
        #expect(settings.problems.isEmpty)
        #expect(settings.algorithms == [.rs256, .ps256, .es256, .edDSA])
        #expect(settings.leeway == .seconds(30))
        #expect(settings.maximumTokenBytes == 16_384)
    }

    @Test("each invalid setting is named")
    func invalid() {
        #expect(Self.problem { $0.name = "" } == "name")
        #expect(Self.problem { $0.name = "a b" } == "name")
        #expect(Self.problem { $0.issuer = "" } == "issuer")
        #expect(Self.problem { $0.issuer = "login.example.org" } == "issuer")
        #expect(Self.problem { $0.issuer = "http://login.example.org" } == "issuer")
        #expect(Self.problem { $0.issuer = "https://login.example.org/?a=b" } == "issuer")
        #expect(Self.problem { $0.issuer = "http://127.0.0.1:8080" } == nil)
        #expect(
            Self.problem {
                $0.issuer = "any text"; $0.jwksURL = "https://login.example.org/keys"
            } == nil)
        #expect(Self.problem { $0.jwksURL = "http://login.example.org/keys" } == "jwks-url")
        #expect(Self.problem { $0.audience = [] } == "audience")
        #expect(Self.problem { $0.audience = ["a", ""] } == "audience")
        #expect(Self.problem { $0.algorithms = [] } == "algorithms")
        #expect(Self.problem { $0.scopesClaim = "" } == "scopes-claim")
        #expect(Self.problem { $0.claims = [""] } == "claims")
        #expect(Self.problem { $0.claims = Array(repeating: "a", count: 33) } == "claims")
        #expect(Self.problem { $0.leeway = .seconds(-1) } == "leeway")
        #expect(Self.problem { $0.leeway = .seconds(301) } == "leeway")
        #expect(Self.problem { $0.maximumTokenBytes = 255 } == "max-token-length")
        #expect(Self.problem { $0.maximumTokenBytes = 32_769 } == "max-token-length")
    }

    @Test("a verifier with an invalid setting is not created")
    func refused() {
        var settings = Sample.settings()
        settings.audience = []
        #expect(throws: JWTSettings.Invalid.self) { try Scene(settings, keySet: "{}") }
    }
}

@Suite("Telephone numbers of E.164")
struct TelephoneNumberTests {
    @Test(
        "the country code is split off",
        arguments: [
            ("+15551234567", "1", "5551234567"), ("+79161234567", "7", "9161234567"), ("+4915112345678", "49", "15112345678"),
            ("+442071838750", "44", "2071838750"), ("+35312345678", "353", "12345678"), ("+2348012345678", "234", "8012345678"),
            ("+85212345678", "852", "12345678"), ("+8613812345678", "86", "13812345678"), ("+9779841234567", "977", "9841234567"),
            ("+18681234567", "1", "8681234567"), ("+2011234567", "20", "11234567"), ("+21112345678", "211", "12345678"),
            ("+59912345678", "599", "12345678"), ("+882161234567", "882", "161234567"),
        ])
    func split(text: String, prefix: String, national: String) {
        #expect(TelephoneNumber.parse(text) == PhoneNumber(number: text, countryPrefix: prefix, nationalNumber: national))
    }

    @Test(
        "other texts are no numbers",
        arguments: [
            "", "+", "15551234567", "+1555", "+1555123456789012", "+0155512345", "+28123456789", "+83123456789", "+89123456789",
            "+1-555-1234567", "+1 5551234567", "++15551234567", "+1555123456\u{0}", "+１５５５１２３４５６７", "tel:+15551234567",
        ])
    func rejected(text: String) {
        #expect(TelephoneNumber.parse(text) == nil)
    }
}
