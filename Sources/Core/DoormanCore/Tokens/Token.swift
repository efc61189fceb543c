/// A user access token: opaque bytes. Their holder can act as the account of the token.
///
/// It never shows its bytes: printing, interpolating, dumping and reflecting it give `Token(166 bytes)`. Code that
/// reads ``bytes`` takes that duty over.
public struct Token: Sendable, Hashable {
    /// The token as it was received.
    public let bytes: [UInt8]

    /// A token of the given bytes. Nothing is checked here: whether a token is of a possible form is for the provider to say.
    public init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// A token of the text's UTF-8 bytes.
    public init(_ text: some StringProtocol) {
        self.bytes = Array(text.utf8)
    }
}

/// An authorization code: exchanged, once, for a ``Token``. As secret as a token, and printed as little.
public struct AuthorizationCode: Sendable, Hashable {
    /// The code as it was received.
    public let bytes: [UInt8]

    /// A code of the given bytes. Nothing is checked here.
    public init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// A code of the text's UTF-8 bytes.
    public init(_ text: some StringProtocol) {
        self.bytes = Array(text.utf8)
    }
}

extension Token: Redacted {
    /// The number of bytes, and nothing of their content.
    public var description: String { "Token(\(bytes.count) bytes)" }
}

extension AuthorizationCode: Redacted {
    /// The number of bytes, and nothing of their content.
    public var description: String { "AuthorizationCode(\(bytes.count) bytes)" }
}
