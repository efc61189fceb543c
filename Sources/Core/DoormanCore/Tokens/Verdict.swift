/// What a provider said of a token. A refusal is a value, never an error: not being able to ask is the error
/// (``VerificationError``), and the two never turn into each other.
package enum Verdict: Sendable, Hashable {
    /// The token is this account's.
    case valid(Identity)
    /// The token is nobody's, or not ours to accept.
    case rejected(Rejection)
}

/// What became of an authorization code.
package enum ExchangeVerdict: Sendable, Hashable {
    /// The code was good. The identity is absent if the provider gave the token but could then not be asked whose it is: the
    /// code is spent, so the token must not be lost.
    case issued(Token, Identity?)
    /// The code, or the token it gave, was refused.
    case rejected(Rejection)
}

/// A refusal and its reason.
package struct Rejection: Sendable, Hashable {
    /// What kind of refusal, one row each of the failure contract.
    package enum Reason: Sendable, Hashable, CaseIterable {
        /// The provider knows no such token, or knows it as expired or revoked.
        case tokenRejected
        /// The token was made for an application that is not configured here, or the provider did not say for which.
        case wrongApplication
        /// The provider found the proof wrong: our secret is wrong, or the token is another application's.
        case proofRejected
        /// The token can't be one: empty, too long, or of an impossible alphabet or family. The provider was not asked.
        case malformedToken
    }

    package let reason: Reason
    /// One sentence for a person. Holds no token, code or secret, and nothing the provider wrote. Where ``isCacheable``, it is a literal,
    /// which takes no memory of its own however many tokens are remembered as refused.
    package let message: String

    package init(_ reason: Reason, _ message: String) {
        self.reason = reason
        self.message = message
    }

    /// The token is of an application that the call does not accept.
    package static let anotherApplication = Rejection(.wrongApplication, "The token was made for another application.")

    /// Whether the same token may be refused from memory for a while: only what the provider itself said of the token.
    package var isCacheable: Bool {
        switch reason {
        case .tokenRejected, .wrongApplication: true
        case .proofRejected, .malformedToken: false
        }
    }
}
