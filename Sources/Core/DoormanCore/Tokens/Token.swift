/// A user access token: opaque bytes. Its holder can act as the account of the token.
///
/// Printing, interpolating, dumping and reflecting a token shows only its length: `Token(166 bytes)`. Code that reads ``bytes``
/// must keep them secret itself.
public struct Token: Sendable, Hashable {
    /// The bytes of the token. Keep them out of logs and error messages.
    public let bytes: [UInt8]

    /// Creates a token from bytes. Does not validate them: the server does.
    public init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Creates a token from the UTF-8 bytes of a text. Does not validate them: the server does.
    public init(_ text: some StringProtocol) {
        self.bytes = Array(text.utf8)
    }
}

/// An authorization code, which can be exchanged once for a ``Token``.
///
/// A code is as secret as a token. Printing it shows only its length.
public struct AuthorizationCode: Sendable, Hashable {
    /// The bytes of the code. Keep them out of logs and error messages.
    public let bytes: [UInt8]

    /// Creates a code from bytes. Does not validate them: the server does.
    public init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Creates a code from the UTF-8 bytes of a text. Does not validate them: the server does.
    public init(_ text: some StringProtocol) {
        self.bytes = Array(text.utf8)
    }
}

extension Token: Redacted {
    /// The type and the number of bytes.
    public var description: String { "Token(\(bytes.count) bytes)" }
}

extension AuthorizationCode: Redacted {
    /// The type and the number of bytes.
    public var description: String { "AuthorizationCode(\(bytes.count) bytes)" }
}
