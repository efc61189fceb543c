import DoormanCrypto
import Testing

@Suite("Random bytes and constant-time comparison")
struct RandomBytesTests {
    @Test("each call generates other bytes")
    func freshBytes() throws {
        #expect(try RandomBytes.generate(count: 0).isEmpty)
        let many = try (0..<64).map { _ in try RandomBytes.generate(count: 32) }
        #expect(many.allSatisfy { $0.count == 32 })
        #expect(Set(many).count == many.count)
    }

    @Test("sequences with the same bytes are equal")
    func equality() {
        #expect(areEqualInConstantTime([], []))
        #expect(areEqualInConstantTime([1, 2, 3], [1, 2, 3]))
        #expect(!areEqualInConstantTime([1, 2, 3], [1, 2, 4]))
        #expect(!areEqualInConstantTime([1, 2, 3], [1, 2]))
        #expect(!areEqualInConstantTime([], [0]))
    }

    @Test("codes with the same bytes are equal")
    func codes() {
        let code = HMACSHA256(key: [1]).authenticationCode(for: [2])
        let other = HMACSHA256(key: [1]).authenticationCode(for: [3])
        #expect(code == code && code != other)
        #expect(AuthenticationCode(words: code.words) == code)
        #expect(Set([code, other, code]).count == 2)
        #expect(code.bytes.count == 32)
        #expect(code.bytes[0] == UInt8(code.words.0 >> 56))
        for index in 0..<4 {
            var words = [code.words.0, code.words.1, code.words.2, code.words.3]
            words[index] ^= 1
            #expect(AuthenticationCode(words: (words[0], words[1], words[2], words[3])) != code)
        }
    }
}
