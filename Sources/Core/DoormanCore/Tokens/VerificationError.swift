/// The reason why no verdict could be reached. Says nothing about the token.
package struct VerificationError: Error, Sendable, Hashable {
    /// The kind of a failure. Each kind is a row of the failure contract.
    package enum Code: Sendable, Hashable {
        /// The provider is down, unreachable or too slow, or its response is malformed.
        case providerUnavailable
        /// The provider rate limits us, or our own limit on provider requests is exceeded.
        case providerBusy
        /// The provider rejects our application id, secret or settings; or a good token does not fit our settings.
        case providerMisconfigured
        /// The store that the servers of a fleet share is unreachable, and the answer needs it: the verdict could miss a revocation, or a
        /// revocation that is done here could not be announced to the other servers.
        case storeUnavailable
        /// The caller's deadline passed.
        case deadlineExceeded
        /// The denial list is full, or the caller's part of it.
        case tooManyDenials
        /// The provider does not support the operation.
        case unsupported
        /// The request is invalid, independently of the token.
        case invalidRequest
        /// A bug in Doorman.
        case `internal`
    }

    /// The scope of a failure. Only failures of the scope ``provider`` count against the circuit breaker.
    package enum Scope: Sendable, Hashable {
        /// The provider as a whole. Other requests will most likely fail as well.
        case provider
        /// Perhaps only the credential of the request. The same request may succeed with another secret.
        case credential
        /// This one request, whose response is malformed. A single odd account must not look like an outage.
        case request
        /// The verdicts of the provider, which calls a text active that is no token of its own. None of its verdicts can be believed.
        case verdicts
    }

    /// How far the provider request of a failed call came.
    package enum RequestProgress: Sendable, Hashable {
        /// No request was sent: one of our own limits or checks ended the call.
        case notSent
        /// A request was begun, and got no response. It may or may not have reached the provider.
        case sent
        /// The provider responded, though without a verdict.
        case responded
    }

    package let code: Code
    /// A message for people, in one sentence. Contains no token, code, secret or URL.
    package let message: String
    /// The time to wait before a retry, if the provider or one of our limits states it.
    package let retryAfter: Duration?
    package let scope: Scope
    /// How far the provider request came. The default is ``RequestProgress/notSent``.
    package let request: RequestProgress
    /// The setting of our own limit on provider requests that the call exceeded; `nil` for any other cause.
    package let limit: String?

    package init(
        _ code: Code, _ message: String, retryAfter: Duration? = nil, scope: Scope = .provider,
        request: RequestProgress = .notSent, limit: String? = nil
    ) {
        self.code = code
        self.message = message
        self.retryAfter = retryAfter
        self.scope = scope
        self.request = request
        self.limit = limit
    }

    /// The error of a request that names an application without a configuration.
    package static let unknownApplication = VerificationError(
        .invalidRequest, "The requested application is not configured on this server.")
}
