package import DoormanCore

/// The failures of calls, as callers see them: the only table of the failure contract in code.
///
/// A test compares it with the table in `docs/reference/wire-protocol.md`.
package enum Failure: Sendable, Hashable, CaseIterable {
    case tokenRejected
    case wrongApplication
    case wrongProvider
    case proofRejected
    case malformedToken
    /// The token is valid, but the call is not allowed: the third verdict beside valid and rejected.
    case insufficientScope
    case malformedRequest
    case unimplemented
    /// A health check of an unknown service, as `grpc.health.v1` defines it.
    case serviceUnknown
    case callerNotAllowed
    case providerUnavailable
    case providerBusy
    case providerMisconfigured
    case storeUnavailable
    case deadlineExceeded
    case frameTooLong
    case tooManyCalls
    case tooManyMisses
    case tooManyCallsPerSecond
    case tooManyCallsOfCaller
    case tooManyCallsAtServer
    case tooManyDenials
    case draining
    case `internal`

    /// Whether and when a caller should retry.
    package enum Retry: Sendable, Hashable {
        /// Never: a retry fails as well.
        case no
        /// At once, within a retry budget.
        case yes
        /// After the delay in the response's `RetryInfo`.
        case later
        /// At once, on another server. This server did not start the call.
        case elsewhere
    }

    /// One row of the table.
    package struct Row: Sendable, Hashable {
        package let code: StatusCode
        /// `google.rpc.ErrorInfo.reason`; `nil` if the code alone identifies the failure.
        package let reason: String?
        package let retry: Retry
        /// Whether the cache may answer later calls with the same failure.
        package let isCached: Bool

        init(_ code: StatusCode, _ reason: String?, retry: Retry, cached: Bool = false) {
            self.code = code
            self.reason = reason
            self.retry = retry
            self.isCached = cached
        }
    }

    /// The failure's row of the table.
    package var row: Row {
        switch self {
        case .tokenRejected: Row(.unauthenticated, "TOKEN_REJECTED", retry: .no, cached: true)
        case .wrongApplication: Row(.unauthenticated, "WRONG_APPLICATION", retry: .no, cached: true)
        case .wrongProvider: Row(.unauthenticated, "WRONG_PROVIDER", retry: .no, cached: true)
        case .proofRejected: Row(.unauthenticated, "PROOF_REJECTED", retry: .no)
        case .malformedToken: Row(.invalidArgument, "MALFORMED_TOKEN", retry: .no)
        case .insufficientScope: Row(.permissionDenied, "INSUFFICIENT_SCOPE", retry: .no, cached: true)
        case .malformedRequest: Row(.invalidArgument, "MALFORMED_REQUEST", retry: .no)
        case .unimplemented: Row(.unimplemented, nil, retry: .no)
        case .serviceUnknown: Row(.notFound, nil, retry: .no)
        case .callerNotAllowed: Row(.permissionDenied, "CALLER_NOT_ALLOWED", retry: .no)
        case .providerUnavailable: Row(.unavailable, "PROVIDER_UNAVAILABLE", retry: .yes)
        case .providerBusy: Row(.unavailable, "PROVIDER_BUSY", retry: .later)
        case .providerMisconfigured: Row(.failedPrecondition, "PROVIDER_MISCONFIGURED", retry: .no)
        case .storeUnavailable: Row(.unavailable, "STORE_UNAVAILABLE", retry: .yes)
        case .deadlineExceeded: Row(.deadlineExceeded, nil, retry: .yes)
        case .frameTooLong: Row(.resourceExhausted, "LIMIT_FRAME_LENGTH", retry: .no)
        case .tooManyCalls: Row(.resourceExhausted, "LIMIT_CALLS_IN_FLIGHT", retry: .later)
        case .tooManyMisses: Row(.resourceExhausted, "LIMIT_CALLER_MISSES", retry: .later)
        case .tooManyCallsPerSecond: Row(.resourceExhausted, "LIMIT_CALLER_RATE", retry: .later)
        case .tooManyCallsOfCaller: Row(.resourceExhausted, "LIMIT_CALLER_CALLS_IN_FLIGHT", retry: .later)
        case .tooManyCallsAtServer: Row(.resourceExhausted, "LIMIT_SERVER_CALLS_IN_FLIGHT", retry: .later)
        case .tooManyDenials: Row(.resourceExhausted, "LIMIT_DENIALS", retry: .later)
        case .draining: Row(.unavailable, "DRAINING", retry: .elsewhere)
        case .internal: Row(.internal, nil, retry: .no)
        }
    }

    /// Finds the failure with a response's code and reason; `nil` if the contract has no such failure.
    package init?(code: StatusCode, reason: String?) {
        guard let failure = Self.allCases.first(where: { $0.row.code == code && $0.row.reason == reason }) else { return nil }
        self = failure
    }

    package init(_ reason: Rejection.Reason) {
        switch reason {
        case .tokenRejected: self = .tokenRejected
        case .wrongApplication: self = .wrongApplication
        case .wrongProvider: self = .wrongProvider
        case .proofRejected: self = .proofRejected
        case .malformedToken: self = .malformedToken
        }
    }

    package init(_ denial: VerdictDenial) {
        switch denial {
        case .rejected(let reason): self.init(reason)
        case .forbidden(.insufficientScope): self = .insufficientScope
        }
    }

    package init(_ code: VerificationError.Code) {
        switch code {
        case .providerUnavailable: self = .providerUnavailable
        case .providerBusy: self = .providerBusy
        case .providerMisconfigured: self = .providerMisconfigured
        case .storeUnavailable: self = .storeUnavailable
        case .deadlineExceeded: self = .deadlineExceeded
        case .tooManyDenials: self = .tooManyDenials
        case .unsupported: self = .unimplemented
        case .invalidRequest: self = .malformedRequest
        case .internal: self = .internal
        }
    }
}

/// A failure with the details of one call.
package struct FailureResponse: Error, Sendable, Hashable {
    package let failure: Failure
    /// A message for people, in one sentence. Contains no secret.
    package let message: String
    /// The time to wait before a retry, for failures with ``Failure/Retry/later``.
    package let retryAfter: Duration?

    package init(_ failure: Failure, _ message: String, retryAfter: Duration? = nil) {
        self.failure = failure
        self.message = message
        self.retryAfter = retryAfter
    }

    package init(_ rejection: Rejection) {
        self.init(Failure(rejection.reason), rejection.message)
    }

    package init(_ forbidden: Forbidden) {
        self.init(Failure(.forbidden(forbidden.reason)), forbidden.message)
    }

    package init(_ error: VerificationError) {
        self.init(Failure(error.code), error.message, retryAfter: error.retryAfter)
    }
}
