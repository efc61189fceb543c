internal import DoormanCore

/// Why sealed bytes are not used. The names are labels of a metric.
package enum SealError: String, Error, Sendable, Hashable, CaseIterable {
    /// Too short, too long, or of another version.
    case malformed
    /// Sealed under a secret that this node does not have.
    case unknownSecret = "unknown_secret"
    /// Not what the holder of the secret sealed, or sealed for another key.
    case forged
    /// Sealed right, but no message of this version.
    case unreadable
}
