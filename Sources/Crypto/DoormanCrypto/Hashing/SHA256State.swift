private import COpenSSL

/// A SHA-256 computation in progress (FIPS 180-4): a plain value of 112 bytes, so that copying it forks the computation.
///
/// OpenSSL's low-level calls are used on purpose: they need no heap and no lookup of an algorithm, which for one short
/// message is most of the cost. Their results are not looked at: with a valid context they can't fail (`SHA256_Init(3)`).
///
/// OpenSSL 3.0 deprecated `SHA256_*` (`migration_guide(7)`). The plan to leave them:
///
/// - Why they are still here: `SHA256_CTX` is a plain struct. ``HMACSHA256`` hashes its key once and copies the two states onto the stack
///   for each message. `EVP_MD_CTX_copy_ex` makes the same copy on the heap, in OpenSSL 3.0 at least.
/// - Replacement where a standard code is needed, such as Account Kit's proof: `EVP_MAC`, or `EVP_MD_CTX` with `EVP_MD_CTX_copy_ex` and
///   contexts that are reused.
/// - Replacement for cache keys: a keyed 128-bit SipHash, planned, which needs no OpenSSL. Only this process ever sees these keys.
/// - When: before an OpenSSL release removes the calls. No release has announced it.
/// - Cost: `EVP` takes three to four times as long for one short message. A cache key takes 282 ns today, a third of a hit at 50 × 16
///   (`docs/explanation/performance.md`), so cache keys move to SipHash first.
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
