private import COpenSSL

/// The state of a SHA-256 computation (FIPS 180-4): a value of 112 bytes, so that copying it forks the computation.
///
/// Uses OpenSSL's low-level functions, which need neither the heap nor the lookup of an algorithm. For one short message, these are
/// most of the cost. Their results are ignored, since they can't fail with a valid context (`SHA256_Init(3)`).
///
/// OpenSSL 3.0 deprecated `SHA256_*` (`migration_guide(7)`). The plan to replace them:
///
/// - Reason to keep them: `SHA256_CTX` is a plain struct. ``HMACSHA256`` hashes its key once, and copies the two states
///   onto the stack for each message. `EVP_MD_CTX_copy_ex` copies them onto the heap, at least in OpenSSL 3.0.
/// - Replacement for standard codes, such as Account Kit's proof: `EVP_MAC`, or `EVP_MD_CTX_copy_ex` with reused contexts.
/// - Replacement for cache keys: a keyed 128-bit SipHash, which needs no OpenSSL. These keys never leave the process.
/// - Time: before an OpenSSL release removes the functions. No release has announced that.
/// - Cost: `EVP` takes three to four times as long for one short message. A cache key takes 282 ns today, a third of a hit at 50 ×
///   16 (`docs/explanation/performance.md`), so cache keys move to SipHash first.
struct SHA256State: Sendable {
    /// Bytes in one block of the hash.
    static let blockSize = 64

    private var context = SHA256_CTX()

    init() {
        unsafe SHA256_Init(&context)
    }

    /// Hashes further bytes.
    mutating func update(_ bytes: borrowing Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { buffer in
            _ = unsafe SHA256_Update(&context, buffer.baseAddress, buffer.count)
        }
    }

    /// Hashes a number as four bytes in big-endian order.
    mutating func update(bigEndian number: UInt32) {
        unsafe withUnsafeBytes(of: number.bigEndian) { buffer in
            _ = unsafe SHA256_Update(&context, buffer.baseAddress, buffer.count)
        }
    }

    /// Hashes the bytes of a digest.
    mutating func update(_ digest: AuthenticationCode) {
        unsafe withUnsafeBytes(of: digest.bigEndianWords) { buffer in
            _ = unsafe SHA256_Update(&context, buffer.baseAddress, buffer.count)
        }
    }

    /// Returns the digest. OpenSSL erases the context.
    consuming func finish() -> AuthenticationCode {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        unsafe withUnsafeMutableBytes(of: &words) { buffer in
            _ = unsafe SHA256_Final(buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), &context)
        }
        return AuthenticationCode(bigEndianWords: words)
    }
}
