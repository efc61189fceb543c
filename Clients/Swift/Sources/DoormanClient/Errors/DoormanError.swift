/// The error of a call that has no result.
///
/// There are three kinds, and they never turn into each other. A *rejected* token or code (``Kind-swift.enum/rejected(_:)``) is a verdict, and
/// so is a *forbidden* call with a valid token (``Kind-swift.enum/forbidden(_:)``). An *unavailable* verdict
/// (``Kind-swift.enum/unavailable(_:)``) says nothing at all about the token. Log a user out for the first, never for the others.
public struct DoormanError: Error, Sendable, Hashable {
    /// The kind of an error, and its reason.
    public enum Kind: Sendable, Hashable {
        /// A verdict: the token or code is not good. A retry gives the same verdict.
        case rejected(RejectionReason)
        /// A verdict: the token is good, but the call is not allowed with it. The user stays logged in.
        case forbidden(ForbiddenReason)
        /// No verdict: the token may be good or not.
        case unavailable(UnavailableReason)
    }

    /// Whether the token was rejected, the call is forbidden, or there is no verdict.
    public let kind: Kind
    /// One sentence for the person who runs the service. It never holds a token, code or secret.
    public let message: String
    /// Whether the same call may succeed later and is safe to make again. It is `false` for an exchange once the code may have been spent.
    public let isRetryable: Bool
    /// The time to wait before a retry, above zero; `nil` if the server gave none.
    public let retryAfter: Duration?
    /// The outcome at each server, for a revocation or a deletion that failed; otherwise `nil`.
    public var revocation: RevocationResult?

    /// The reason why the token or code was rejected; `nil` for another kind.
    public var rejection: RejectionReason? {
        if case .rejected(let reason) = kind { reason } else { nil }
    }

    /// Creates a rejection. The client creates these; create your own for tests only.
    public init(_ rejection: RejectionReason, _ message: String) {
        self.kind = .rejected(rejection)
        self.message = message
        self.isRetryable = false
        self.retryAfter = nil
    }

    /// Creates the error of a forbidden call. The client creates these; create your own for tests only.
    public init(_ reason: ForbiddenReason, _ message: String) {
        self.kind = .forbidden(reason)
        self.message = message
        self.isRetryable = false
        self.retryAfter = nil
    }

    /// Creates an error without a verdict. The client creates these; create your own for tests only.
    public init(_ reason: UnavailableReason, _ message: String, isRetryable: Bool, retryAfter: Duration? = nil) {
        self.kind = .unavailable(reason)
        self.message = message
        self.isRetryable = isRetryable
        self.retryAfter = retryAfter
    }
}

extension DoormanError: CustomStringConvertible {
    /// The kind, reason and message, for logs. It holds no token.
    public var description: String {
        switch kind {
        case .rejected(let reason): "rejected (\(reason)): \(message)"
        case .forbidden(let reason): "forbidden (\(reason)): \(message)"
        case .unavailable(let reason): "unavailable (\(reason)): \(message)"
        }
    }
}

/// The reason why a call with a valid token is not allowed.
public struct ForbiddenReason: Sendable, Hashable, CustomStringConvertible {
    /// The reason's name in the failure contract, such as `INSUFFICIENT_SCOPE`.
    public let description: String

    private init(_ description: String) {
        self.description = description
    }

    /// The token lacks a scope that the call requires.
    public static let insufficientScope = ForbiddenReason("INSUFFICIENT_SCOPE")
}

/// The reason why a token or code is rejected.
public struct RejectionReason: Sendable, Hashable, CustomStringConvertible {
    /// The reason's name in the failure contract, such as `TOKEN_REJECTED`.
    public let description: String

    private init(_ description: String) {
        self.description = description
    }

    /// The provider does not know the token or code, or it is expired, used or revoked.
    public static let tokenRejected = RejectionReason("TOKEN_REJECTED")
    /// The token was issued for another application.
    public static let wrongApplication = RejectionReason("WRONG_APPLICATION")
    /// The token belongs to another provider than the call named.
    public static let wrongProvider = RejectionReason("WRONG_PROVIDER")
    /// The token belongs to another application: the provider rejected the server's proof, though its secret works.
    public static let proofRejected = RejectionReason("PROOF_REJECTED")
    /// The text is not a token or code: it is empty, too long, or has characters or a prefix that no token has.
    public static let malformedToken = RejectionReason("MALFORMED_TOKEN")
    /// The server is newer and gave a reason that this version does not know.
    public static let other = RejectionReason("REJECTED")
}

/// The reason why there is no verdict.
public struct UnavailableReason: Sendable, Hashable, CustomStringConvertible {
    /// The reason's name, such as `PROVIDER_UNAVAILABLE`: in the failure contract, or this client's own.
    public let description: String

    private init(_ description: String) {
        self.description = description
    }

    // From the server.

    /// The provider is down, unreachable or too slow, or its response is malformed.
    public static let providerUnavailable = UnavailableReason("PROVIDER_UNAVAILABLE")
    /// The provider throttles the server, or the server's rate limit for the provider is reached.
    public static let providerBusy = UnavailableReason("PROVIDER_BUSY")
    /// The provider does not accept the server's application ID, secret or settings.
    public static let providerMisconfigured = UnavailableReason("PROVIDER_MISCONFIGURED")
    /// The servers share revocations by a store, and the server can't reach it. Then it gives no verdict on tokens that it verifies without
    /// their provider, and a revocation that it has carried out is not announced to the other servers yet.
    public static let storeUnavailable = UnavailableReason("STORE_UNAVAILABLE")
    /// The server does not permit this caller to call this method.
    public static let callerNotAllowed = UnavailableReason("CALLER_NOT_ALLOWED")
    /// The request has an application ID or account ID that the server can't use.
    public static let malformedRequest = UnavailableReason("MALFORMED_REQUEST")
    /// The request is longer than the server's limit, or than a frame may be.
    public static let requestTooLong = UnavailableReason("LIMIT_FRAME_LENGTH")
    /// The limit on calls in flight on a connection is reached, or another limit of a newer server.
    public static let serverBusy = UnavailableReason("LIMIT_CALLS_IN_FLIGHT")
    /// This caller's rate limit for tokens that are not in the server's cache is reached. A flood of bad tokens is the usual cause.
    public static let tooManyMisses = UnavailableReason("LIMIT_CALLER_MISSES")
    /// This caller's rate limit is reached. It applies to all its connections together.
    public static let tooManyCallsPerSecond = UnavailableReason("LIMIT_CALLER_RATE")
    /// This caller's limit on calls in flight is reached. It applies to all its connections together. Cache hits still succeed.
    public static let tooManyCallsOfCaller = UnavailableReason("LIMIT_CALLER_CALLS_IN_FLIGHT")
    /// The server's limit on calls in flight of all callers is reached. Cache hits still succeed.
    public static let tooManyCallsAtServer = UnavailableReason("LIMIT_SERVER_CALLS_IN_FLIGHT")
    /// The server's list of revoked tokens is full, or this caller's part of it. Nothing was revoked.
    public static let tooManyDenials = UnavailableReason("LIMIT_DENIALS")
    /// The server is shutting down, as was every other server that the call was sent to.
    public static let draining = UnavailableReason("DRAINING")
    /// The server or its provider does not have this operation.
    public static let unimplemented = UnavailableReason("UNIMPLEMENTED")
    /// The server has no service of the name in a health check. ``DoormanClient/health(service:timeout:)`` returns
    /// ``HealthStatus/serviceUnknown`` instead of this error.
    public static let notFound = UnavailableReason("NOT_FOUND")
    /// The server failed, or sent a status that this version does not know.
    public static let serverFailure = UnavailableReason("INTERNAL")

    // From the server or the client.

    /// The deadline passed before there was a response.
    public static let deadlineExceeded = UnavailableReason("DEADLINE_EXCEEDED")

    // From the client.

    /// No connection was established before the deadline.
    public static let unreachable = UnavailableReason("UNREACHABLE")
    /// The connection was lost before the response arrived.
    public static let connectionLost = UnavailableReason("CONNECTION_LOST")
    /// The peer sent bytes that a Doorman server does not send.
    public static let protocolViolation = UnavailableReason("PROTOCOL_VIOLATION")
    /// The client's limit on waiting calls is reached: ``DoormanClientConfiguration/maximumWaitingCalls``.
    public static let tooManyWaiting = UnavailableReason("CLIENT_QUEUE_FULL")
    /// The task that made the call was cancelled.
    public static let cancelled = UnavailableReason("CANCELLED")
    /// The client was closed.
    public static let clientClosed = UnavailableReason("CLIENT_CLOSED")
}
