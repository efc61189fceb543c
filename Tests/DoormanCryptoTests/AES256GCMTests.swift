import DoormanCrypto
import TestKit
import Testing

@Suite("AES-256-GCM")
struct AES256GCMTests {
    struct Vector: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let key: String
        let nonce: String
        let message: String
        let associatedData: String
        let sealed: String
    }

    private static let key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
    private static let nonce = "cafebabefacedbaddecaf888"
    private static let message =
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    private static let ciphertext =
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
    private static let zeros = String(repeating: "0", count: 64)

    /// Test cases of McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B.
    static let vectors = [
        Vector(
            testDescription: "13, an empty message", key: zeros, nonce: String(zeros.prefix(24)), message: "", associatedData: "",
            sealed: "530f8afbc74536b9a963b4f1c4cb738b"),
        Vector(
            testDescription: "14, a block of zeros", key: zeros, nonce: String(zeros.prefix(24)), message: String(zeros.prefix(32)),
            associatedData: "", sealed: "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"),
        Vector(
            testDescription: "16, associated data", key: key, nonce: nonce, message: message,
            associatedData: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            sealed: ciphertext + "76fc6ece0f4e1768cddf8853bb2d551b"),
    ]

    @Test("a published message has the published ciphertext", arguments: vectors)
    func sealing(_ vector: Vector) throws {
        let cipher = AES256GCM(key: bytes(hexadecimal: vector.key))
        let sealed = try cipher.seal(
            bytes(hexadecimal: vector.message), nonce: bytes(hexadecimal: vector.nonce),
            authenticating: bytes(hexadecimal: vector.associatedData))
        #expect(sealed == bytes(hexadecimal: vector.sealed))
    }

    @Test("a published ciphertext opens", arguments: vectors)
    func opening(_ vector: Vector) throws {
        let cipher = AES256GCM(key: bytes(hexadecimal: vector.key))
        let message = try cipher.open(
            bytes(hexadecimal: vector.sealed), nonce: bytes(hexadecimal: vector.nonce),
            authenticating: bytes(hexadecimal: vector.associatedData))
        #expect(message == bytes(hexadecimal: vector.message))
    }

    private static let cipher = AES256GCM(key: Array(0..<32))
    private static let someNonce = [UInt8](repeating: 7, count: 12)

    private static func isForged(_ sealed: [UInt8], cipher: AES256GCM = cipher, nonce: [UInt8] = someNonce, data: [UInt8] = [1, 2])
        -> Bool
    {
        do throws(AES256GCM.Failure) {
            _ = try cipher.open(sealed, nonce: nonce, authenticating: data)
            return false
        } catch {
            return error == .forged
        }
    }

    @Test("a message of any length comes back", arguments: [0, 1, 15, 16, 17, 1000, 65_536, AES256GCM.maximumCount])
    func roundTrip(_ count: Int) throws {
        let message = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        for data in [[], [1, 2], [UInt8](repeating: 5, count: 100)] {
            let sealed = try Self.cipher.seal(message, nonce: Self.someNonce, authenticating: data)
            #expect(sealed.count == count + AES256GCM.tagBytes)
            #expect(try Self.cipher.open(sealed, nonce: Self.someNonce, authenticating: data) == message)
        }
    }

    @Test("a ciphertext with a changed bit is forged")
    func changedBits() throws {
        let sealed = try Self.cipher.seal(Array("twenty bytes of text".utf8), nonce: Self.someNonce, authenticating: [1, 2])
        for index in sealed.indices {
            for bit in 0..<8 {
                var changed = sealed
                changed[index] ^= 1 << UInt8(bit)
                #expect(Self.isForged(changed))
            }
        }
    }

    @Test("a ciphertext that was cut at any length is forged")
    func truncated() throws {
        let sealed = try Self.cipher.seal(Array("twenty bytes of text".utf8), nonce: Self.someNonce, authenticating: [1, 2])
        for count in 0..<sealed.count {
            #expect(Self.isForged(Array(sealed.prefix(count))))
            #expect(Self.isForged(Array(sealed.suffix(count))))
        }
        #expect(Self.isForged(sealed + [0]))
    }

    @Test("a ciphertext under other associated data, another nonce or another key is forged")
    func otherContext() throws {
        let sealed = try Self.cipher.seal([1, 2, 3], nonce: Self.someNonce, authenticating: [1, 2])
        #expect(!Self.isForged(sealed))
        for data in [[], [1], [1, 2, 0], [2, 1]] as [[UInt8]] { #expect(Self.isForged(sealed, data: data)) }
        #expect(Self.isForged(sealed, nonce: [UInt8](repeating: 8, count: 12)))
        #expect(Self.isForged(sealed, cipher: AES256GCM(key: Array(1...32))))
    }

    @Test("a message beyond the limit is not sealed")
    func tooLong() {
        let long = [UInt8](repeating: 0, count: AES256GCM.maximumCount + 1)
        #expect(throws: AES256GCM.Failure.tooLong) { try Self.cipher.seal(long, nonce: Self.someNonce, authenticating: []) }
        #expect(throws: AES256GCM.Failure.tooLong) { try Self.cipher.seal([], nonce: Self.someNonce, authenticating: long) }
        #expect(throws: AES256GCM.Failure.tooLong) {
            try Self.cipher.open(long + [UInt8](repeating: 0, count: 16), nonce: Self.someNonce, authenticating: [])
        }
    }

    @Test(
        "Wycheproof agrees on each case with our lengths",
        .enabled(if: WycheproofFiles.arePresent, "the files of Wycheproof are not in ../shared/vectors/wycheproof"))
    func wycheproof() throws {
        var count = 0
        for (group, test) in try WycheproofFiles.tests("aes_gcm_test.json")
        where group["keySize"]?.text == "256" && group["ivSize"]?.text == "96" {
            count += 1
            let cipher = AES256GCM(key: try test.bytes("key"))
            let (nonce, data, message) = try (test.bytes("iv"), test.bytes("aad"), test.bytes("msg"))
            let sealed = try test.bytes("ct") + test.bytes("tag")
            if test["result"]?.string == "valid" {
                #expect(try cipher.seal(message, nonce: nonce, authenticating: data) == sealed)
                #expect(try cipher.open(sealed, nonce: nonce, authenticating: data) == message)
            } else {
                #expect(Self.isForged(sealed, cipher: cipher, nonce: nonce, data: data))
            }
        }
        #expect(count == 66)
    }
}
