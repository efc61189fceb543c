import DoormanCrypto
import Testing

@Suite("HMAC-SHA-256")
struct HMACSHA256Tests {
    struct Vector: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let key: [UInt8]
        let message: [UInt8]
        let code: String
    }

    /// The vectors of RFC 4231, sections 4.2 to 4.8 except 4.6, which truncates, and of the Account Kit contract, section 1.
    static let vectors = [
        Vector(
            testDescription: "4.2", key: Array(repeating: 0x0b, count: 20), message: Array("Hi There".utf8),
            code: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        Vector(
            testDescription: "4.3, a key shorter than the code", key: Array("Jefe".utf8),
            message: Array("what do ya want for nothing?".utf8),
            code: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        Vector(
            testDescription: "4.4", key: Array(repeating: 0xaa, count: 20), message: Array(repeating: 0xdd, count: 50),
            code: "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        Vector(
            testDescription: "4.5", key: Array(1...25), message: Array(repeating: 0xcd, count: 50),
            code: "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        Vector(
            testDescription: "4.7, a key longer than a block", key: Array(repeating: 0xaa, count: 131),
            message: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            code: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
        Vector(
            testDescription: "4.8, a long key and a long message", key: Array(repeating: 0xaa, count: 131),
            message: Array(
                ("This is a test using a larger than block-size key and a larger than block-size data. "
                    + "The key needs to be hashed before being used by the HMAC algorithm.").utf8),
            code: "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
        Vector(
            testDescription: "appsecret_proof", key: Array("0123456789abcdef0123456789abcdef".utf8),
            message: Array("EMAWtesttoken0001".utf8),
            code: "02ac911642fd387c6850a3c758fb1b7a7552543aa285341ce44f77318b84e704"),
    ]

    @Test("the codes are the published ones", arguments: vectors)
    func publishedVector(_ vector: Vector) {
        #expect(HMACSHA256(key: vector.key).authenticationCode(for: vector.message).hexadecimal == vector.code)
    }

    @Test("a second code of the same message is equal", arguments: vectors)
    func repeatedUse(_ vector: Vector) {
        let hmac = HMACSHA256(key: vector.key)
        _ = hmac.authenticationCode(for: [1, 2, 3])
        #expect(hmac.authenticationCode(for: vector.message).hexadecimal == vector.code)
    }

    @Test("a prepared prefix is the beginning of the message", arguments: vectors)
    func preparedPrefix(_ vector: Vector) {
        for split in [0, 1, vector.message.count / 2, vector.message.count] {
            let prepared = HMACSHA256(key: vector.key).prepared(with: Array(vector.message[..<split]))
            #expect(prepared.authenticationCode(for: Array(vector.message[split...])).hexadecimal == vector.code)
        }
    }

    @Test("a message in parts has the code of the whole message", arguments: vectors)
    func parts(_ vector: Vector) {
        let code = HMACSHA256(key: vector.key).authenticationCode { feeder in
            for byte in vector.message {
                feeder.append([byte])
            }
        }
        #expect(code.hexadecimal == vector.code)
    }

    @Test("a length prefix is a big-endian number of four bytes")
    func lengthPrefixes() {
        let hmac = HMACSHA256(key: [7])
        let parts = hmac.authenticationCode { feeder in
            feeder.appendLengthPrefixed([1, 2])
            feeder.append(bigEndian: 0x0102_0304)
            feeder.appendLengthPrefixed([])
        }
        #expect(parts == hmac.authenticationCode(for: [0, 0, 0, 2, 1, 2, 1, 2, 3, 4, 0, 0, 0, 0]))
        let shifted = hmac.authenticationCode { feeder in
            feeder.appendLengthPrefixed([1])
            feeder.appendLengthPrefixed([2])
        }
        let joined = hmac.authenticationCode { feeder in
            feeder.appendLengthPrefixed([1, 2])
            feeder.appendLengthPrefixed([])
        }
        #expect(shifted != joined)
    }

    @Test("only a key of more than one block is hashed")
    func keyOfOneBlock() {
        let block = [UInt8](repeating: 9, count: 64)
        let padded = HMACSHA256(key: block + [0]).authenticationCode(for: [1])
        #expect(HMACSHA256(key: block).authenticationCode(for: [1]) != padded)
        #expect(
            HMACSHA256(key: [9]).authenticationCode(for: [1])
                == HMACSHA256(key: [9] + Array(repeating: 0, count: 63)).authenticationCode(for: [1]))
    }

    @Test("several threads can use one value")
    func threads() async {
        let hmac = HMACSHA256(key: [1])
        let expected = hmac.authenticationCode(for: [2])
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask { (0..<500).allSatisfy { _ in hmac.authenticationCode(for: [2]) == expected } }
            }
            for await same in group { #expect(same) }
        }
    }

    @Test("no description contains the key")
    func redacted() {
        let hmac = HMACSHA256(key: Array("planted-secret".utf8))
        var dumped = ""
        dump(hmac, to: &dumped)
        #expect("\(hmac) \(String(reflecting: hmac))" == "HMACSHA256(redacted) HMACSHA256(redacted)")
        #expect(Mirror(reflecting: hmac).children.isEmpty)
        #expect(!dumped.contains("context"))
    }
}
