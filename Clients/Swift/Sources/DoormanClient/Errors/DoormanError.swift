/// The error of a call that has no result.
///
/// There are two kinds, and they never turn into each other. A *rejected* token or code (``Kind-swift.enum/rejected(_:)``) is a verdict. An
/// *unavailable* verdict (``Kind-swift.enum/unavailable(_:)``) says nothing at all about the token. Log a user out for the first, never for
/// the second.
public struct DoormanError: Error, Sendable, Hashable {
    /// The kind of an error, and its reason.
    public enum Kind: Sendable, Hashable {
        /// A verdict: the token or code is not good. Asking again gives the same.
        case rejected(RejectionReason)
        /// No verdict. The token may be good or not.
        case unavailable(UnavailableReason)
    }

    /// Whether the token was rejected, or there is no verdict.
    public let kind: Kind
    /// One sentence for a person. Never holds a token, code or secret.
    public let message: String
    /// Whether the same call may succeed later and is safe to make again. For an exchange this is false as soon as its code may
    /// have been spent.
    public let isRetryable: Bool
    /// When it is worth asking again, if the server said so.
    public let retryAfter: Duration?

    /// The reason why the token or code was rejected; `nil` if there is no verdict.
    public var rejection: RejectionReason? {
        if case .rejected(let reason) = kind { reason } else { nil }
    }

    /// Creates a rejection. The client makes these; yours are for tests.
    public init(_ rejection: RejectionReason, _ message: String) {
        self.kind = .rejected(rejection)
        self.message = message
        self.isRetryable = false
        self.retryAfter = nil
    }

    /// Creates an error without a verdict. The client makes these; yours are for tests.
    public init(_ reason: UnavailableReason, _ message: String, isRetryable: Bool, retryAfter: Duration? = nil) {
        self.kind = .unavailable(reason)
        self.message = message
        self.isRetryable = isRetryable
        self.retryAfter = retryAfter
    }
}

extension DoormanError: CustomStringConvertible {
    /// Kind, reason and message. For logs: it holds no token.
    public var description: String {
        switch kind {
        case .rejected(let reason): "rejected (\(reason)): \(message)"
        case .unavailable(let reason): "unavailable (\(reason)): \(message)"
        }
    }
}

/// The reason why a token or code is rejected. Its text is the reason's name in Doorman's contract.
public struct RejectionReason: Sendable, Hashable, CustomStringConvertible {
    /// The reason's name, such as `TOKEN_REJECTED`.
    public let description: String

    private init(_ description: String) {
        self.description = description
    }

    /// The provider knows no such token or code, or knows it as expired, used or revoked.
    public static let tokenRejected = RejectionReason("TOKEN_REJECTED")
    /// The token was made for another application.
    public static let wrongApplication = RejectionReason("WRONG_APPLICATION")
    /// The provider found the proof wrong: the token is another application's, or the server's secret is wrong.
    public static let proofRejected = RejectionReason("PROOF_REJECTED")
    /// It can't be a token or code: empty, too long, or of an impossible alphabet or family.
    public static let malformedToken = RejectionReason("MALFORMED_TOKEN")
    /// A reason of a newer server, which this version does not know.
    public static let other = RejectionReason("REFUSED")
}

/// The reason why there is no verdict. Its text is the reason's name in Doorman's contract, where the server gave it.
public struct UnavailableReason: Sendable, Hashable, CustomStringConvertible {
    /// The reason's name, such as `PROVIDER_UNAVAILABLE`.
    public let description: String

    private init(_ description: String) {
        self.description = description
    }

    // What the server says.

    /// The provider is down, unreachable, too slow, or answers nonsense.
    public static let providerUnavailable = UnavailableReason("PROVIDER_UNAVAILABLE")
    /// The provider throttles the server, or the server's budget for it is spent.
    public static let providerBusy = UnavailableReason("PROVIDER_BUSY")
    /// The provider refuses the server's application id, secret or settings.
    public static let providerMisconfigured = UnavailableReason("PROVIDER_MISCONFIGURED")
    /// The server does not allow this caller this method.
    public static let callerNotAllowed = UnavailableReason("CALLER_NOT_ALLOWED")
    /// The request makes no sense to the server: an application id or account id that it can't use.
    public static let malformedRequest = UnavailableReason("MALFORMED_REQUEST")
    /// The request is longer than the server, or this client, takes.
    public static let requestTooLong = UnavailableReason("LIMIT_FRAME_LENGTH")
    /// One of the server's limits is reached.
    public static let serverBusy = UnavailableReason("LIMIT_CALLS_IN_FLIGHT")
    /// This caller asked about more tokens that the server does not remember than its share allows. Ask again later; a flood of
    /// bad tokens is the usual cause.
    public static let tooManyMisses = UnavailableReason("LIMIT_CALLER_MISSES")
    /// This caller makes more calls in a second than the server's policy grants it, from all its connections together.
    public static let tooManyCallsPerSecond = UnavailableReason("LIMIT_CALLER_RATE")
    /// As many calls of this caller wait at the server, over all its connections, as the server's policy grants it. What the
    /// server remembers is still answered.
    public static let tooManyCallsOfCaller = UnavailableReason("LIMIT_CALLER_CALLS_IN_FLIGHT")
    /// As many calls wait at the server, of all callers, as it lets wait. What it remembers is still answered.
    public static let tooManyCallsAtServer = UnavailableReason("LIMIT_SERVER_CALLS_IN_FLIGHT")
    /// The server is shutting down, and so were those that the call was sent to after it.
    public static let draining = UnavailableReason("DRAINING")
    /// The server, or its provider, has no such operation.
    public static let unimplemented = UnavailableReason("UNIMPLEMENTED")
    /// The server has no service of the name that its health was asked for. ``DoormanClient/health(service:timeout:)`` says
    /// ``HealthStatus/serviceUnknown`` instead.
    public static let notFound = UnavailableReason("NOT_FOUND")
    /// A fault of the server, or an answer that this version does not know.
    public static let serverFailure = UnavailableReason("INTERNAL")

    // What either side says.

    /// The deadline passed first.
    public static let deadlineExceeded = UnavailableReason("DEADLINE_EXCEEDED")

    // What the client says.

    /// No connection came about before the deadline.
    public static let unreachable = UnavailableReason("UNREACHABLE")
    /// The connection ended before the answer came.
    public static let connectionLost = UnavailableReason("CONNECTION_LOST")
    /// What came back is not what a Doorman server sends.
    public static let protocolViolation = UnavailableReason("PROTOCOL_VIOLATION")
    /// Too many calls wait in this client already.
    public static let tooManyWaiting = UnavailableReason("CLIENT_QUEUE_FULL")
    /// The task that made the call was cancelled.
    public static let cancelled = UnavailableReason("CANCELLED")
    /// The client was closed.
    public static let clientClosed = UnavailableReason("CLIENT_CLOSED")
}
