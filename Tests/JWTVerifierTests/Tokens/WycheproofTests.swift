import CompactTokens
import DoormanCore
import DoormanCrypto
import StrictJSON
import TestKit
import Testing

@testable import JWTVerifier

/// The files of C2SP/wycheproof, where they are beside the package.
@Suite("Wycheproof", .enabled(if: WycheproofFiles.arePresent, "the files of Wycheproof are not in ../shared/vectors/wycheproof"))
struct WycheproofTests {
    /// Calls a function with each test of a file and its group. Returns the number of tests.
    private static func tests(_ file: String, _ check: (_ group: [String: JSONValue], _ test: [String: JSONValue]) throws -> Void)
        throws -> Int
    {
        let tests = try WycheproofFiles.tests(file)
        for (group, test) in tests { try check(group, test) }
        return tests.count
    }

    private static func isValid(
        _ test: [String: JSONValue], under key: PublicKey, _ algorithm: SignatureAlgorithm
    ) throws -> Bool {
        let message = bytes(hexadecimal: try #require(test["msg"]?.string))
        let signature = bytes(hexadecimal: try #require(test["sig"]?.string))
        return key.verify(signature.span, of: message.span, with: algorithm)
    }

    private static func name(_ file: String, _ test: [String: JSONValue]) -> Comment {
        "\(file) \(test["tcId"]?.text ?? ""): \(test["comment"]?.string ?? "")"
    }

    @Test(
        "ECDSA with r and s of exact length",
        arguments: [
            ("ecdsa_secp256r1_sha256_p1363_test.json", .p256, .es256), ("ecdsa_secp384r1_sha384_p1363_test.json", .p384, .es384),
            ("ecdsa_secp521r1_sha512_p1363_test.json", .p521, .es512),
        ] as [(String, EllipticCurve, SignatureAlgorithm)])
    func ecdsa(file: String, curve: EllipticCurve, algorithm: SignatureAlgorithm) throws {
        let count = try Self.tests(file) { group, test in
            let point = bytes(hexadecimal: group["publicKey"]?.object?["uncompressed"]?.string ?? "").dropFirst()
            let key = try PublicKey(
                curve, x: Array(point.prefix(curve.coordinateBytes)), y: Array(point.suffix(curve.coordinateBytes)))
            #expect(try Self.isValid(test, under: key, algorithm) == (test["result"]?.string == "valid"), Self.name(file, test))
        }
        #expect(count > 200)
    }

    @Test("Ed25519")
    func ed25519() throws {
        let file = "ed25519_test.json"
        let count = try Self.tests(file) { group, test in
            let key = try PublicKey(ed25519: bytes(hexadecimal: group["publicKey"]?.object?["pk"]?.string ?? ""))
            #expect(try Self.isValid(test, under: key, .edDSA) == (test["result"]?.string == "valid"), Self.name(file, test))
        }
        #expect(count == 151)
    }

    /// The cases that Wycheproof leaves open. They lack the NULL of the hash algorithm's parameters (RFC 8017, appendix A.2.4), which
    /// OpenSSL demands as part of the one encoding that it compares with. So all are invalid here.
    @Test(
        "RSASSA-PKCS1-v1_5",
        arguments: [
            ("rsa_signature_2048_sha256_test.json", .rs256), ("rsa_signature_3072_sha384_test.json", .rs384),
            ("rsa_signature_4096_sha512_test.json", .rs512),
        ] as [(String, SignatureAlgorithm)])
    func rsa(file: String, algorithm: SignatureAlgorithm) throws {
        var open = 0
        let count = try Self.tests(file) { group, test in
            let key = try Self.rsaKey(group)
            if test["result"]?.string == "acceptable" { open += 1 }
            #expect(try Self.isValid(test, under: key, algorithm) == (test["result"]?.string == "valid"), Self.name(file, test))
        }
        #expect(count > 200)
        #expect(open <= 3)
    }

    @Test(
        "RSASSA-PSS with a salt as long as the hash",
        arguments: [
            ("rsa_pss_2048_sha256_mgf1_32_test.json", .ps256), ("rsa_pss_4096_sha512_mgf1_64_test.json", .ps512),
        ] as [(String, SignatureAlgorithm)])
    func pss(file: String, algorithm: SignatureAlgorithm) throws {
        let count = try Self.tests(file) { group, test in
            let key = try Self.rsaKey(group)
            #expect(try Self.isValid(test, under: key, algorithm) == (test["result"]?.string == "valid"), Self.name(file, test))
        }
        #expect(count > 100)
    }

    private static func rsaKey(_ group: [String: JSONValue]) throws -> PublicKey {
        let members = group["publicKey"]?.object ?? group["privateKey"]?.object ?? group["publicKeyJwk"]?.object ?? [:]
        return try PublicKey(
            rsaModulus: bytes(hexadecimal: try #require(members["modulus"]?.string)),
            exponent: bytes(hexadecimal: try #require(members["publicExponent"]?.string)))
    }

    /// Whether the signature of a token is valid under a key, or a key of a set. Claims are not read.
    private static func isValid(_ token: String, underKeys value: JSONValue) -> Bool {
        let isSet = value.object?["keys"] != nil
        let text = isSet ? value.text : JSONValue.object(["keys": .array([value])]).text
        let bytes = Array(token.utf8)
        guard let set = try? KeySet(Array(text.utf8)), let parts = try? CompactParts(bytes, maximumBytes: 1 << 20),
            let header = Base64URLDecoder.decode(bytes.span.extracting(parts.header)).flatMap({ try? TokenHeader($0) }),
            let signature = Base64URLDecoder.decode(bytes.span.extracting(parts.signature))
        else { return false }
        let candidates = if let id = header.keyID { set.keys(withID: id) } else { set.keys.count == 1 ? set.keys : [] }
        return candidates.contains { key in
            key.algorithms.contains(header.algorithm)
                && key.publicKey.verify(signature.span, of: bytes.span.extracting(parts.signed), with: header.algorithm)
        }
    }

    /// Valid tokens that are rejected here by choice: an empty payload, which has no claims, and the RFC's figure 20, whose algorithm is
    /// not the one that its key is for.
    private static let rejectedByChoice: Set<String?> = ["emptyPayload", "Figure20"]

    /// Tokens and keys. Rejected by choice are also all tokens with a shared secret (`oct`), and those whose key names an algorithm that does
    /// not exist (`ES521`).
    @Test(
        "JSON Web Signatures and Keys",
        arguments: [
            ("json_web_signature_test.json", 401), ("json_web_crypto_test.json", 83), ("json_web_key_test.json", 26),
        ])
    func tokens(file: String, total: Int) throws {
        let count = try Self.tests(file) { group, test in
            let key = try #require(group["public"] ?? group["private"])
            guard let token = test["jws"]?.string else {
                // The files have tests of encryption, too. No encrypted token has the form of a signed one.
                let encrypted = Array((test["jwe"]?.string ?? test["jwe"]?.text ?? "").utf8)
                #expect(throws: RejectedToken.self) { try CompactParts(encrypted, maximumBytes: 1 << 20) }
                return
            }
            let isUnsupported =
                key.text.contains(#""kty":"oct""#) || key.text.contains(#""ES521""#)
                || Self.rejectedByChoice.contains(test["comment"]?.string)
            let expected = test["result"]?.string == "valid" && !isUnsupported
            #expect(Self.isValid(token, underKeys: key) == expected, Self.name(file, test))
        }
        #expect(count == total)
    }
}
