/// The 32 bytes of an HMAC-SHA-256, stored in four words, so that they are a hashable key without a heap allocation.
package struct AuthenticationCode: Sendable, Hashable {
    /// Bytes 0–7, 8–15, 16–23 and 24–31, each in big-endian order.
    package let words: (UInt64, UInt64, UInt64, UInt64)

    package init(words: (UInt64, UInt64, UInt64, UInt64)) {
        self.words = words
    }

    /// Compares in constant time, so that the duration does not reveal where two codes differ.
    package static func == (lhs: Self, rhs: Self) -> Bool {
        (lhs.words.0 ^ rhs.words.0) | (lhs.words.1 ^ rhs.words.1) | (lhs.words.2 ^ rhs.words.2) | (lhs.words.3 ^ rhs.words.3) == 0
    }

    /// Hashes one word only, since all bits of a code are pseudorandom.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
    }

    /// The code as 64 lowercase hexadecimal digits.
    package var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// The 32 bytes of the code.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32)
        for word in [words.0, words.1, words.2, words.3] {
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
            }
        }
        return bytes
    }
}

extension AuthenticationCode {
    /// Creates a code from words in the byte order of memory.
    init(bigEndianWords words: (UInt64, UInt64, UInt64, UInt64)) {
        self.init(
            words: (
                UInt64(bigEndian: words.0), UInt64(bigEndian: words.1), UInt64(bigEndian: words.2), UInt64(bigEndian: words.3)
            ))
    }

    /// The words in the byte order of memory.
    var bigEndianWords: (UInt64, UInt64, UInt64, UInt64) {
        (words.0.bigEndian, words.1.bigEndian, words.2.bigEndian, words.3.bigEndian)
    }
}
