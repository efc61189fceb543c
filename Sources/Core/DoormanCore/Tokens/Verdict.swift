/// The decision about a token.
///
/// A rejection is a value. A failure to reach a verdict is an error: see ``VerificationError``. Neither ever becomes the other.
package enum Verdict: Sendable, Hashable {
    /// The token is valid, and belongs to this account.
    case valid(Identity)
    /// The token is invalid, or belongs to another application or provider.
    case rejected(Rejection)
    /// The token is valid, but the call is not allowed. Judged for each call from the facts of the token, and never by a provider.
    case forbidden(Forbidden)
}

/// Why a call with a valid token is not allowed.
package struct Forbidden: Sendable, Hashable {
    /// The reason. Each reason is a row of the failure contract.
    package enum Reason: Sendable, Hashable, CaseIterable {
        /// The token lacks a scope that the call requires.
        case insufficientScope
    }

    package let reason: Reason
    /// A message for people, in one sentence. Contains nothing about the token or its account.
    package let message: String

    package static let insufficientScope = Forbidden(
        reason: .insufficientScope, message: "The token is valid, but lacks a scope that the call requires.")
}

/// Why a verdict gives no identity.
package enum VerdictDenial: Sendable, Hashable {
    case rejected(Rejection.Reason)
    case forbidden(Forbidden.Reason)
}

extension Verdict {
    /// Why the verdict gives no identity; `nil` for a valid token.
    package var denial: VerdictDenial? {
        switch self {
        case .valid: nil
        case .rejected(let rejection): .rejected(rejection.reason)
        case .forbidden(let forbidden): .forbidden(forbidden.reason)
        }
    }
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
        /// The token is valid, but another provider knows it than the call names.
        case wrongProvider
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

    /// The rejection of a token whose provider differs from the requested one.
    package static let anotherProvider = Rejection(.wrongProvider, "The token belongs to another provider.")

    /// Whether the cache may store the rejection: only if it is the provider's decision about the token itself.
    package var isCacheable: Bool {
        switch reason {
        case .tokenRejected, .wrongApplication, .wrongProvider: true
        case .proofRejected, .malformedToken: false
        }
    }
}
