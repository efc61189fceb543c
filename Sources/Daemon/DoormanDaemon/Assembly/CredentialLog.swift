internal import DoormanCore
internal import DoormanSupport
internal import Logging
internal import NIOConcurrencyHelpers
internal import ProviderRouting

/// Logs the first failed check of a provider's credentials, and the first success after it.
final class CredentialLog: Sendable {
    private let logger: Logger
    private let time: TimeSource
    /// The providers whose last check failed, and since when.
    private let failingSince = NIOLockedValueBox<[String: Instant]>([:])

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
                failure, of: provider.name,
                [
                    "provider": "\(provider.name)", "application": "\(applicationID)",
                    "files": "\(provider.secretFiles.map(\.path).joined(separator: ", "))",
                ])
        }
    }

    private func log(_ failure: VerificationError?, of name: String, _ common: Logger.Metadata) {
        var metadata = common
        guard let failure else {
            guard let start = failingSince.withLockedValue({ $0.removeValue(forKey: name) }) else { return }
            metadata["duration"] = "\(DurationText.describe(start.duration(to: time.now())))"
            return logger.notice("the application's credential works again", metadata: metadata)
        }
        failingSince.withLockedValue { [now = time.now()] in $0[name] = $0[name] ?? now }
        metadata["cause"] = "\(failure.message)"
        guard failure.request == .responded else {
            return logger.warning(
                "the application's credential could not be checked, because the provider did not respond", metadata: metadata)
        }
        guard failure.scope != .verdicts else {
            return logger.error(
                "the provider calls a random token active: its tokens are unavailable until a check succeeds", metadata: metadata)
        }
        logger.error(
            "credential check failed: until it succeeds, a rejected proof makes a token unavailable, not rejected",
            metadata: metadata)
    }
}
