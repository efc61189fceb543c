internal import CompactTokens
internal import DoormanCore
internal import DoormanCrypto

/// A token whose form, header and claims are right. Whether its signature is valid is still to be seen.
struct CheckedToken: Sendable {
    let header: TokenHeader
    let claims: TokenClaims
    private let token: Token
    private let parts: CompactParts
    private let signature: [UInt8]

    /// Checks all that needs no key.
    init(_ bytes: [UInt8], _ settings: JWTSettings, at now: Timestamp) throws(RejectedToken) {
        let parts = try CompactParts(bytes, maximumBytes: settings.maximumTokenBytes)
        guard let header = Base64URLDecoder.decode(bytes.span.extracting(parts.header)),
            let payload = Base64URLDecoder.decode(bytes.span.extracting(parts.payload)),
            let signature = Base64URLDecoder.decode(bytes.span.extracting(parts.signature))
        else { throw RejectedToken(.malformedToken, "A part of the token is not base64url without padding.") }
        self.header = try TokenHeader(header)
        guard settings.algorithms.contains(self.header.algorithm) else {
            throw RejectedToken(.tokenRejected, "The token's algorithm is not one of the configured algorithms.")
        }
        guard settings.tokenType == .any || self.header.isAccessToken else {
            throw RejectedToken(.tokenRejected, "The token is not an access token: its type is not at+jwt.")
        }
        claims = try TokenClaims(payload, settings, at: now)
        token = Token(bytes: bytes)
        self.parts = parts
        self.signature = signature
    }

    /// Returns the first of the keys under which the signature is valid; `nil` if it is valid under no key.
    func signer(among keys: [IssuerKey]) -> IssuerKey? {
        let algorithm = header.algorithm
        let (bytes, signature) = (token.bytes, signature)
        return keys.first { key in
            key.algorithms.contains(algorithm)
                && key.publicKey.verify(signature.span, of: bytes.span.extracting(parts.signed), with: algorithm)
        }
    }
}
