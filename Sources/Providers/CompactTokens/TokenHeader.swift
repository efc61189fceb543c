package import DoormanCrypto
internal import StrictJSON

/// The header of a token (RFC 7515, section 4), as far as Doorman uses it.
///
/// `jwk`, `jku`, `x5u`, `x5c` and `x5t` are ignored: keys come from the issuer alone, and never from a token.
package struct TokenHeader: Sendable, Hashable {
    /// The maximum length of a key id in bytes.
    package static let maximumKeyIDBytes = 256
    /// The maximum length of a media type in bytes. Comparing a longer text without regard to case could take milliseconds.
    private static let maximumTypeBytes = 128

    package let algorithm: SignatureAlgorithm
    /// The id of the key; `nil` if the header names none. Compared byte for byte.
    package let keyID: [UInt8]?
    /// Whether `typ` says that the token is an access token (RFC 9068, section 2.1).
    package let isAccessToken: Bool

    /// - Parameter bytes: The decoded first part of a token.
    package init(_ bytes: [UInt8]) throws(RejectedToken) {
        guard let members = JSONValue(bytes: bytes)?.object else {
            throw RejectedToken(.malformedToken, "The token's header is not a JSON object.")
        }
        // Extensions that change the meaning of the token (`crit`, `b64`: RFC 7515, section 4.1.11; RFC 7797), and encryption.
        for name in ["crit", "b64", "enc", "zip"] where members[name] != nil {
            throw RejectedToken(.tokenRejected, "The token's header has an extension that is not supported.")
        }
        guard let name = members["alg"]?.string else {
            throw RejectedToken(.tokenRejected, "The token's header names no algorithm.")
        }
        guard let algorithm = SignatureAlgorithm(name: name) else {
            throw RejectedToken(.tokenRejected, "The token's algorithm is not a supported signature algorithm.")
        }
        self.algorithm = algorithm
        keyID = try Self.keyID(members["kid"])
        isAccessToken = try Self.isAccessToken(members["typ"])
        if let content = members["cty"] {
            guard let content = content.string, content.utf8.count <= Self.maximumTypeBytes,
                !["jwt", "application/jwt"].contains(content.lowercased())
            else {
                throw RejectedToken(.tokenRejected, "The token contains another token.")
            }
        }
    }

    private static func keyID(_ value: JSONValue?) throws(RejectedToken) -> [UInt8]? {
        guard let value else { return nil }
        guard let text = value.string, (1...maximumKeyIDBytes).contains(text.utf8.count) else {
            throw RejectedToken(.tokenRejected, "The token's key id is not a text of 1 to 256 bytes.")
        }
        return Array(text.utf8)
    }

    /// Media types are compared without regard to case (RFC 7515, section 4.1.9).
    private static func isAccessToken(_ value: JSONValue?) throws(RejectedToken) -> Bool {
        guard let value else { return false }
        switch value.string.flatMap({ $0.utf8.count <= maximumTypeBytes ? $0.lowercased() : nil }) {
        case "jwt": return false
        case "at+jwt", "application/at+jwt": return true
        default: throw RejectedToken(.tokenRejected, "The token's type is neither JWT nor at+jwt.")
        }
    }
}
