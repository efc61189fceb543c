package import DoormanCore

// Messages contain our own text only: no URL, and nothing that a provider wrote.

extension VerificationError {
    static let deadlineExceeded = VerificationError(
        .deadlineExceeded, "The deadline passed before the provider responded.", request: .sent)

    static let deadlineBeforeRequest = VerificationError(
        .deadlineExceeded, "The deadline passed before a request to the provider could begin.")

    /// The response about this one token or account is malformed. The provider itself is well.
    package static let malformedResponse = VerificationError(
        .providerUnavailable, ResponseKind.malformed.message, scope: .request, request: .responded)

    /// An error in our own settings: the provider rejects our credential, or no credential is configured.
    package static func misconfigured(_ message: String, request: RequestProgress = .notSent) -> VerificationError {
        VerificationError(.providerMisconfigured, message, scope: .credential, request: request)
    }

    /// Creates the error of a response without a verdict.
    ///
    /// - Parameter response: Neither a success nor a rejection: these are values, not errors.
    package init(_ response: ResponseClassification) {
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

    init(_ error: TransportError, of request: HTTPRequest, to endpoint: ProviderEndpoint) {
        let codeMayBeUsed = endpoint.traits.contains(.spendsCode) && error.requestMayHaveBeenSent
        let suffix = codeMayBeUsed ? " The code may have been used: request a new code." : ""
        switch error.code {
        case .deadlineExceeded:
            self.init(.deadlineExceeded, Self.deadlineExceeded.message + suffix, request: .sent)
        case .cancelled:
            self.init(.deadlineExceeded, "The call was cancelled before the provider responded." + suffix, request: .sent)
        case .queueFull:
            self.init(.providerBusy, "Too many requests to the provider are in flight.")
        case .urlNotAllowed:
            self.init(.providerMisconfigured, "The provider's URL is not allowed: use HTTPS, or HTTP to this machine.")
        case .bodyTooLarge where endpoint.traits.contains(.isPaged):
            self.init(
                .invalidRequest,
                "The page is longer than provider.max-body allows: request a smaller page, or raise that setting.",
                request: .responded)
        case .bodyTooLarge where request.maximumBodyBytes != nil:
            self.init(.providerUnavailable, "The provider's response is longer than Doorman accepts.", request: .responded)
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
        case .resolveFailed: "Cannot resolve the provider's host name."
        case .connectFailed: "Cannot connect to the provider."
        case .tls: "The TLS handshake with the provider failed."
        case .timedOut: "The provider did not respond in time."
        case .bodyTooLarge, .headersTooLarge:
            "The provider's response is longer than provider.max-body or provider.max-headers allows."
        case .connectionLost: "The connection to the provider was lost."
        case .streamRefused: "The provider refused the request, or ended its connection before a response."
        case .shutDown: "The server is shutting down and sends no more requests to the provider."
        default: "The HTTP exchange with the provider failed."
        }
    }
}
