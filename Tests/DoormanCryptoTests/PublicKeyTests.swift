import DoormanCrypto
import TestKit
import Testing

@Suite("Public keys")
struct PublicKeyTests {
    /// The second test of RFC 8032, section 7.1: a message of one byte.
    private static let ed25519 = bytes(hexadecimal: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    private static let signature = bytes(
        hexadecimal:
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )

    private static func isValid(
        _ signature: [UInt8], of message: [UInt8], under key: PublicKey, _ algorithm: SignatureAlgorithm = .edDSA
    ) -> Bool {
        key.verify(signature.span, of: message.span, with: algorithm)
    }

    @Test("only the message that was signed verifies")
    func published() throws {
        let key = try PublicKey(ed25519: Self.ed25519)
        #expect(Self.isValid(Self.signature, of: [0x72], under: key))
        #expect(!Self.isValid(Self.signature, of: [0x73], under: key))
        #expect(!Self.isValid(Self.signature, of: [], under: key))
        for index in Self.signature.indices {
            var changed = Self.signature
            changed[index] ^= 1
            #expect(!Self.isValid(changed, of: [0x72], under: key))
        }
        #expect(!Self.isValid([], of: [0x72], under: key))
    }

    @Test("an algorithm that is impossible for a key verifies nothing", arguments: SignatureAlgorithm.allCases)
    func impossible(_ algorithm: SignatureAlgorithm) throws {
        let key = try PublicKey(ed25519: Self.ed25519)
        #expect(Self.isValid(Self.signature, of: [0x72], under: key, algorithm) == (algorithm == .edDSA))
    }

    @Test("each algorithm is possible for exactly one type of key")
    func algorithms() {
        let kinds: [PublicKeyKind] = [.rsa, .ed25519] + EllipticCurve.allCases.map(PublicKeyKind.ellipticCurve)
        let algorithms = kinds.flatMap(\.algorithms)
        #expect(Set(algorithms) == Set(SignatureAlgorithm.allCases))
        #expect(algorithms.count == SignatureAlgorithm.allCases.count)
    }

    @Test("several threads can use one key")
    func threads() async throws {
        let key = try PublicKey(ed25519: Self.ed25519)
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<200).allSatisfy { index in
                        Self.isValid(Self.signature, of: [UInt8(index % 2 == 0 ? 0x72 : 0)], under: key) == (index % 2 == 0)
                    }
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }

    @Test("equal keys have equal fingerprints")
    func fingerprints() throws {
        let one = try PublicKey(ed25519: Self.ed25519)
        let other = try PublicKey(ed25519: Array(Self.signature.prefix(32)))
        #expect(try one.fingerprint == PublicKey(ed25519: Self.ed25519).fingerprint)
        #expect(one.fingerprint != other.fingerprint)
        // Leading zeros are no other number.
        let modulus = [UInt8](repeating: 0xff, count: 256)
        let rsa = try PublicKey(rsaModulus: modulus, exponent: [1, 0, 1])
        #expect(try PublicKey(rsaModulus: [0] + modulus, exponent: [0, 0, 1, 0, 1]).fingerprint == rsa.fingerprint)
        #expect(try PublicKey(rsaModulus: modulus, exponent: [3]).fingerprint != rsa.fingerprint)
    }

    @Test(
        "an RSA modulus has 2048 to 8192 bits",
        arguments: [(255, 0x80, false), (256, 0x7f, false), (256, 0x80, true), (1024, 0xff, true), (1025, 1, false)])
    func rsaLength(count: Int, first: UInt8, isUsable: Bool) {
        let modulus = [first] + [UInt8](repeating: 0xff, count: count - 1)
        #expect(((try? PublicKey(rsaModulus: modulus, exponent: [1, 0, 1])) != nil) == isUsable)
    }

    @Test(
        "an RSA exponent is odd, and from 3 to 64 bits long",
        arguments: [
            ([], false), ([0], false), ([1], false), ([2], false), ([3], true), ([0, 1], false), ([1, 0, 0], false),
            ([1, 0, 1], true),
            ([UInt8](repeating: 0xff, count: 8), true), ([UInt8](repeating: 0xff, count: 9), false),
        ] as [([UInt8], Bool)])
    func rsaExponent(exponent: [UInt8], isUsable: Bool) {
        let modulus = [UInt8](repeating: 0xff, count: 256)
        #expect(((try? PublicKey(rsaModulus: modulus, exponent: exponent)) != nil) == isUsable)
    }

    @Test("all zeros, ones and other encodings of points of small order are rejected")
    func smallOrder() {
        let encodings = [
            "00", "01", "ec" + String(repeating: "ff", count: 30) + "7f", "ed" + String(repeating: "ff", count: 30) + "7f",
            "ee" + String(repeating: "ff", count: 30) + "7f", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        ]
        for text in encodings {
            var key = bytes(hexadecimal: text)
            key += Array(repeating: 0, count: 32 - key.count)
            #expect(throws: PublicKey.Unusable.smallOrder) { try PublicKey(ed25519: key) }
            key[31] |= 0x80
            #expect(throws: PublicKey.Unusable.smallOrder) { try PublicKey(ed25519: key) }
        }
    }

    @Test("a description has the type only")
    func description() throws {
        #expect("\(try PublicKey(ed25519: Self.ed25519))" == "PublicKey(ed25519)")
    }
}
