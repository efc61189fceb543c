private import COpenSSL

/// The random source has failed. OpenSSL's is seeded by the operating system, so this means the machine is broken: nothing
/// that needs a secret may start.
package struct RandomSourceFailure: Error, Sendable, Hashable {}

/// Bytes nobody can guess (`RAND_bytes(3)`).
package enum RandomBytes {
    /// The longest run that may be asked for at once: 1 MiB.
    package static let maximumCount = 1 << 20

    /// Fresh random bytes, fit for keys.
    ///
    /// - Parameter count: From 0 to ``maximumCount``; anything else is a bug of the caller and traps.
    /// - Throws: ``RandomSourceFailure`` if the source gives nothing.
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
