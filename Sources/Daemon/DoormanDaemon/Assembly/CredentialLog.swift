internal import DoormanCore
internal import DoormanSupport
internal import Logging
internal import NIOConcurrencyHelpers
internal import ProviderHTTP
internal import ProviderRouting

/// Logs the first failed check of a provider's credentials, and the first success after it.
final class CredentialLog: Sendable {
    private struct Failure: Sendable {
        let since: Instant
        let applicationID: String
        /// Whether the provider has rejected the credential.
        var isRejection: Bool
    }

    private let logger: Logger
    private let time: TimeSource
    /// The providers whose last check failed.
    private let failures = NIOLockedValueBox<[String: Failure]>([:])

    init(logger: Logger, time: TimeSource) {
        self.logger = logger
        self.time = time
    }

    /// Returns the observer of a router's checks.
    ///
    /// - Parameter isInUse: Whether the router is in use. A router that a reload has replaced logs nothing.
    func observer(
        of providers: [ConfiguredProvider], while isInUse: NIOLockedValueBox<Bool>
    ) -> ApplicationRouter.CredentialObserver {
        let providers = Dictionary(uniqueKeysWithValues: providers.map { ($0.applicationID, $0) })
        return { [self] applicationID, failure in
            // A provider without a secret is warned about at the start.
            guard failure?.code != .unsupported, isInUse.withLockedValue({ $0 }), let provider = providers[applicationID] else {
                return
            }
            log(
                failure, of: provider,
                [
                    "provider": "\(provider.name)", "application": "\(applicationID)",
                    "files": "\(provider.secretFiles.map(\.path).joined(separator: ", "))",
                ])
        }
    }

    /// Whether the provider has rejected the credential of an application in a check, and none has succeeded since.
    func isRejected(of name: String, _ applicationID: String) -> Bool {
        failures.withLockedValue { $0[name].map { $0.isRejection && $0.applicationID == applicationID } ?? false }
    }

    private func log(_ failure: VerificationError?, of provider: ConfiguredProvider, _ common: Logger.Metadata) {
        let (name, now) = (provider.name, time.now())
        var metadata = common
        guard let failure else {
            guard let before = failures.withLockedValue({ $0.removeValue(forKey: name) }) else { return }
            metadata["duration"] = "\(DurationText.describe(before.since.duration(to: now)))"
            return logger.notice("the application's credential works again", metadata: metadata)
        }
        let isRejection = failure.request == .responded && !failure.isOutage
        failures.withLockedValue { failures in
            let before = failures[name]
            let wasRejected = before.map { $0.isRejection && $0.applicationID == provider.applicationID } ?? false
            failures[name] = Failure(
                since: before?.since ?? now, applicationID: provider.applicationID, isRejection: isRejection || wasRejected)
        }
        metadata["cause"] = "\(failure.message)\(failure.mayComeFromWrongURL ? " Check \(provider.endpointSetting)." : "")"
        guard failure.request == .responded else {
            return logger.warning(
                "the application's credential could not be checked, because the provider did not respond", metadata: metadata)
        }
        guard failure.scope != .verdicts else {
            return logger.error(
                "the provider calls a random token active: its tokens are unavailable until a check succeeds", metadata: metadata)
        }
        guard isRejection else {
            return logger.warning(
                "the application's credential could not be checked, because the provider's response says nothing about it",
                metadata: metadata)
        }
        logger.error(
            "credential check failed: until it succeeds, a rejected proof makes a token unavailable, not rejected",
            metadata: metadata)
    }
}

extension VerificationError {
    /// Whether the provider had trouble of its own, which says nothing about the credential.
    fileprivate var isOutage: Bool {
        switch code {
        case .providerUnavailable: scope == .provider || scope == .request
        case .providerBusy, .deadlineExceeded: true
        default: false
        }
    }

    /// Whether another server than the provider may have responded. A failure of the provider itself has messages of its own.
    fileprivate var mayComeFromWrongURL: Bool {
        code == .providerUnavailable && request == .responded && scope != .credential
            && ![ResponseKind.serverError, .transientError].contains { $0.message == message }
    }
}
