/// The cache key of a token: a keyed hash of 16 bytes, which reveals nothing about the token without the key of the hash.
///
/// Callers can't choose tokens whose keys collide, neither as a whole nor in the bits that a hash table uses.
package struct TokenKey: Sendable {
    package static let byteCount = 16
    package let words: (UInt64, UInt64)

    package init(words: (UInt64, UInt64)) {
        self.words = words
    }

    /// 64 pseudorandom bits, which select shards and positions in tables.
    package var bits: UInt64 { words.0 }

    /// 64 other pseudorandom bits, which select the slot of an entry.
    package var slotBits: UInt64 { words.1 }
}

extension TokenKey: Hashable {
    package static func == (lhs: Self, rhs: Self) -> Bool {
        (lhs.words.0 ^ rhs.words.0) | (lhs.words.1 ^ rhs.words.1) == 0
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
    }
}

extension TokenKey {
    /// The bytes of the key, the most significant of each word first.
    package var bytes: [UInt8] {
        [words.0, words.1].flatMap { word in
            stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> UInt64($0)) }
        }
    }
}
