internal import DoormanCore
internal import ProviderHTTP

// Messages contain our own text only: no URL, and nothing that Account Kit wrote.

extension VerificationError {
    static let deadlineExceeded = VerificationError(
        .deadlineExceeded, "The deadline passed before Account Kit responded.", request: .sent)

    static let deadlineBeforeRequest = VerificationError(
        .deadlineExceeded, "The deadline passed before a request to Account Kit could begin.")

    /// The response about this one token or account is malformed. Account Kit itself is well.
    static let malformedResponse = VerificationError(
        .providerUnavailable, ResponseKind.malformed.message, scope: .request, request: .responded)

    static let invalidAccountID = VerificationError(
        .invalidRequest, "Invalid account id: expected 1 to 64 decimal digits without a leading zero.")

    /// Account Kit rejected our own credential.
    static let applicationRejected = misconfigured(ResponseKind.configurationRejected.message, request: .responded)

    /// An error in our own settings: Account Kit rejects our credential, or no credential is configured.
    static func misconfigured(_ message: String, request: RequestProgress = .notSent) -> VerificationError {
        VerificationError(.providerMisconfigured, message, scope: .credential, request: request)
    }

    /// Creates the error of a response without a verdict.
    ///
    /// - Parameter response: Neither a success nor a rejection: these are values, not errors.
    init(_ response: ResponseClassification) {
        switch response {
        case .busy(let retryAfter):
            self.init(.providerBusy, ResponseKind.throttled.message, retryAfter: retryAfter, request: .responded)
        case .unavailable(let kind, let retryAfter):
            let scope: Scope =
                switch kind {
                case .outageOrWrongSecret, .outageOrNoSuchAccount: .credential
                // The error is about this one request.
                case .unexpectedError: .request
                default: .provider
                }
            self.init(.providerUnavailable, kind.message, retryAfter: retryAfter, scope: scope, request: .responded)
        case .misconfigured(let kind):
            self = .misconfigured(kind.message, request: .responded)
        case .success, .rejected:
            self.init(.internal, "A verdict was treated as an error. This is a bug in Doorman: report it.")
        }
    }

    init(_ error: TransportError, at endpoint: AccountKitEndpoint) {
        let codeMayBeUsed = endpoint == .accessToken && error.requestMayHaveBeenSent
        let suffix = codeMayBeUsed ? " The code may have been used: request a new code." : ""
        switch error.code {
        case .deadlineExceeded:
            self.init(.deadlineExceeded, Self.deadlineExceeded.message + suffix, request: .sent)
        case .cancelled:
            self.init(.deadlineExceeded, "The call was cancelled before Account Kit responded." + suffix, request: .sent)
        case .queueFull:
            self.init(.providerBusy, "Too many requests to Account Kit are in flight.")
        case .urlNotAllowed:
            self.init(.providerMisconfigured, "Account Kit's base URL is not allowed: use HTTPS, or HTTP to this machine.")
        case .bodyTooLarge where endpoint == .accounts:
            self.init(
                .invalidRequest,
                "The page is longer than provider.max-body allows: request a smaller page, or raise that setting.",
                request: .responded)
        case .bodyTooLarge, .headersTooLarge:
            self.init(.providerUnavailable, Self.message(for: error.code) + suffix, request: .responded)
        case .shutDown:
            self.init(.providerUnavailable, Self.message(for: error.code))
        default:
            self.init(.providerUnavailable, Self.message(for: error.code) + suffix, request: .sent)
        }
    }

    private static func message(for code: TransportError.Code) -> String {
        switch code {
        case .resolveFailed: "Cannot resolve Account Kit's host name."
        case .connectFailed: "Cannot connect to Account Kit."
        case .tls: "The TLS handshake with Account Kit failed."
        case .timedOut: "Account Kit did not respond in time."
        case .bodyTooLarge, .headersTooLarge:
            "Account Kit's response is longer than provider.max-body or provider.max-headers allows."
        case .connectionLost: "The connection to Account Kit was lost."
        case .streamRefused: "Account Kit refused the request, or ended its connection before a response."
        case .shutDown: "The server is shutting down and sends no more requests to Account Kit."
        default: "The HTTP exchange with Account Kit failed."
        }
    }
}

extension ResponseKind {
    /// A message for people: the failure and its cause, in one sentence.
    package var message: String {
        switch self {
        case .success: "Account Kit responded."
        case .tokenRejected: "Account Kit rejected the token: it is invalid, expired or revoked."
        case .codeRejected: "Account Kit rejected the code: it is invalid or was used before."
        case .proofInvalid:
            "Account Kit rejected the appsecret_proof: the app secret is wrong, or the token belongs to another application."
        case .throttled: "Account Kit is rate limiting this application."
        case .serverError: "Account Kit returned a server error."
        case .outageOrWrongSecret: "Account Kit is down, or it rejected the application: check the app id and the app secret."
        case .outageOrNoSuchAccount:
            "Account Kit is down, has no such account, or rejected the application: check the account, app id and app secret."
        case .transientError: "Account Kit returned a transient error."
        case .unexpectedError: "Account Kit returned an unexpected error."
        case .unexpectedStatus: "Account Kit returned an unexpected HTTP status."
        case .notJSON: "Account Kit's response is not a JSON object."
        case .malformed: "Account Kit's response is malformed."
        case .proofRequired: "Account Kit requires an appsecret_proof for this application: configure its app secret."
        case .configurationRejected:
            "Account Kit rejected the application: check the app id, the app secret and the API version."
        }
    }
}

extension Rejection {
    static let unknownApplication = Rejection(
        .wrongApplication, "Account Kit's response does not name the application of the token.")

    init(_ kind: ResponseKind) {
        self.init(kind == .proofInvalid ? .proofRejected : .tokenRejected, kind.message)
    }
}
