internal import DoormanCore

/// The spelling of a token in a compact serialization: signed (RFC 7515, section 7.1), or encrypted (RFC 7516, section 7.1).
package enum CompactSpelling {
    /// Whether a token has such a form, and a part that is not base64url in its only spelling: with padding, or with other unused bits. A
    /// provider may accept it for the token in the right spelling, which a denial names.
    ///
    /// The first part of such a token is a JSON object, so it begins with a brace and a quotation mark or white space.
    package static func isWrong(_ token: [UInt8]) -> Bool {
        guard token.starts(with: "ey".utf8) || token.starts(with: "ew".utf8) else { return false }
        let parts = token.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3 || parts.count == 5 else { return false }
        return !parts.allSatisfy { Base64URLDecoder.accepts(token.span.extracting($0.startIndex..<$0.endIndex)) }
    }
}
