internal import DoormanCore
internal import DoormanWire

// The errors for the rows of the failure contract, and for failures on this side.

extension DoormanError {
    /// Creates the error for a status that a server responded with.
    ///
    /// - Parameter mayBeRepeated: Whether the call is safe to make again even if the server has begun it.
    init(_ status: ResponseDecoder.Status, mayBeRepeated: Bool) {
        guard let failure = status.failure else {
            self.init(unknown: status, mayBeRepeated: mayBeRepeated)
            return
        }
        switch failure {
        case .tokenRejected: self.init(.tokenRejected, status.message)
        case .wrongApplication: self.init(.wrongApplication, status.message)
        case .proofRejected: self.init(.proofRejected, status.message)
        case .wrongProvider: self.init(.wrongProvider, status.message)
        case .malformedToken: self.init(.malformedToken, status.message)
        case .insufficientScope: self.init(.insufficientScope, status.message)
        default:
            // A limit or a drain stops a call before it begins. After any other failure it may have begun.
            let wasNotBegun = failure.row.retry == .elsewhere || failure.row.code == .resourceExhausted
            self.init(
                UnavailableReason(failure), status.message,
                isRetryable: failure.row.retry != .no && (mayBeRepeated || wasNotBegun),
                retryAfter: status.retryAfter ?? (failure.row.retry == .later ? .seconds(1) : nil))
        }
    }

    /// Creates the error for a reason that this version does not know, from its status code (docs/reference/wire-protocol.md, section 5).
    private init(unknown status: ResponseDecoder.Status, mayBeRepeated: Bool) {
        let text = status.message.isEmpty ? "the server responded with status \(status.code)" : status.message
        let (reason, isRetryable): (UnavailableReason, Bool)
        switch status.code {
        case .unauthenticated:
            self.init(.other, text)
            return
        case .unavailable: (reason, isRetryable) = (.providerUnavailable, mayBeRepeated)
        case .resourceExhausted: (reason, isRetryable) = (.serverBusy, true)
        case .invalidArgument: (reason, isRetryable) = (.malformedRequest, false)
        case .permissionDenied: (reason, isRetryable) = (.callerNotAllowed, false)
        case .failedPrecondition: (reason, isRetryable) = (.providerMisconfigured, false)
        case .notFound: (reason, isRetryable) = (.notFound, false)
        case .unimplemented: (reason, isRetryable) = (.unimplemented, false)
        case .deadlineExceeded: (reason, isRetryable) = (.deadlineExceeded, mayBeRepeated)
        default: (reason, isRetryable) = (.serverFailure, false)
        }
        self.init(reason, text, isRetryable: isRetryable, retryAfter: status.retryAfter)
    }

    /// Creates the error of an identity that does not fulfil a requirement, which its server does not know.
    init(unmet denial: VerdictDenial) {
        switch denial {
        case .forbidden: self.init(.insufficientScope, Forbidden.insufficientScope.message)
        case .rejected: self.init(.wrongProvider, Rejection.anotherProvider.message)
        }
    }

    static func draining(_ message: String) -> DoormanError {
        DoormanError(.draining, message.isEmpty ? "the server is shutting down" : message, isRetryable: true)
    }

    /// - Parameter mayHaveBegun: Whether the server may have begun the call, and the call must not be made twice.
    static func deadlineExceeded(_ message: String, mayHaveBegun: Bool) -> DoormanError {
        DoormanError(.deadlineExceeded, message, isRetryable: !mayHaveBegun)
    }

    static func unreachable(_ server: String, _ failure: ConnectFailure, mayHaveBegun: Bool = false) -> DoormanError {
        DoormanError(.unreachable, "no connection to \(server): \(failure)", isRetryable: !mayHaveBegun)
    }

    static func connectionLost(mayHaveBegun: Bool) -> DoormanError {
        DoormanError(.connectionLost, "the connection was lost before the response arrived", isRetryable: !mayHaveBegun)
    }

    static func protocolViolation(_ message: String) -> DoormanError {
        DoormanError(.protocolViolation, message, isRetryable: false)
    }

    static func tooManyWaiting(limit: Int) -> DoormanError {
        DoormanError(.tooManyWaiting, "\(limit) calls wait already; maximumWaitingCalls limits them", isRetryable: true)
    }

    static let noServers = DoormanError(.unreachable, "the client has no servers: targets is empty", isRetryable: false)

    /// Servers take an empty ID or name for none, so that a value which is unset by mistake would switch a requirement off.
    static let emptyName = DoormanError(
        .malformedRequest, "an ID or name in the request is empty: leave it out for any", isRetryable: false)

    static let textWithNUL = DoormanError(.malformedRequest, "an ID or name in the request contains a NUL byte", isRetryable: false)
    static let requestTooLong = DoormanError(.requestTooLong, "the request does not fit into a frame of 4 MiB", isRetryable: false)
    static let cancelled = DoormanError(.cancelled, "the task that made the call was cancelled", isRetryable: false)
    static let clientClosed = DoormanError(.clientClosed, "the client was closed", isRetryable: false)
}

extension UnavailableReason {
    /// - Parameter failure: A failure that is not a verdict.
    fileprivate init(_ failure: Failure) {
        switch failure {
        case .malformedRequest: self = .malformedRequest
        case .unimplemented: self = .unimplemented
        case .serviceUnknown: self = .notFound
        case .callerNotAllowed: self = .callerNotAllowed
        case .providerUnavailable: self = .providerUnavailable
        case .providerBusy: self = .providerBusy
        case .providerMisconfigured: self = .providerMisconfigured
        case .storeUnavailable: self = .storeUnavailable
        case .deadlineExceeded: self = .deadlineExceeded
        case .frameTooLong: self = .requestTooLong
        case .tooManyCalls: self = .serverBusy
        case .tooManyMisses: self = .tooManyMisses
        case .tooManyCallsPerSecond: self = .tooManyCallsPerSecond
        case .tooManyCallsOfCaller: self = .tooManyCallsOfCaller
        case .tooManyCallsAtServer: self = .tooManyCallsAtServer
        case .tooManyDenials: self = .tooManyDenials
        case .draining: self = .draining
        case .internal: self = .serverFailure
        case .tokenRejected, .wrongApplication, .wrongProvider, .proofRejected, .malformedToken, .insufficientScope:
            preconditionFailure("a rejection and a forbidden call are verdicts")
        }
    }
}
