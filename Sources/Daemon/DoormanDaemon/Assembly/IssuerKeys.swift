internal import DoormanCore
internal import DoormanGovernor
internal import DoormanSupport
internal import JWTVerifier
internal import Logging
internal import NIOConcurrencyHelpers
internal import ProviderHTTP

/// The verifier of an issuer's tokens, and the task that keeps the issuer's keys fresh.
///
/// The governor counts the requests for keys. Verifying a signature needs no request, so the limits on provider requests don't apply to it.
final class IssuerKeys: Sendable {
    let verifier: JWTVerifier
    private let task = NIOLockedValueBox<Task<Void, Never>?>(nil)

    /// - Parameters:
    ///   - lookups: The maximum number of lookups of all providers.
    ///   - onKeysRemoved: Receives the fingerprints of keys that the issuer has removed.
    /// - Throws: ``ConfigurationError`` if a setting is invalid.
    init(
        _ settings: JWTSettings, client: ProviderClient, governor: Governor, log: IssuerKeyLog, lookups: Int,
        onKeysRemoved: @escaping @Sendable (Set<UInt64>) -> Void
    ) throws(ConfigurationError) {
        var settings = settings
        // Half of the lookups is the most that a provider gets. Tokens of known keys need some of that.
        settings.maximumWaitersForUnknownKeys = max(1, min(settings.maximumWaitersForUnknownKeys, lookups / 4))
        do throws(JWTSettings.Invalid) {
            verifier = try JWTVerifier(
                settings, time: client.time,
                fetch: { (request, deadline, kind) async throws(VerificationError) in
                    try await governor.perform(deadline) { () async throws(VerificationError) in
                        try await client.send(request, to: ProviderEndpoint("keys", .fetchesKeys), deadline: deadline) { response in
                            (response, kind(response))
                        }
                    }
                }, onKeysRemoved: onKeysRemoved, onLimitExceeded: client.limits,
                observer: { [name = settings.name] in log.record($0, of: name) })
        } catch {
            throw ConfigurationError(problems: ["\(settings.name): \(error)"])
        }
    }

    deinit {
        // The task keeps the keys alive, but not this object.
        stop()
    }

    /// Takes over the keys from the issuers of the providers before, if one has the same keys: a provider whose audience changes need not
    /// fetch them, perhaps from an issuer that is down. To be called before the first use.
    func takeOver(_ before: [IssuerKeys]) {
        for other in before where other !== self && verifier.hasSameKeys(as: other.verifier) {
            verifier.takeOverKeys(of: other.verifier)
        }
    }

    /// Keeps the keys fresh from now on. Does nothing if it is called again.
    func start() {
        task.withLockedValue { [verifier] task in task = task ?? Task { await verifier.run() } }
    }

    func stop() {
        task.withLockedValue { $0?.cancel() }
    }
}

/// Logs changes of issuers' keys. Contains no key and no key id, which an issuer could choose to harm a reader of the log.
struct IssuerKeyLog: Sendable {
    let logger: Logger
    let time: TimeSource

    func record(_ event: KeyEvent, of provider: String) {
        var metadata: Logger.Metadata = ["provider": "\(provider)"]
        switch event {
        case .loaded(let usable, let skipped):
            metadata["keys"] = "\(usable)"
            guard !skipped.isEmpty else { return logger.info("loaded the issuer's keys", metadata: metadata) }
            let reasons = Set(skipped.map(\.description)).sorted()
            metadata["skipped"] = "\(skipped.count)"
            metadata["reasons"] = "\(reasons.prefix(8).joined(separator: ", "))"
            logger.notice("loaded the issuer's keys, except those that can't be used", metadata: metadata)
        case .fetchFailed(let failure, let usable):
            metadata["cause"] = "\(failure)"
            if let usable {
                metadata["usable_for"] = "\(DurationText.describe(usable))"
                logger.warning("the issuer's keys could not be fetched: the last keys stay in use", metadata: metadata)
            } else {
                logger.error("the issuer's keys could not be fetched: its tokens are unavailable", metadata: metadata)
            }
        case .expired(let failure):
            metadata["cause"] = "\(failure)"
            logger.error("the issuer's keys are too old: its tokens are unavailable", metadata: metadata)
        }
    }
}
