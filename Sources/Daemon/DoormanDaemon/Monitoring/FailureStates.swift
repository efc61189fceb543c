internal import DoormanSupport
internal import DoormanWire
internal import Logging

/// The states of failures that concern a call alone, such as a rejected token: calls fail so, or no longer do.
///
/// A line for each call would let callers write the log.
struct FailureStates {
    private static let lines = StateLines(level: .info, began: "calls fail", ended: "calls no longer fail", events: "calls")

    private var states: [Failure: LoggedState] = [:]
    private var before: [Failure: UInt64] = [:]

    /// Logs the states that have begun or ended since the last look.
    ///
    /// - Parameter counts: The failed calls since the start.
    mutating func look(_ counts: [Failure: UInt64], _ logger: Logger, at now: Instant) {
        defer { before = counts }
        for failure in Failure.allCases where !failure.hasLineOfItsOwn {
            let (count, earlier) = (counts[failure] ?? 0, before[failure] ?? 0)
            // An event loop that is shut down takes its counts with it.
            let change = states[failure, default: LoggedState(quietTime: .seconds(60))].record(
                count > earlier ? count &- earlier : 0, at: now)
            var metadata: Logger.Metadata = ["code": "\(failure.row.code)"]
            if let reason = failure.row.reason { metadata["reason"] = "\(reason)" }
            Self.lines.log(change, metadata: metadata, to: logger)
        }
    }
}

extension Failure {
    /// Whether another state, that of a provider, a caller or a limit, has lines for the failure.
    fileprivate var hasLineOfItsOwn: Bool {
        switch self {
        case .callerNotAllowed, .providerUnavailable, .providerBusy, .providerMisconfigured, .tooManyCalls, .tooManyMisses,
            .tooManyCallsPerSecond, .tooManyCallsOfCaller, .tooManyCallsAtServer, .tooManyDenials:
            true
        case .tokenRejected, .wrongApplication, .wrongProvider, .proofRejected, .malformedToken, .insufficientScope,
            .malformedRequest, .unimplemented, .serviceUnknown, .storeUnavailable, .deadlineExceeded, .frameTooLong, .draining,
            .internal:
            false
        }
    }
}
