private import COpenSSL

/// The failure of OpenSSL's random number generator, which the operating system seeds.
///
/// It means that the machine is broken. The process must not start anything that needs a secret.
package struct RandomSourceFailure: Error, Sendable, Hashable {}

/// A source of cryptographically secure random bytes (`RAND_bytes(3)`).
package enum RandomBytes {
    /// The maximum number of bytes per call: 1 MiB.
    package static let maximumCount = 1 << 20

    /// Generates random bytes that are suitable for keys.
    ///
    /// - Parameter count: The number of bytes: 0 to ``maximumCount``. Anything else traps.
    /// - Throws: ``RandomSourceFailure`` if the generator fails.
    package static func generate(count: Int) throws(RandomSourceFailure) -> [UInt8] {
        precondition((0...maximumCount).contains(count), "random bytes: count out of range")
        var succeeded = false
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
            unsafe buffer.initialize(repeating: 0)
            succeeded = unsafe count == 0 || RAND_bytes(buffer.baseAddress, CInt(count)) == 1
            initializedCount = count
        }
        guard succeeded else { throw RandomSourceFailure() }
        return bytes
    }
}
