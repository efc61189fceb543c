/// What stands for a token in memory: 32 bytes that tell nothing of the token to whoever lacks the key they were made under.
///
/// Nobody outside can choose tokens whose keys collide, in whole or in the part that a hash table looks at.
package struct TokenKey: Sendable {
    package let words: (UInt64, UInt64, UInt64, UInt64)

    package init(words: (UInt64, UInt64, UInt64, UInt64)) {
        self.words = words
    }

    /// 64 bits, each as good as random: tables and shards take their bits from here.
    package var bits: UInt64 { words.0 }

    /// As many others: where in a table an entry lies.
    package var placeBits: UInt64 { words.1 }
}

extension TokenKey: Hashable {
    package static func == (lhs: Self, rhs: Self) -> Bool {
        (lhs.words.0 ^ rhs.words.0) | (lhs.words.1 ^ rhs.words.1) | (lhs.words.2 ^ rhs.words.2) | (lhs.words.3 ^ rhs.words.3) == 0
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
    }
}
