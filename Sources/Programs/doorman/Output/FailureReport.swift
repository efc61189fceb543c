internal import DoormanClient
internal import DoormanSupport

/// A failure, ready to be printed: what happened, and what to do next.
struct FailureReport: Sendable, Equatable {
    private let outcome: String
    private let reason: String
    private let error: DoormanError
    /// What to do next, where that is not what it is after every such failure.
    private let ownAdvice: String?
    let status: ExitStatus

    /// - Parameter next: What to do next, in one sentence; nil for what the error's reason suggests.
    init(_ error: DoormanError, next: String? = nil) {
        self.error = error
        self.ownAdvice = next
        switch error.kind {
        case .rejected(let reason):
            (self.outcome, self.reason, self.status) = ("rejected", reason.description, .rejected)
        case .unavailable(let reason):
            (self.outcome, self.reason, self.status) = ("unavailable", reason.description, .unavailable)
        }
    }

    /// What happened, in one sentence.
    var description: String { error.description }

    /// One line, ended.
    var line: String { Self.line(description, next: next) }

    /// Says it on standard error, its first words in colour where that is possible.
    func complain() {
        let line = line
        let words = status == .rejected ? "rejected" : "unavailable"
        let start = "doorman: " + words
        guard line.hasPrefix(start) else { return StandardStreams.write(line, to: .error) }
        let painted = Palette.error.paint(words, status == .rejected ? .bad : .doubtful)
        StandardStreams.write("doorman: " + painted + line.dropFirst(start.count), to: .error)
    }

    /// Whether a call about something else would fail in the same way: nobody is there, nobody may, or nobody can for a while.
    var hitsEveryCall: Bool {
        guard case .unavailable(let reason) = error.kind else { return false }
        let reasons: Set<UnavailableReason> = [
            .callerNotAllowed, .unimplemented, .providerMisconfigured, .providerBusy, .tooManyMisses, .tooManyCallsPerSecond,
            .tooManyCallsOfCaller, .tooManyCallsAtServer, .draining, .unreachable, .protocolViolation,
            .cancelled, .clientClosed,
        ]
        return reasons.contains(reason)
    }

    /// One line out of a message and an advice.
    static func line(_ message: String, next: String) -> String {
        let sentence = message.split(whereSeparator: \.isNewline).joined(separator: " ").printable
        return "doorman: \(sentence)\(sentence.last.map(".?!".contains) == true ? "" : ".") \(next)\n"
    }

    /// One line, not ended.
    var json: String { JSONOutput.encode(body) }

    var body: FailureJSON {
        FailureJSON(
            outcome: outcome, reason: reason, message: error.message, retryable: error.isRetryable,
            retryAfterSeconds: error.retryAfter?.secondsForJSON, next: next)
    }

    /// What to do next, in one sentence.
    var next: String {
        if let ownAdvice { return ownAdvice }
        return switch error.kind {
        case .rejected(let reason): Self.advice(reason)
        // The client has one reason for all that may be wrong with a connection, and says the rest in words.
        case .unavailable(.unreachable) where error.message.contains("TLS"): Self.adviceOnTLS
        case .unavailable(let reason): Self.advice(reason) ?? general
        }
    }

    private var general: String {
        guard error.isRetryable else { return "See the server's log." }
        guard let retryAfter = error.retryAfter else { return "Try again." }
        return "Try again in \(DurationText.describe(retryAfter))."
    }

    private static let adviceOnTLS =
        "Check --ca-file, --server-name and --certificate-file, and whether this port speaks TLS (else --no-tls)."

    private static func advice(_ reason: RejectionReason) -> String {
        switch reason {
        case .wrongApplication: "Check that the app and the server are configured for the same application."
        case .proofRejected: "Check the application's secret on the server, and that the token is of that application."
        case .malformedToken: "Check that the whole of it was copied, and that it is a user's token, or a code where one is wanted."
        default: "Have the user log in again."
        }
    }

    private static func advice(_ reason: UnavailableReason) -> String? {
        switch reason {
        case .unreachable: "Start doormand, or name its address with --address or DOORMAN_ADDRESS."
        case .deadlineExceeded: "Try again with a longer --timeout, and see whether 'doorman health' answers."
        case .protocolViolation: "Check that this is Doorman's port, 7117 by default, and whether it speaks TLS (--tls)."
        case .providerMisconfigured: "Check the application's id and secret on the server."
        case .callerNotAllowed: "Ask the server's operator to allow this caller."
        case .malformedRequest: "Check the application and account ids, and the page size."
        case .requestTooLong: "Check that this is a token: it is longer than the server takes."
        case .unimplemented: "The server or its provider has no such operation: compare their versions."
        default: nil
        }
    }
}

/// What every command prints with `--json` if it fails.
struct FailureJSON: Encodable {
    let outcome: String
    let reason: String
    let message: String
    let retryable: Bool
    /// Left out where it is not known.
    let retryAfterSeconds: Double?
    let next: String
}
