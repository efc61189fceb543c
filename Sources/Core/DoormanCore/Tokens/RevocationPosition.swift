/// The position of a revocation among all revocations of a fleet: the servers that share one revocation log.
///
/// A server of the fleet that gets it with a later call does not answer from anything older than the revocation. Only the fleet can read
/// the bytes. They are no secret: pass them on to other programs, for example as the text ``description``.
public struct RevocationPosition: Sendable, Hashable {
    /// The maximum length in bytes. A longer one is no position.
    public static let maximumBytes = 64

    /// The bytes, at least 1 and at most ``maximumBytes``.
    public let bytes: [UInt8]

    /// Creates a position from ``bytes`` that a program has kept.
    ///
    /// - Returns: `nil` if there are none, or more than ``maximumBytes``.
    public init?(validating bytes: [UInt8]) {
        guard 1...Self.maximumBytes ~= bytes.count else { return nil }
        self.bytes = bytes
    }

    /// - Parameter bytes: At least 1 and at most ``maximumBytes``.
    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }
}

extension RevocationPosition: LosslessStringConvertible {
    /// The bytes in base64url without padding (RFC 4648, section 5).
    public var description: String { String(decoding: Base64URLEncoder.encode(bytes), as: UTF8.self) }

    /// Creates a position from its ``description``.
    ///
    /// - Returns: `nil` if the text is no position. Padding, white space and other spellings of the same bytes are not accepted.
    public init?(_ description: String) {
        guard let bytes = Base64URLDecoder.decode(description.utf8Span.span) else { return nil }
        self.init(validating: bytes)
    }
}
