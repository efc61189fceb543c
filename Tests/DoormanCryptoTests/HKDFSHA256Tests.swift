import DoormanCrypto
import StrictJSON
import TestKit
import Testing

@Suite("HKDF-SHA-256")
struct HKDFSHA256Tests {
    struct Vector: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let secret: [UInt8]
        var salt: [UInt8] = []
        var purpose: [UInt8] = []
        let derived: String
    }

    /// The test cases of RFC 5869, appendix A, with SHA-256.
    static let vectors = [
        Vector(
            testDescription: "A.1", secret: Array(repeating: 0x0b, count: 22), salt: Array(0...0x0c), purpose: Array(0xf0...0xf9),
            derived: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"),
        Vector(
            testDescription: "A.2, longer texts", secret: Array(0...0x4f), salt: Array(0x60...0xaf), purpose: Array(0xb0...0xff),
            derived: "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
                + "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"),
        Vector(
            testDescription: "A.3, neither salt nor purpose", secret: Array(repeating: 0x0b, count: 22),
            derived: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"),
    ]

    @Test("the derived bytes are the published ones", arguments: vectors)
    func publishedVector(_ vector: Vector) {
        let derived = bytes(hexadecimal: vector.derived)
        #expect(HKDFSHA256(secret: vector.secret, salt: vector.salt).bytes(derived.count, for: vector.purpose) == derived)
    }

    @Test("fewer bytes are the beginning of more bytes", arguments: [0, 1, 31, 32, 33, 64, 65])
    func prefix(_ count: Int) {
        let derivation = HKDFSHA256(secret: [1], salt: [2])
        let whole = derivation.bytes(HKDFSHA256.maximumCount, for: [3])
        #expect(whole.count == 8160)
        #expect(derivation.bytes(count, for: [3]) == Array(whole.prefix(count)))
    }

    @Test(
        "Wycheproof agrees",
        .enabled(if: WycheproofFiles.arePresent, "the files of Wycheproof are not in ../shared/vectors/wycheproof"))
    func wycheproof() throws {
        var valid = 0
        for (_, test) in try WycheproofFiles.tests("hkdf_sha256_test.json") {
            let count = try #require(Int(test["size"]?.text ?? ""))
            guard test["result"]?.string == "valid" else {
                #expect(count > HKDFSHA256.maximumCount)
                continue
            }
            valid += 1
            let derivation = HKDFSHA256(secret: try test.bytes("ikm"), salt: try test.bytes("salt"))
            #expect(try derivation.bytes(count, for: test.bytes("info")) == test.bytes("okm"), "test \(test["tcId"]?.text ?? "")")
        }
        #expect(valid > 80)
    }
}

extension [String: JSONValue] {
    /// Returns the bytes of a member in hexadecimal digits.
    func bytes(_ name: String) throws -> [UInt8] {
        TestKit.bytes(hexadecimal: try #require(self[name]?.string))
    }
}
