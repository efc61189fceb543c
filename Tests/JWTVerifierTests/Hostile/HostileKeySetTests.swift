import DoormanCore
import DoormanCrypto
import NIOConcurrencyHelpers
import ProviderHTTP
import Testing

@testable import JWTVerifier

/// Key sets that are broken, or that an attacker has written.
@Suite("Hostile key sets")
struct HostileKeySetTests {
    /// Verifies a good token with a set that has a bad key beside the good one.
    private static func skipped(_ bad: String) async throws -> [SkippedKeyReason] {
        let set = Sample.keySet([bad, try TestKey.rsa.get().jwk("rsa-1")])
        #expect(try await Scene(keySet: set).rejection(of: Sample.token()) == nil, "the good key is used")
        return try KeySet(Array(set.utf8)).skipped.map(\.reason)
    }

    private static func modulus(_ change: (inout [UInt8]) -> Void) throws -> String {
        var modulus = try #require(try TestKey.rsa.get().members()["n"])
        change(&modulus)
        return "\"\(base64URL(modulus))\""
    }

    @Test("an RSA key of 512 or 1024 bits is skipped", arguments: [512, 1024] as [UInt32])
    func shortRSA(bits: UInt32) async throws {
        let key = try TestKey(.rsa(bits: bits))
        #expect(try await Self.skipped(key.jwk("short")) == [.unusable(.rsaLength(bits: Int(bits)))])
        let scene = try Scene(keySet: Sample.keySet([key.jwk("short"), TestKey.p256.get().jwk("p256-1")]))
        #expect(try await scene.rejection(of: Sample.token(key: key, id: "short")) == .tokenRejected)
    }

    @Test("an RSA key of more than 8192 bits is skipped")
    func longRSA() async throws {
        let key = try TestKey.rsa.get().jwk("long", ["n": Self.modulus { $0 = Array(repeating: 0xff, count: 1025) }])
        #expect(try await Self.skipped(key) == [.unusable(.rsaLength(bits: 8200))])
    }

    @Test("an RSA key with the exponent 1 is skipped", arguments: ["AQ", "AAAB", "Ag", "AA", "AQAC"])
    func exponent(text: String) async throws {
        let key = try TestKey.rsa.get().jwk("e", ["e": "\"\(text)\""])
        #expect(try await Self.skipped(key) == [.unusable(.exponent)])
        // Under e = 1 each text is its own signature.
        let scene = try Scene(keySet: Sample.keySet([key, TestKey.p256.get().jwk("p256-1")]))
        #expect(try await scene.rejection(of: Sample.token(id: "e")) == .tokenRejected)
    }

    @Test("an RSA key with a long exponent is skipped")
    func longExponent() async throws {
        let exponent = base64URL([1] + Array(repeating: 0xff, count: 8))
        #expect(try await Self.skipped(TestKey.rsa.get().jwk("e", ["e": "\"\(exponent)\""])) == [.unusable(.exponent)])
    }

    @Test("an RSA key with an even modulus is skipped")
    func evenModulus() async throws {
        let key = try TestKey.rsa.get().jwk("even", ["n": Self.modulus { $0[$0.count - 1] &= 0xfe }])
        #expect(try await Self.skipped(key) == [.unusable(.evenModulus)])
    }

    @Test("a key with use enc is skipped")
    func encryptionKey() async throws {
        #expect(try await Self.skipped(TestKey.p256.get().jwk("enc", ["use": #""enc""#])) == [.otherUse])
        let scene = try Scene(
            keySet: Sample.keySet([TestKey.rsa.get().jwk("rsa-1", ["use": #""enc""#]), TestKey.p256.get().jwk("x")]))
        #expect(try await scene.rejection(of: Sample.token()) == .tokenRejected)
        #expect(try await Self.skipped(TestKey.p256.get().jwk("enc", ["use": #"["sig"]"#])) == [.otherUse])
    }

    @Test("a key whose operations lack verify is skipped", arguments: [#"["encrypt"]"#, #"["sign"]"#, "[]", #""verify""#, "null"])
    func operations(text: String) async throws {
        #expect(try await Self.skipped(TestKey.p256.get().jwk("ops", ["key_ops": text])) == [.otherUse])
    }

    @Test(
        "a key for another algorithm is skipped",
        arguments: [#""RSA-OAEP""#, #""HS256""#, #""ES384""#, #""RS256""#, #""none""#, "1", "null"])
    func otherAlgorithm(text: String) async throws {
        #expect(try await Self.skipped(TestKey.p256.get().jwk("alg", ["alg": text])) == [.unsupportedAlgorithm])
    }

    @Test("a shared secret (oct) is skipped, and verifies nothing")
    func sharedSecret() async throws {
        let secret = Array("0123456789abcdef0123456789abcdef".utf8)
        let key = #"{"kty":"oct","kid":"secret","alg":"HS256","k":"\#(base64URL(secret))"}"#
        #expect(try await Self.skipped(key) == [.sharedSecret])
        let scene = try Scene(keySet: Sample.keySet([key, TestKey.p256.get().jwk("p256-1")]))
        #expect(
            try await scene.rejection(of: Sample.symmetric(secret, header: #"{"alg":"HS256","kid":"secret"}"#)) == .tokenRejected)
    }

    @Test("a set of nothing but shared secrets has no keys")
    func onlySecrets() async throws {
        let scene = try Scene(keySet: Sample.keySet([#"{"kty":"oct","kid":"rsa-1","k":"AAAA"}"#]))
        await #expect(throws: VerificationError.self) { try await scene.verify(Sample.token()) }
    }

    @Test("a key with its private part is skipped", arguments: ["d", "p", "q", "dp", "dq", "qi", "oth"])
    func privateKey(member: String) async throws {
        #expect(try await Self.skipped(TestKey.otherRSA.get().jwk("leaked", [member: #""AQAB""#])) == [.privateKey])
        if member == "d" {
            #expect(try await Self.skipped(TestKey.p256.get().jwk("leaked", ["d": #""AQAB""#])) == [.privateKey])
            #expect(try await Self.skipped(TestKey.ed25519.get().jwk("leaked", ["d": #""AQAB""#])) == [.privateKey])
        }
    }

    @Test("an unknown type or curve is skipped")
    func unknownType() async throws {
        let p256 = try TestKey.p256.get()
        let ed25519 = try TestKey.ed25519.get()
        for key in [
            try p256.jwk("x", ["kty": #""AKP""#]), try p256.jwk("x", ["crv": #""secp256k1""#]), try p256.jwk("x", ["crv": "null"]),
            try ed25519.jwk("x", ["crv": #""X25519""#]), try ed25519.jwk("x", ["crv": #""Ed448""#]), #"{}"#,
            try p256.jwk("x", ["kty": "1"]),
        ] {
            #expect(try await Self.skipped(key) == [.unsupportedType])
        }
    }

    @Test("a point that is not on its curve is skipped")
    func offCurve() async throws {
        let (p256, p384) = (try TestKey.p256.get(), try TestKey.p384.get())
        let zeros = "\"\(base64URL([UInt8](repeating: 0, count: 32)))\""
        let ones = "\"\(base64URL([UInt8](repeating: 0xff, count: 32)))\""
        #expect(try await Self.skipped(p256.jwk("x", ["x": zeros, "y": zeros])) == [.unusable(.notOnCurve)])
        #expect(try await Self.skipped(p256.jwk("x", ["y": zeros])) == [.unusable(.notOnCurve)])
        #expect(try await Self.skipped(p256.jwk("x", ["x": ones])) == [.unusable(.notOnCurve)])
        #expect(try await Self.skipped(p384.jwk("x", ["crv": #""P-256""#])) == [.unusable(.length)])
        #expect(try await Self.skipped(p256.jwk("x", ["crv": #""P-384""#])) == [.unusable(.length)])
    }

    @Test("coordinates of another length are skipped")
    func coordinates() async throws {
        let key = try TestKey.p256.get()
        let x = try #require(try key.members()["x"])
        for other in [Array(x.dropLast()), [0] + x, x + [0]] {
            #expect(try await Self.skipped(key.jwk("x", ["x": "\"\(base64URL(other))\""])) == [.unusable(.length)])
        }
        let ed25519 = try TestKey.ed25519.get()
        #expect(try await Self.skipped(ed25519.jwk("x", ["x": #""AAAA""#])) == [.unusable(.length)])
    }

    @Test("an Ed25519 point of small order is skipped")
    func smallOrder() async throws {
        for bytes in [
            [UInt8](repeating: 0, count: 32), [1] + [UInt8](repeating: 0, count: 31),
            [1] + [UInt8](repeating: 0, count: 30) + [0x80],
        ] {
            let key = try TestKey.ed25519.get().jwk("x", ["x": "\"\(base64URL(bytes))\""])
            #expect(try await Self.skipped(key) == [.unusable(.smallOrder)])
        }
    }

    @Test(
        "numbers that are missing or not base64url are skipped",
        arguments: ["null", "1", #""""#, #""AQAB=""#, #""AQ+B""#, #""AQA B""#, #""A""#])
    func numbers(text: String) async throws {
        #expect(try await Self.skipped(TestKey.rsa.get().jwk("x", ["e": text])) == [.invalidMember])
        #expect(try await Self.skipped(TestKey.p256.get().jwk("x", ["y": text])) == [.invalidMember])
    }

    @Test("an element that is not an object is skipped", arguments: ["null", "1", "[]", "\"key\""])
    func element(text: String) async throws {
        #expect(try await Self.skipped(text) == [.notAnObject])
    }

    @Test(
        "a key id that is not a text, or too long, is skipped",
        arguments: ["1", "null", "[]", #""""#, "\"\(String(repeating: "k", count: 257))\""])
    func keyID(text: String) async throws {
        #expect(try await Self.skipped(TestKey.p256.get().jwk(nil, ["kid": text])) == [.invalidID])
    }

    @Test("two keys with the same id are both tried")
    func repeatedID() async throws {
        let (one, two) = (try TestKey.rsa.get(), try TestKey.otherRSA.get())
        let set = Sample.keySet([try one.jwk("same"), try two.jwk("same"), try TestKey.p256.get().jwk("same")])
        let scene = try Scene(keySet: set)
        #expect(try await scene.rejection(of: Sample.token(key: one, id: "same")) == nil)
        #expect(try await scene.rejection(of: Sample.token(key: two, id: "same")) == nil)
        #expect(try await scene.rejection(of: Sample.token(key: TestKey.p256.get(), algorithm: .es256, id: "same")) == nil)
        #expect(
            try await scene.rejection(of: Sample.token(key: TestKey.ed25519.get(), algorithm: .edDSA, id: "same")) == .tokenRejected
        )
    }

    @Test("the same key twice counts once, and a fifth key with the same id is skipped")
    func manyWithOneID() throws {
        let twice = try KeySet(Array(Sample.keySet([TestKey.rsa.get().jwk("a"), TestKey.rsa.get().jwk("a")]).utf8))
        #expect(twice.keys.count == 1 && twice.skipped.isEmpty)
        let keys = try (0..<6).map { _ in try TestKey(.ed25519).jwk("a") }
        let many = try KeySet(Array(Sample.keySet(keys).utf8))
        #expect(many.keys.count == 4)
        #expect(many.skipped.map(\.reason) == [.repeatedID, .repeatedID])
    }

    @Test("10,000 keys are refused as a whole, and the last good set stays")
    func tooManyKeys() async throws {
        let small = Array(repeating: #"{"kty":"oct"}"#, count: 10_000)
        #expect(throws: KeyFetchFailure.tooManyKeys) { try KeySet(Array(Sample.keySet(small).utf8)) }
        let long = try Array(repeating: TestKey.rsa.get().jwk("k"), count: 10_000)
        #expect(throws: KeyFetchFailure.tooLong) { try KeySet(Array(Sample.keySet(long).utf8)) }
        let scene = try Scene()
        #expect(try await scene.rejection(of: Sample.token()) == nil)
        scene.issuer.publish(Sample.keySet(small))
        scene.clock.advance(by: .seconds(31))
        await #expect(throws: VerificationError.self) { try await scene.verify(Sample.token(id: "new")) }
        #expect(try await scene.rejection(of: Sample.token()) == nil)
    }

    @Test("a set has at most 100 keys")
    func hundredKeys() throws {
        let key = #"{"kty":"oct"}"#
        #expect(try KeySet(Array(Sample.keySet(Array(repeating: key, count: 100)).utf8)).skipped.count == 100)
        #expect(throws: KeyFetchFailure.tooManyKeys) { try KeySet(Array(Sample.keySet(Array(repeating: key, count: 101)).utf8)) }
    }

    @Test(
        "text that is not a key set is refused",
        arguments: [
            "", "[]", "null", "1", "{", #"{"keys":{}}"#, #"{"keys":null}"#, #"{"keys":[],"keys":[]}"#, #"{"a":1}"#,
            #"{"error":{"message":"x"}}"#,
        ])
    func notASet(text: String) {
        #expect(throws: KeyFetchFailure.self) { try KeySet(Array(text.utf8)) }
    }

    @Test("HTML with status 200 is a failure, and rejects no token")
    func html() async throws {
        let scene = try Scene(keySet: "<!DOCTYPE html><html><body>Sign in</body></html>")
        let error = await #expect(throws: VerificationError.self) { try await scene.verify(Sample.token()) }
        #expect(error?.code == .providerUnavailable)
        #expect(scene.events.withLockedValue { $0 } == [.fetchFailed(.notJSON, keysUsableFor: nil)])
    }

    @Test("a redirect to a metadata address is not followed", arguments: [301, 302, 303, 307, 308])
    func redirect(status: Int) async throws {
        let scene = try Scene()
        let target = "http://169.254.169.254/latest/meta-data/"
        scene.issuer.publish("", status: status, headers: ["Location": target])
        scene.issuer.publish(try Sample.keySet(), at: target)
        await #expect(throws: VerificationError.self) { try await scene.verify(Sample.token()) }
        #expect(scene.issuer.requests == [Sample.keysURL])
        #expect(scene.events.withLockedValue { $0 } == [.fetchFailed(.redirect(status), keysUsableFor: nil)])
    }

    @Test("a set of more than 256 KiB is refused")
    func tooLong() async throws {
        let padding = String(repeating: " ", count: 256 << 10)
        let scene = try Scene(keySet: Sample.keySet() + padding)
        await #expect(throws: VerificationError.self) { try await scene.verify(Sample.token()) }
        #expect(scene.events.withLockedValue { $0 } == [.fetchFailed(.tooLong, keysUsableFor: nil)])
    }

    @Test("no failure and no reason contains anything from the issuer")
    func messages() throws {
        let planted = "planted-by-the-issuer"
        let set = Sample.keySet([
            try TestKey.p256.get().jwk(planted, ["crv": "\"\(planted)\""]),
            try TestKey.p256.get().jwk(planted, ["alg": "\"\(planted)\""]),
            try TestKey.p256.get().jwk(planted, ["use": "\"\(planted)\""]), "\"\(planted)\"",
        ])
        let skipped = try KeySet(Array(set.utf8)).skipped
        #expect(skipped.count == 4)
        let failures: [KeyFetchFailure] = [.noUsableKeys(skipped: skipped), .notJSON, .otherIssuer, .status(500), .redirect(302)]
        for text in skipped.map(\.description) + failures.map(\.description) { #expect(!text.contains(planted)) }
    }
}
