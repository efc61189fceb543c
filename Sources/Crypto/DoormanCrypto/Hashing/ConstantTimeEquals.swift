private import COpenSSL

/// Returns whether two byte sequences are equal, in a time that depends only on their lengths (`CRYPTO_memcmp(3)`).
///
/// The lengths are not secret: sequences of different lengths are unequal at once.
package func constantTimeEquals(_ left: borrowing Span<UInt8>, _ right: borrowing Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    return unsafe left.withUnsafeBufferPointer { left in
        unsafe right.withUnsafeBufferPointer { right in
            unsafe left.isEmpty || CRYPTO_memcmp(left.baseAddress, right.baseAddress, left.count) == 0
        }
    }
}
