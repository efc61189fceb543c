/// SipHash-2-4 with results of 128 bits and one key: a pseudorandom function for short messages, made for hash tables (Aumasson and
/// Bernstein, 2012; https://www.aumasson.jp/siphash/siphash.pdf).
///
/// Our own code, since OpenSSL's needs an object on the heap for each message, and Swift's `Hasher` is not specified. The tests compare it with
/// the reference vectors and with OpenSSL. It allocates nothing, and takes no lock.
package struct SipHash: Sendable {
    /// The length of a key in bytes.
    package static let keyBytes = 16

    private let start: State

    /// - Parameter key: ``keyBytes`` bytes. Anything else traps.
    package init(key: [UInt8]) {
        precondition(key.count == Self.keyBytes, "length of a SipHash key")
        func word(_ start: Int) -> UInt64 { (0..<8).reduce(0) { $0 | UInt64(key[start + $1]) << UInt64(8 * $1) } }
        let (k0, k1) = (word(0), word(8))
        // 0xee distinguishes results of 128 bits from those of 64.
        start = State(
            v0: k0 ^ 0x736f_6d65_7073_6575, v1: k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee, v2: k0 ^ 0x6c79_6765_6e65_7261,
            v3: k1 ^ 0x7465_6462_7974_6573)
    }

    /// Returns the hash of a message in two words, each read from its bytes with the least significant first.
    @inline(__always)
    package func hash(of message: borrowing Span<UInt8>) -> (UInt64, UInt64) {
        var state = start
        let bytes = unsafe message.bytes
        let whole = bytes.byteCount & ~7
        for offset in stride(from: 0, to: whole, by: 8) {
            let word = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
            state.absorb(UInt64(littleEndian: word))
        }
        // The last word has the rest of the bytes, and the length in its highest byte.
        var last = UInt64(truncatingIfNeeded: bytes.byteCount) << 56
        for offset in whole..<bytes.byteCount {
            last |= UInt64(message[offset]) << UInt64(8 * (offset & 7))
        }
        state.absorb(last)
        return state.finish()
    }

    private struct State {
        var v0: UInt64
        var v1: UInt64
        var v2: UInt64
        var v3: UInt64

        @inline(__always)
        mutating func absorb(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }

        @inline(__always)
        mutating func finish() -> (UInt64, UInt64) {
            v2 ^= 0xee
            for _ in 0..<4 { round() }
            let first = v0 ^ v1 ^ v2 ^ v3
            v1 ^= 0xdd
            for _ in 0..<4 { round() }
            return (first, v0 ^ v1 ^ v2 ^ v3)
        }

        @inline(__always)
        private mutating func round() {
            v0 &+= v1
            v1 = v1 << 13 | v1 >> 51
            v1 ^= v0
            v0 = v0 << 32 | v0 >> 32
            v2 &+= v3
            v3 = v3 << 16 | v3 >> 48
            v3 ^= v2
            v0 &+= v3
            v3 = v3 << 21 | v3 >> 43
            v3 ^= v0
            v2 &+= v1
            v1 = v1 << 17 | v1 >> 47
            v1 ^= v2
            v2 = v2 << 32 | v2 >> 32
        }
    }
}
