/// Why a question could not be put to the provider, or got no answer that can be used. Says nothing about the token.
package struct VerificationError: Error, Sendable, Hashable {
    /// What kind of failure, one row each of the failure contract.
    package enum Code: Sendable, Hashable {
        /// Down, unreachable, too slow, or answering nonsense.
        case providerUnavailable
        /// The provider throttles us, or our own budget for it is spent.
        case providerBusy
        /// The provider refuses our application id, secret or settings.
        case providerMisconfigured
        /// The deadline passed first.
        case deadlineExceeded
        /// The provider has no such operation.
        case unsupported
        /// The request itself is wrong, whatever the token is.
        case invalidRequest
        /// A bug of ours.
        case `internal`
    }

    /// Whom the failure is about.
    package enum Scope: Sendable, Hashable {
        /// The provider as a whole: other questions would fail, too.
        case provider
        /// This question alone: the provider is well, but can't answer it.
        case question
    }

    package let code: Code
    /// One sentence for a person. Holds no token, code, secret or URL.
    package let message: String
    /// When it is worth asking again, if the provider or our own budget said so.
    package let retryAfter: Duration?

    /// Whether the failure says anything about the provider's health.
    package let scope: Scope

    package init(_ code: Code, _ message: String, retryAfter: Duration? = nil, scope: Scope = .provider) {
        self.code = code
        self.message = message
        self.retryAfter = retryAfter
        self.scope = scope
    }
}
