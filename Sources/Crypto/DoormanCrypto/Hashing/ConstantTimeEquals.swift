private import COpenSSL

/// Whether both hold the same bytes, in a time that depends on their lengths alone (`CRYPTO_memcmp(3)`). The lengths
/// themselves are no secret: two of different length are told apart at once.
package func constantTimeEquals(_ left: borrowing Span<UInt8>, _ right: borrowing Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    return unsafe left.withUnsafeBufferPointer { left in
        unsafe right.withUnsafeBufferPointer { right in
            unsafe left.isEmpty || CRYPTO_memcmp(left.baseAddress, right.baseAddress, left.count) == 0
        }
    }
}
