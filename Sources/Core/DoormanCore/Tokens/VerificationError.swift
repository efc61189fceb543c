/// Why a question could not be put to the provider, or got no answer that can be used. Says nothing about the token.
package struct VerificationError: Error, Sendable, Hashable {
    /// What kind of failure, one row each of the failure contract.
    package enum Code: Sendable, Hashable {
        /// The provider is down, unreachable or too slow, or its response is malformed.
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

    /// The subject of a failure. Only failures of ``provider`` count as a sign that the provider is down.
    package enum Scope: Sendable, Hashable {
        /// The provider as a whole: the next question will most likely fail as well.
        case provider
        /// What the provider was asked with, or so it may be: the same question may be answered if it is put with another secret.
        case credential
        /// This one question: its answer came, and made no sense. A single odd account must not look like an outage.
        case question
    }

    package let code: Code
    /// One sentence for a person. Holds no token, code, secret or URL.
    package let message: String
    /// When it is worth asking again, if the provider or our own budget said so.
    package let retryAfter: Duration?
    package let scope: Scope

    package init(_ code: Code, _ message: String, retryAfter: Duration? = nil, scope: Scope = .provider) {
        self.code = code
        self.message = message
        self.retryAfter = retryAfter
        self.scope = scope
    }

    /// The request names an application that is not configured here.
    package static let unknownApplication = VerificationError(
        .invalidRequest, "The application of the request is not configured here.")
}
