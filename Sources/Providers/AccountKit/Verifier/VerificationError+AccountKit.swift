internal import DoormanCore
internal import ProviderHTTP

// Our own words for what went wrong: nothing that Account Kit wrote, and no URL, ever gets into them.

extension VerificationError {
    static let deadlineExceeded = VerificationError(.deadlineExceeded, "The deadline passed before Account Kit had answered.")

    /// Account Kit answered well, but what it says of this one token or account makes no sense.
    static let malformedResponse = VerificationError(.providerUnavailable, ResponseKind.malformed.sentence, scope: .question)

    /// Account Kit refuses us, or we have nothing to show it.
    static func misconfigured(_ message: String) -> VerificationError {
        VerificationError(.providerMisconfigured, message, scope: .credential)
    }

    /// - Parameter answer: One that is neither a success nor a refusal; those are values, and never get here.
    init(_ answer: ResponseClassification) {
        switch answer {
        case .busy(let retryAfter):
            self.init(.providerBusy, ResponseKind.throttled.sentence, retryAfter: retryAfter)
        case .unavailable(let kind, let retryAfter):
            let mayBeOurs = kind == .outageOrWrongSecret || kind == .outageOrNoSuchAccount
            let scope: Scope = mayBeOurs ? .credential : .provider
            self.init(.providerUnavailable, kind.sentence, retryAfter: retryAfter, scope: scope)
        case .misconfigured(let kind):
            self = .misconfigured(kind.sentence)
        case .success, .rejected:
            self.init(.internal, "A verdict was taken for an error.")
        }
    }

    init(_ error: TransportError, at endpoint: AccountKitEndpoint) {
        let isSpent = endpoint == .accessToken && error.requestMayHaveBeenSent
        let suffix = isSpent ? " The code may be spent." : ""
        switch error.code {
        case .deadlineExceeded:
            self.init(.deadlineExceeded, "The deadline passed before Account Kit had answered." + suffix)
        case .cancelled:
            self.init(.deadlineExceeded, "The call was cancelled before Account Kit had answered." + suffix)
        case .queueFull:
            self.init(.providerBusy, "Too many questions to Account Kit are under way.")
        case .refusedByPolicy:
            self.init(.providerMisconfigured, "Account Kit's base URL is not one that may be asked.")
        case .bodyTooLarge where endpoint == .accounts:
            self.init(
                .invalidRequest,
                "The page is longer than provider.max-body allows: ask for fewer accounts a page, or raise that setting.")
        default:
            self.init(.providerUnavailable, Self.sentence(for: error.code) + suffix)
        }
    }

    private static func sentence(for code: TransportError.Code) -> String {
        switch code {
        case .resolveFailed: "Account Kit's host name could not be resolved."
        case .connectFailed: "Account Kit could not be connected to."
        case .tls: "TLS with Account Kit failed."
        case .timedOut: "Account Kit did not answer in time."
        case .bodyTooLarge, .headersTooLarge: "Account Kit's answer is too large."
        case .connectionLost: "The connection to Account Kit was lost."
        case .shutDown: "The connection to Account Kit has been shut down."
        default: "Account Kit did not answer in HTTP."
        }
    }
}

extension ResponseKind {
    /// One sentence for a person.
    var sentence: String {
        switch self {
        case .success: "Account Kit answered."
        case .tokenRejected: "Account Kit knows no such token: it was never valid, has expired, or was revoked."
        case .codeRejected: "Account Kit knows no such code, or it was used before."
        case .proofInvalid: "Account Kit found the proof wrong: the secret is wrong, or the token is another application's."
        case .requestRejected: "Account Kit refused the request."
        case .throttled: "Account Kit throttles this application."
        case .serverError: "Account Kit has an internal error."
        case .outageOrWrongSecret: "Account Kit is down, or refuses the application: check the app id and the Account Kit secret."
        case .outageOrNoSuchAccount:
            "Account Kit is down, knows no such account, or refuses the application: check the account, the app id and the secret."
        case .transientError: "Account Kit has a transient error."
        case .bareTooManyRequests: "Account Kit answers too many requests, and no more."
        case .unexpectedStatus: "Account Kit answered with an unexpected status."
        case .notJSON: "Account Kit's answer is not JSON."
        case .malformed: "Account Kit's answer makes no sense."
        case .proofRequired: "Account Kit requires a proof for this application: set its Account Kit secret."
        }
    }
}

extension Rejection {
    static let unknownApplication = Rejection(
        .wrongApplication, "Account Kit did not say for which application the token was made.")

    init(_ kind: ResponseKind) {
        self.init(kind == .proofInvalid ? .proofRejected : .tokenRejected, kind.sentence)
    }
}
