internal import DoormanCore

/// Derives keys from a secret: HKDF with SHA-256 (RFC 5869).
package struct HKDFSHA256: Sendable {
    /// The maximum number of bytes per purpose: 255 hashes.
    package static let maximumCount = 255 * 32

    /// HMAC under the pseudorandom key.
    private let hmac: HMACSHA256

    /// Extracts the pseudorandom key.
    ///
    /// - Parameters:
    ///   - secret: The input keying material.
    ///   - salt: Bytes that need not be secret. Empty for none.
    package init(secret: [UInt8], salt: [UInt8]) {
        hmac = HMACSHA256(key: HMACSHA256(key: salt).authenticationCode(for: secret.span).bytes)
    }

    /// Derives bytes for a purpose.
    ///
    /// - Parameters:
    ///   - count: The number of bytes: 0 to ``maximumCount``. Anything else traps.
    ///   - purpose: RFC 5869's *info*. Bytes of different purposes say nothing about each other.
    package func bytes(_ count: Int, for purpose: [UInt8]) -> [UInt8] {
        precondition((0...Self.maximumCount).contains(count), "HKDF: count out of range")
        var bytes: [UInt8] = []
        var block: [UInt8] = []
        var number: UInt8 = 0
        while bytes.count < count {
            number += 1
            block = hmac.authenticationCode(for: (block + purpose + [number]).span).bytes
            bytes += block
        }
        return Array(bytes.prefix(count))
    }
}

extension HKDFSHA256: Redacted {
    package var description: String { "HKDFSHA256(redacted)" }
}
