internal import DoormanClient
internal import DoormanSupport

/// A failure for output: what failed, and the next step.
struct FailureReport: Error, Equatable {
    private let outcome: String
    /// The reason's name, such as `PROVIDER_UNAVAILABLE`.
    let reason: String
    private let error: DoormanError
    /// The next step, if it differs from the step for the error's reason.
    private let ownAdvice: String?
    let status: ExitStatus

    /// - Parameters:
    ///   - error: The error of the call.
    ///   - next: The next step, in one sentence. `nil` for the step for the error's reason.
    init(_ error: DoormanError, next: String? = nil) {
        self.error = error
        self.ownAdvice = next
        switch error.kind {
        case .rejected(let reason):
            (self.outcome, self.reason, self.status) = ("rejected", reason.description, .rejected)
        case .forbidden(let reason):
            // 1, too: the token can't be used for this.
            (self.outcome, self.reason, self.status) = ("forbidden", reason.description, .rejected)
        case .unavailable(let reason):
            // The ids and numbers of a request come from the command line.
            let status: ExitStatus = reason == .malformedRequest ? .wrongUse : .unavailable
            (self.outcome, self.reason, self.status) = ("unavailable", reason.description, status)
        }
    }

    /// The failure in one sentence.
    var description: String { error.description }

    /// The failure and the next step on one line, with a newline.
    var line: String { Self.line(description, next: next) }

    /// Returns a line of warning about a server that a revocation could not reach.
    ///
    /// - Parameter subject: The tokens that the server may accept.
    static func warning(_ failure: RevocationResult.Failure, about subject: String) -> String {
        line(
            "warning: \(failure.server) could not be reached: \(failure.error.message)",
            next: "It may accept \(subject) until its cached entries end. Repeat the command when it is back.")
    }

    /// The line about the servers that a failed revocation did reach; `nil` if there are none.
    var confirmation: String? {
        guard let confirmed = error.revocation?.confirmed, !confirmed.isEmpty else { return nil }
        return Self.line(
            "the tokens are revoked at \(confirmed.map(\.description).joined(separator: ", "))",
            next: "Repeat the command for the other servers.")
    }

    /// Prints the line on standard error, with the outcome in colour if the terminal allows it.
    func printLine() {
        printFailure()
        if let confirmation { StandardStreams.writeError(confirmation) }
    }

    private func printFailure() {
        let line = line
        let start = "doorman: " + outcome
        guard line.hasPrefix(start) else { return StandardStreams.writeError(line) }
        let painted = Palette.error.paint(outcome, status == .rejected ? .bad : .warning)
        StandardStreams.writeError("doorman: " + painted + line.dropFirst(start.count))
    }

    /// Whether every other call would fail in the same way: the server is unreachable, forbids the calls, or is at a limit.
    var affectsEveryCall: Bool {
        guard case .unavailable(let reason) = error.kind else { return false }
        let reasons: Set<UnavailableReason> = [
            .callerNotAllowed, .unimplemented, .providerMisconfigured, .providerBusy, .storeUnavailable, .tooManyMisses,
            .tooManyCallsPerSecond, .tooManyCallsOfCaller, .tooManyCallsAtServer, .draining, .unreachable, .protocolViolation,
            .cancelled, .clientClosed,
        ]
        return reasons.contains(reason)
    }

    /// Joins a message and the next step to one line.
    static func line(_ message: String, next: String) -> String {
        let sentence = sentence(message)
        return "doorman: \(sentence)\(sentence.last.map(".?!".contains) == true ? "" : ".") \(next)\n"
    }

    /// Returns the message on one line, without control characters.
    static func sentence(_ message: String) -> String {
        message.split(whereSeparator: \.isNewline).joined(separator: " ").printable
    }

    /// One line of JSON, without a newline.
    var json: String { JSONOutput.encode(body) }

    var body: FailureJSON {
        FailureJSON(
            outcome: outcome, reason: reason, message: error.message, retryable: error.isRetryable,
            retryAfterSeconds: error.retryAfter?.secondsForJSON, next: next, servers: error.revocation.map { RevocationJSON($0) })
    }

    /// The next step, in one sentence.
    var next: String {
        if let ownAdvice { return ownAdvice }
        return switch error.kind {
        case .rejected(let reason): Self.advice(reason)
        case .forbidden: "Get a token with the scopes that --require-scope names. The user stays logged in."
        case .unavailable(.unreachable): Self.advice(onConnecting: error.message)
        case .unavailable(let reason): Self.advice(reason) ?? general
        }
    }

    private var general: String {
        guard error.isRetryable else { return "Check the server's log." }
        guard let retryAfter = error.retryAfter else { return "Try again." }
        return "Try again in \(DurationText.describe(retryAfter))."
    }

    /// Returns the next step after a connection that could not be opened.
    private static func advice(onConnecting message: String) -> String {
        switch ConnectFailureCause(in: message) {
        case .certificateExpired: "Have the server's certificate renewed, or check this machine's clock."
        case .certificateNotYetValid: "Check the clocks of this machine and of the server."
        case .untrustedAuthority: "Give the certificate of the server's authority with --ca-file."
        case .otherServerName: "Connect by a name of the certificate, or give the name with --server-name."
        case .clientCertificate: "Give a certificate that the server accepts with --certificate-file and --private-key-file."
        case .closedDuringHandshake: "Use --no-tls if this port does not speak TLS, or look into the server's log."
        case .silentServer: "Check that this is Doorman's port, 7117 by default, or look into the server's log."
        case .noTLS: "Use --no-tls, or check the port of --address."
        case .otherTLSFailure:
            "Check --ca-file, --server-name and --certificate-file, and use --no-tls if this port does not speak TLS."
        case .unknownName: "Check the host of --address or DOORMAN_ADDRESS."
        case .notAllowed: "Ask the server's operator for access to the socket."
        case .timedOut: "Check the address and the network, or try again with a longer --timeout."
        case .noNetwork: "Check the address and the network."
        case nil: "Start doormand, or give its address with --address or DOORMAN_ADDRESS."
        }
    }

    private static func advice(_ reason: RejectionReason) -> String {
        switch reason {
        case .wrongProvider: "Check that --provider names the provider that issued the token."
        case .wrongApplication, .proofRejected: "Check that the app and the server use the same application."
        case .malformedToken: "Check that it was copied completely, and that it is a user's token, or for 'exchange' a code."
        default: "Have the user log in again."
        }
    }

    private static func advice(_ reason: UnavailableReason) -> String? {
        switch reason {
        case .deadlineExceeded: "Try again with a longer --timeout, or check the server with 'doorman health'."
        case .protocolViolation: "Check that this is Doorman's port, 7117 by default, and use --tls if it speaks TLS."
        case .providerMisconfigured: "Check the provider's settings on the server: id, secret, claims. Its log has the cause."
        case .storeUnavailable:
            "Try again when the servers reach the store that they share. A revocation is done at this server only."
        case .callerNotAllowed: "Ask the server's operator to allow this caller."
        case .malformedRequest: "Check the application and account ids, the position, and the page size."
        case .requestTooLong: "Check that this is a token: it is longer than the server accepts."
        case .unimplemented:
            "The provider does not have this operation, or doormand is older: compare its version, and see what the kind can do."
        default: nil
        }
    }
}

/// The JSON output of a failed command.
struct FailureJSON: Encodable {
    let outcome: String
    let reason: String
    let message: String
    let retryable: Bool
    /// Absent if unknown.
    let retryAfterSeconds: Double?
    let next: String
    /// The outcome at each server. Absent unless the command goes to every server.
    let servers: RevocationJSON?
}
