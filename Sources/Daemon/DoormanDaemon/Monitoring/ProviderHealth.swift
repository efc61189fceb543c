internal import DoormanCore
internal import NIOConcurrencyHelpers
internal import ProviderHTTP

/// What the requests of one application have shown about the provider, for the log.
final class ProviderHealth: Sendable {
    struct Counts: Sendable {
        /// Responses that show that the provider works.
        var successes: UInt64 = 0
        /// Requests without a response, and responses that show an outage.
        var failures: UInt64 = 0
        var throttled: UInt64 = 0
        /// Responses that reject the application's credential or settings.
        var misconfigured: UInt64 = 0
        /// Responses that fit no contract. They may be about the request's token alone.
        var unexpected: UInt64 = 0
        /// Good tokens that exceed a limit of identities.
        var exceedingTokens: UInt64 = 0
        /// Whether the last of these requests failed.
        var hasFailedLast = false
        /// The cause of the last failure.
        var causeOfFailure = ""
        var causeOfUnexpected = ""
        /// The cause of the last response that rejected the credential or the settings.
        var causeOfMisconfiguration = ""
        /// The limit that the last such token exceeds.
        var exceededLimit = ""
    }

    private let counts = NIOLockedValueBox(Counts())
    private let slowCall: Duration

    /// - Parameter slowCall: The minimum time after which a request without a response shows an outage. A caller that has less time left
    ///   shows nothing about the provider.
    init(slowCall: Duration) {
        self.slowCall = slowCall
    }

    var current: Counts { counts.withLockedValue { $0 } }

    /// - Parameter took: The time from the request to its outcome.
    func record(_ endpoint: ProviderEndpoint, _ outcome: RequestOutcome, _ took: Duration) {
        switch outcome {
        case .failed(.deadlineExceeded, _) where took < slowCall: return
        case .failed(let code, let cause):
            guard let text = cause?.description ?? code.causeOfOutage else { return }
            fail(text)
        // A document of keys that can't be used has a log line of its own.
        case .answered(let kind, _) where endpoint.traits.contains(.fetchesKeys) && [.notJSON, .malformed].contains(kind): return
        case .answered(let kind, let status):
            switch kind {
            case .success, .tokenRejected, .codeRejected, .proofInvalid, .otherApplication:
                counts.withLockedValue { counts in
                    counts.successes &+= 1
                    counts.hasFailedLast = false
                }
            case .throttled: counts.withLockedValue { $0.throttled &+= 1 }
            case .proofRequired, .configurationRejected, .credentialRejected:
                // The check of a credential has a log line of its own.
                guard !endpoint.isCredentialCheck else { return }
                counts.withLockedValue { counts in
                    counts.misconfigured &+= 1
                    counts.causeOfMisconfiguration = kind.message
                }
            case .serverError, .transientError, .unexpectedStatus, .notJSON:
                fail("\(kind.message) (status \(status))")
            case .unexpectedError, .malformed:
                counts.withLockedValue { counts in
                    counts.unexpected &+= 1
                    counts.causeOfUnexpected = "\(kind.message) (status \(status))"
                }
            // These have several causes. The check of a credential logs the first.
            case .outageOrWrongSecret, .outageOrNoSuchAccount: return
            }
        }
    }

    func record(_ limit: IdentityLimit) {
        counts.withLockedValue { counts in
            counts.exceedingTokens &+= 1
            counts.exceededLimit = limit.message
        }
    }

    private func fail(_ cause: String) {
        counts.withLockedValue { counts in
            counts.failures &+= 1
            counts.hasFailedLast = true
            counts.causeOfFailure = cause
        }
    }
}

extension TransportError.Code {
    /// The cause of an outage in words; `nil` for a failure that shows nothing about the provider.
    fileprivate var causeOfOutage: String? {
        switch self {
        case .resolveFailed: "the host name could not be resolved"
        case .connectFailed: "the host could not be reached"
        case .tls: "the TLS handshake failed"
        case .timedOut, .deadlineExceeded: "the provider did not respond in time"
        case .connectionLost: "the connection was lost"
        case .streamRefused: "the provider refused the request, or ended its connection"
        case .protocolError: "the response was not HTTP"
        case .bodyTooLarge, .headersTooLarge: "the response was longer than provider.max-body or provider.max-headers allows"
        case .cancelled, .shutDown, .queueFull, .urlNotAllowed: nil
        }
    }
}
