/// The position of a revocation among all revocations of a fleet, in bytes that only the fleet can read.
package struct RevocationPosition: Sendable, Hashable {
    /// The maximum length in bytes. A longer one is no position.
    package static let maximumBytes = 64

    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }
}
