private import COpenSSL

/// A SHA-256 computation in progress (FIPS 180-4): a plain value of 112 bytes, so that copying it forks the computation.
///
/// OpenSSL's low-level calls are used on purpose: they need no heap and no lookup of an algorithm, which for one short
/// message is most of the cost. Their results are not looked at: with a valid context they can't fail (`SHA256_Init(3)`).
struct SHA256State: Sendable {
    /// Bytes in one block of the hash.
    static let blockSize = 64

    private var context = SHA256_CTX()

    init() {
        unsafe SHA256_Init(&context)
    }

    /// Feeds the bytes.
    mutating func update(_ bytes: borrowing Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { buffer in
            _ = unsafe SHA256_Update(&context, buffer.baseAddress, buffer.count)
        }
    }

    /// Feeds the number's four bytes, the highest first.
    mutating func update(bigEndian number: UInt32) {
        unsafe withUnsafeBytes(of: number.bigEndian) { buffer in
            _ = unsafe SHA256_Update(&context, buffer.baseAddress, buffer.count)
        }
    }

    /// Feeds the bytes of a digest.
    mutating func update(_ digest: AuthenticationCode) {
        unsafe withUnsafeBytes(of: digest.bigEndianWords) { buffer in
            _ = unsafe SHA256_Update(&context, buffer.baseAddress, buffer.count)
        }
    }

    /// Ends the computation. OpenSSL wipes the context as it does.
    consuming func finish() -> AuthenticationCode {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        unsafe withUnsafeMutableBytes(of: &words) { buffer in
            _ = unsafe SHA256_Final(buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), &context)
        }
        return AuthenticationCode(bigEndianWords: words)
    }
}
