internal import DoormanWire

// How each row of the failure contract, and each way of failing on this side, reads to the caller.

extension DoormanError {
    /// What the server answered.
    ///
    /// - Parameter mayBeRepeated: Whether the call is safe to make again though the server may have begun it.
    init(_ status: ResponseDecoder.Status, mayBeRepeated: Bool) {
        guard let failure = status.failure else {
            self.init(unknown: status, mayBeRepeated: mayBeRepeated)
            return
        }
        switch failure {
        case .tokenRejected: self.init(.tokenRejected, status.message)
        case .wrongApplication: self.init(.wrongApplication, status.message)
        case .proofRejected: self.init(.proofRejected, status.message)
        case .malformedToken: self.init(.malformedToken, status.message)
        default:
            // Limits and drains are met before a call begins; with any other failure it may have begun.
            let wasNotBegun = failure.row.retry == .elsewhere || failure.row.code == .resourceExhausted
            self.init(
                UnavailableReason(failure), status.message,
                isRetryable: failure.row.retry != .no && (mayBeRepeated || wasNotBegun),
                retryAfter: status.retryAfter ?? (failure.row.retry == .later ? .seconds(1) : nil))
        }
    }

    /// A reason that this version does not know: its code decides (`docs/reference/wire-protocol.md`, section 5).
    private init(unknown status: ResponseDecoder.Status, mayBeRepeated: Bool) {
        let text = status.message.isEmpty ? "the server answered \(status.code)" : status.message
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

    static func draining(_ message: String) -> DoormanError {
        DoormanError(.draining, message.isEmpty ? "the server is shutting down" : message, isRetryable: true)
    }

    /// - Parameter mayHaveBegun: Whether the server may have begun a call that must not be made twice.
    static func deadlineExceeded(_ message: String, mayHaveBegun: Bool) -> DoormanError {
        DoormanError(.deadlineExceeded, message, isRetryable: !mayHaveBegun)
    }

    static func unreachable(_ server: String, _ failure: ConnectFailure) -> DoormanError {
        DoormanError(.unreachable, "no connection to \(server): \(failure)", isRetryable: true)
    }

    static func connectionLost(mayHaveBegun: Bool) -> DoormanError {
        DoormanError(.connectionLost, "the connection ended before the answer came", isRetryable: !mayHaveBegun)
    }

    static func protocolViolation(_ message: String) -> DoormanError {
        DoormanError(.protocolViolation, message, isRetryable: false)
    }

    static func tooManyWaiting(limit: Int) -> DoormanError {
        DoormanError(.tooManyWaiting, "\(limit) calls wait already (maximumWaitingCalls)", isRetryable: true)
    }

    static let noServers = DoormanError(.unreachable, "the client was given no server (targets)", isRetryable: false)
    static let textWithNUL = DoormanError(.malformedRequest, "ids and names hold no NUL", isRetryable: false)
    static let requestTooLong = DoormanError(.requestTooLong, "the request does not fit into a frame", isRetryable: false)
    static let cancelled = DoormanError(.cancelled, "the task that made the call was cancelled", isRetryable: false)
    static let clientClosed = DoormanError(.clientClosed, "the client was closed", isRetryable: false)
}

extension UnavailableReason {
    /// - Parameter failure: Not one of the refusals.
    fileprivate init(_ failure: Failure) {
        switch failure {
        case .malformedRequest: self = .malformedRequest
        case .unimplemented: self = .unimplemented
        case .serviceUnknown: self = .notFound
        case .callerNotAllowed: self = .callerNotAllowed
        case .providerUnavailable: self = .providerUnavailable
        case .providerBusy: self = .providerBusy
        case .providerMisconfigured: self = .providerMisconfigured
        case .deadlineExceeded: self = .deadlineExceeded
        case .frameTooLong: self = .requestTooLong
        case .tooManyCalls: self = .serverBusy
        case .tooManyMisses: self = .tooManyMisses
        case .tooManyCallsPerSecond: self = .tooManyCallsPerSecond
        case .tooManyCallsOfCaller: self = .tooManyCallsOfCaller
        case .tooManyCallsAtServer: self = .tooManyCallsAtServer
        case .draining: self = .draining
        case .internal: self = .serverFailure
        case .tokenRejected, .wrongApplication, .proofRejected, .malformedToken:
            preconditionFailure("a refusal is no failure to ask")
        }
    }
}
