/// The provider's decision about a token.
///
/// A rejection is a value. A failure to reach a verdict is an error: see ``VerificationError``. Neither ever becomes the other.
package enum Verdict: Sendable, Hashable {
    /// The token is valid, and belongs to this account.
    case valid(Identity)
    /// The token is invalid, or belongs to another application.
    case rejected(Rejection)
}

/// The provider's decision about an authorization code.
package enum ExchangeVerdict: Sendable, Hashable {
    /// The code was valid. It can't be used again, so the caller gets the token in any case.
    ///
    /// The identity is absent if the provider issued the token, but did not confirm its account.
    case issued(Token, Identity?)
    /// The provider rejected the code, or the token that it issued for the code.
    case rejected(Rejection)
}

/// The rejection of a token or a code.
package struct Rejection: Sendable, Hashable {
    /// The reason of a rejection. Each reason is a row of the failure contract.
    package enum Reason: Sendable, Hashable, CaseIterable {
        /// The token or code is invalid, expired, used or revoked.
        case tokenRejected
        /// The token belongs to an application that is not configured, or the provider did not name its application.
        case wrongApplication
        /// The provider rejected our proof. From a provider: our secret is wrong, or the token belongs to another application. From the
        /// router: the token belongs to another application.
        case proofRejected
        /// The syntax of the token is invalid, so no provider request was sent.
        case malformedToken
    }

    package let reason: Reason
    /// A message for people, in one sentence. Contains no token, code or secret, and no text from the provider.
    ///
    /// The message of a cacheable rejection must be a literal, so that a cached entry needs no memory for it.
    package let message: String

    package init(_ reason: Reason, _ message: String) {
        self.reason = reason
        self.message = message
    }

    /// The rejection of a token whose application differs from the requested one.
    package static let anotherApplication = Rejection(.wrongApplication, "The token belongs to another application.")

    /// Whether the cache may store the rejection: only if it is the provider's decision about the token itself.
    package var isCacheable: Bool {
        switch reason {
        case .tokenRejected, .wrongApplication: true
        case .proofRejected, .malformedToken: false
        }
    }
}
