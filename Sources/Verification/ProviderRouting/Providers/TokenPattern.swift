internal import DoormanCore

/// The form of the tokens that a provider issues. It routes a token whose call names no provider.
package enum TokenPattern: Sendable, Hashable {
    /// A JSON Web Token of this issuer.
    case issuer(String)
    /// A token that begins with these bytes.
    case prefix(String)
    /// Any form that no other provider has.
    case opaque

    /// Account Kit's tokens.
    package static let accountKit = prefix("EMAW")
    /// Tokens of Facebook Login.
    package static let facebookLogin = prefix("EAA")

    /// Whether this is the pattern of an issuer's tokens. An issuer is a text of the token, and nothing about it is believed.
    func isIssuer(_ issuer: String) -> Bool {
        if case .issuer(let own) = self { own.isIdentical(to: issuer) } else { false }
    }
}

extension Token {
    func begins(with prefix: String) -> Bool {
        bytes.starts(with: prefix.utf8)
    }
}
