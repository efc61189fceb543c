import DoormanCore
import Testing

@testable import JWTVerifier

/// Claims that an issuer signs, but that are not meant for this service.
@Suite("Hostile claims")
struct HostileClaimTests {
    private static func rejection(_ changes: [String: String?], _ settings: JWTSettings = Sample.settings()) async throws
        -> Rejection.Reason?
    {
        try await Scene(settings).rejection(of: Sample.token(claims: Sample.claims(changes)))
    }

    // MARK: - Issuer

    @Test("an issuer in an array is rejected")
    func issuerArray() async throws {
        #expect(try await Self.rejection(["iss": #"["https://login.example.org/"]"#]) == .tokenRejected)
        #expect(try await Self.rejection(["iss": #"["https://attacker.example","https://login.example.org/"]"#]) == .tokenRejected)
    }

    @Test("an issuer that begins with ours, or that ours begins with, is rejected")
    func issuerPrefix() async throws {
        #expect(try await Self.rejection(["iss": #""https://login.example.org/x""#]) == .tokenRejected)
        #expect(try await Self.rejection(["iss": #""https://login.example.org/.attacker.example""#]) == .tokenRejected)
        #expect(try await Self.rejection(["iss": #""https://login.example""#]) == .tokenRejected)
        #expect(try await Self.rejection(["iss": #""""#]) == .tokenRejected)
    }

    @Test("an issuer with another trailing slash is rejected")
    func issuerSlash() async throws {
        #expect(try await Self.rejection(["iss": #""https://login.example.org""#]) == .tokenRejected)
        #expect(try await Self.rejection(["iss": #""https://login.example.org//""#]) == .tokenRejected)
    }

    @Test("an issuer in another case is rejected")
    func issuerCase() async throws {
        #expect(try await Self.rejection(["iss": #""https://Login.example.org/""#]) == .tokenRejected)
        #expect(try await Self.rejection(["iss": #""HTTPS://login.example.org/""#]) == .tokenRejected)
    }

    @Test("an issuer that is canonically equivalent to ours is rejected")
    func issuerEquivalent() async throws {
        var settings = Sample.settings()
        settings.issuer = "https://login.example.org/\u{e9}"
        #expect(try await Self.rejection(["iss": #""https://login.example.org/e\u0301""#], settings) == .tokenRejected)
        #expect(try await Self.rejection(["iss": #""https://login.example.org/\u00e9""#], settings) == nil)
    }

    @Test("an absent or mistyped issuer is rejected", arguments: [nil, "null", "1", "true", "{}"])
    func issuerType(text: String?) async throws {
        #expect(try await Self.rejection(["iss": text]) == .tokenRejected)
    }

    // MARK: - Audience

    @Test("an absent audience is rejected")
    func audienceAbsent() async throws {
        #expect(try await Self.rejection(["aud": nil]) == .wrongApplication)
    }

    @Test("an empty audience is rejected", arguments: ["[]", #""""#, #"[""]"#])
    func audienceEmpty(text: String) async throws {
        #expect(try await Self.rejection(["aud": text]) == .wrongApplication)
    }

    @Test("a number as the audience is rejected", arguments: ["1", "1.5", "[1]", #"["orders-api",1]"#])
    func audienceNumber(text: String) async throws {
        #expect(try await Self.rejection(["aud": text]) == .tokenRejected)
    }

    @Test(
        "an object as the audience is rejected",
        arguments: [#"{"orders-api":true}"#, #"{"0":"orders-api"}"#, #"[{"aud":"orders-api"}]"#])
    func audienceObject(text: String) async throws {
        #expect(try await Self.rejection(["aud": text]) == .tokenRejected)
    }

    @Test("null, true or nested lists as the audience are rejected", arguments: ["null", "true", #"[["orders-api"]]"#, "[null]"])
    func audienceType(text: String) async throws {
        #expect(try await Self.rejection(["aud": text]) == .tokenRejected)
    }

    @Test("our audience as the last of a list is found")
    func audienceLast() async throws {
        #expect(try await Self.rejection(["aud": #"["a","b","c","orders-api"]"#]) == nil)
    }

    @Test("an audience that begins with ours, or that ours begins with, is rejected")
    func audiencePrefix() async throws {
        for audience in ["orders", "orders-api2", "orders-api ", "Orders-API", "orders-api\\u0000", "orders-api,x", "xorders-api"] {
            #expect(try await Self.rejection(["aud": "\"\(audience)\""]) == .wrongApplication)
            #expect(try await Self.rejection(["aud": "[\"x\",\"\(audience)\"]"]) == .wrongApplication)
        }
    }

    // MARK: - Times

    @Test("an absent end is rejected")
    func endAbsent() async throws {
        #expect(try await Self.rejection(["exp": nil]) == .tokenRejected)
    }

    @Test("a negative end is rejected", arguments: ["-1", "-0.5", "-9223372036854775808", "-1e300"])
    func endNegative(text: String) async throws {
        #expect(try await Self.rejection(["exp": text]) == .tokenRejected)
    }

    @Test(
        "an end of 1e308 is rejected", arguments: ["1e308", "1e19", "9223372036854775807", "9223372036854775808", "253402300800"])
    func endFar(text: String) async throws {
        #expect(try await Self.rejection(["exp": text]) == .tokenRejected)
    }

    @Test("an infinite end is rejected", arguments: ["1e999", "1e309", "-1e999"])
    func endInfinite(text: String) async throws {
        #expect(try await Self.rejection(["exp": text]) == .tokenRejected)
    }

    @Test("an end that is a text is rejected", arguments: [#""1600000000""#, #""never""#, #""""#])
    func endText(text: String) async throws {
        #expect(try await Self.rejection(["exp": text]) == .tokenRejected)
    }

    @Test("an end of null, true or a list is rejected", arguments: ["null", "true", "[1600000000]", "{}"])
    func endNull(text: String) async throws {
        #expect(try await Self.rejection(["exp": text]) == .tokenRejected)
    }

    @Test("the end has no tolerance")
    func endPassed() async throws {
        #expect(try await Self.rejection(["exp": "\(Sample.now)"]) == .tokenRejected)
        #expect(try await Self.rejection(["exp": "\(Sample.now).0"]) == .tokenRejected)
        #expect(try await Self.rejection(["exp": "\(Sample.now - 1)"]) == .tokenRejected)
        #expect(try await Self.rejection(["exp": "\(Sample.now).001"]) == nil)
        #expect(try await Self.rejection(["exp": "\(Sample.now + 1)"]) == nil)
        #expect(try await Self.rejection(["exp": "1.6e9"]) == nil)
    }

    @Test("nbf in the future is rejected, beyond the tolerance")
    func notBefore() async throws {
        #expect(try await Self.rejection(["nbf": "\(Sample.now + 31)"]) == .tokenRejected)
        #expect(try await Self.rejection(["nbf": "\(Sample.now + 30)"]) == nil)
        #expect(try await Self.rejection(["nbf": "1e999"]) == .tokenRejected)
        #expect(try await Self.rejection(["nbf": "null"]) == .tokenRejected)
        #expect(try await Self.rejection(["nbf": #""0""#]) == .tokenRejected)
        #expect(try await Self.rejection(["nbf": "0"]) == nil)
    }

    @Test("iat in the future is rejected, beyond the tolerance")
    func issuedAt() async throws {
        #expect(try await Self.rejection(["iat": "\(Sample.now + 31)"]) == .tokenRejected)
        #expect(try await Self.rejection(["iat": "\(Sample.now + 30)"]) == nil)
        #expect(try await Self.rejection(["iat": "true"]) == .tokenRejected)
        #expect(try await Self.rejection(["iat": nil]) == nil)
    }

    // MARK: - Account

    @Test(
        "a token without an account is rejected", arguments: [nil, "null", #""""#, "1", #"["user-1"]"#, #""a\u0000b""#, #""a\nb""#])
    func subject(text: String?) async throws {
        #expect(try await Self.rejection(["sub": text]) == .tokenRejected)
    }

    @Test("an account id has at most 256 bytes")
    func longSubject() async throws {
        #expect(try await Self.rejection(["sub": "\"\(String(repeating: "s", count: 257))\""]) == .tokenRejected)
        #expect(try await Self.rejection(["sub": "\"\(String(repeating: "s", count: 256))\""]) == nil)
    }

    @Test("a token that can't be valid causes no fetch of keys")
    func noFetch() async throws {
        let scene = try Scene()
        for changes in [["exp": "1"], ["iss": #""x""#], ["aud": #""x""#], ["sub": nil]] as [[String: String?]] {
            _ = try await scene.rejection(of: Sample.token(claims: Sample.claims(changes), id: "unknown"))
        }
        #expect(scene.issuer.requests.isEmpty)
    }
}
