internal import AccountKit
internal import CurlTransport
internal import DoormanCache
internal import DoormanCore
internal import DoormanGovernor
internal import DoormanSupport
internal import Logging
internal import NIOConcurrencyHelpers
internal import ProviderHTTP
internal import ProviderRouting

/// The governors and verifiers of all applications. Each application has one governor, and one verifier for each of its secrets.
///
/// A reload of secrets replaces the verifiers. The governors stay, because the provider's allowance and health don't depend on secrets.
final class ProviderPool: Sendable {
    /// An application and its governor.
    struct GovernedApplication: Sendable {
        let applicationID: String
        /// The governor of all secrets of the application, because Account Kit grants its allowance per application.
        let governor: Governor
        /// What the requests have shown about the provider.
        let health: ProviderHealth
    }

    /// Everything outside the pool that its verifiers and its router use.
    struct Environment: Sendable {
        let transport: CurlTransport
        let time: TimeSource
        let logger: Logger
        let chargeExtraRequest: ApplicationRouter.ChargeExtraRequest
    }

    private struct State: Sendable {
        var applications: [ServedApplication]
        var router: ApplicationRouter
        /// Whether the router is in use. The checks of a router that was replaced are not logged.
        var isInUse: NIOLockedValueBox<Bool>
    }

    let governedApplications: [GovernedApplication]
    /// The current router. A reload swaps it.
    let provider: HotSwappableProvider
    /// The counters of all applications together.
    let providerRequests = ProviderCounters()
    private let environment: Environment
    private let checkTimeout: Duration
    /// The applications whose last check failed, and since when.
    private let failingSince = NIOLockedValueBox<[String: Instant]>([:])
    private let state: NIOLockedValueBox<State>

    /// - Parameter checkTimeout: The maximum time of a check of an application's credentials.
    /// - Throws: `AccountKitSettings.Invalid` if the settings of an application are invalid.
    init(
        _ applications: [ServedApplication], governor settings: GovernorSettings, checkTimeout: Duration, environment: Environment
    ) throws(AccountKitSettings.Invalid) {
        self.environment = environment
        self.checkTimeout = checkTimeout
        governedApplications = applications.map { application in
            GovernedApplication(
                applicationID: application.id, governor: Governor(settings: settings, timeSource: environment.time),
                health: ProviderHealth(slowCall: settings.circuitBreaker.slowCall))
        }
        let verifiers = try Self.verifiers(applications, governedApplications, environment, providerRequests)
        let isInUse = NIOLockedValueBox(true)
        let router = ApplicationRouter(
            zip(applications, verifiers).map { ApplicationRouter.Application(id: $0.id, credentials: $1) },
            timeSource: environment.time,
            checkTimeout: checkTimeout, chargeExtraRequest: environment.chargeExtraRequest,
            observer: Self.credentialLog(applications, isInUse, failingSince, environment))
        provider = HotSwappableProvider(router)
        state = NIOLockedValueBox(State(applications: applications, router: router, isInUse: isInUse))
    }

    /// Begins a check of each application's credentials, without waiting for the outcome. A failure is logged, and stops nothing.
    func checkCredentials() {
        state.withLockedValue { $0.router }.checkCredentials()
    }

    /// Whether each application has a credential that worked when it was last used or checked.
    var hasWorkingCredentials: Bool { state.withLockedValue { $0.router }.hasWorkingCredentials }

    /// The applications with their current secrets.
    var applications: [ServedApplication] { state.withLockedValue { $0.applications } }

    /// Creates verifiers with new secrets, without using them yet.
    ///
    /// - Parameter applications: The served applications, in any order, with their new secrets.
    /// - Returns: A closure that swaps the verifiers. Requests in flight keep the secret that they began with.
    func prepare(_ applications: [ServedApplication]) throws(AccountKitSettings.Invalid) -> @Sendable () -> Void {
        let before = state.withLockedValue { $0 }
        let verifiers = try Self.verifiers(applications, governedApplications, environment, providerRequests)
        let routed = zip(applications, verifiers).map { application, verifiers in
            // A working secret stays the preferred secret, whatever its new position.
            let old = before.applications.first { $0.id == application.id }
            let working = before.router.preferredCredential(of: application.id).flatMap { old?.secrets[$0] }
            return ApplicationRouter.Application(
                id: application.id, credentials: verifiers, preferred: application.secrets.firstIndex(of: working) ?? 0,
                lastCheckSucceeded: before.router.lastCheckSucceeded(of: application.id))
        }
        let isInUse = NIOLockedValueBox(true)
        let router = ApplicationRouter(
            routed, timeSource: environment.time, checkTimeout: checkTimeout, chargeExtraRequest: environment.chargeExtraRequest,
            observer: Self.credentialLog(applications, isInUse, failingSince, environment))
        return { [state, provider] in
            state.withLockedValue { state in
                state.isInUse.withLockedValue { $0 = false }
                state = State(applications: applications, router: router, isInUse: isInUse)
            }
            provider.replace(with: router)
            router.checkCredentials()
        }
    }

    /// Returns the observer that logs the first failed check of an application's credentials, and the first success after it.
    private static func credentialLog(
        _ applications: [ServedApplication], _ isInUse: NIOLockedValueBox<Bool>,
        _ failingSince: NIOLockedValueBox<[String: Instant]>, _ environment: Environment
    ) -> ApplicationRouter.CredentialObserver {
        let files = Dictionary(uniqueKeysWithValues: applications.map { ($0.id, $0.secretFiles) })
        let (logger, now) = (environment.logger, environment.time.now)
        return { applicationID, failure in
            // An application without a secret is warned about at the start.
            guard failure?.code != .unsupported, isInUse.withLockedValue({ $0 }) else { return }
            var metadata: Logger.Metadata = [
                "application": "\(applicationID)", "files": "\((files[applicationID] ?? []).joined(separator: ", "))",
            ]
            guard let failure else {
                guard let start = failingSince.withLockedValue({ $0.removeValue(forKey: applicationID) }) else { return }
                metadata["duration"] = "\(DurationText.describe(start.duration(to: now())))"
                return logger.notice("the application's credential works again", metadata: metadata)
            }
            failingSince.withLockedValue { [now = now()] in $0[applicationID] = $0[applicationID] ?? now }
            metadata["cause"] = "\(failure.message)"
            guard failure.request == .responded else {
                return logger.warning(
                    "the application's credential could not be checked, because the provider did not respond", metadata: metadata)
            }
            logger.error(
                "credential check failed: until it succeeds, a rejected proof makes a token unavailable, not rejected",
                metadata: metadata)
        }
    }

    /// Returns the verifiers of each application, one for each secret.
    private static func verifiers(
        _ applications: [ServedApplication], _ governedApplications: [GovernedApplication], _ environment: Environment,
        _ providerRequests: ProviderCounters
    ) throws(AccountKitSettings.Invalid) -> [[GovernedVerifier]] {
        var verifiers: [[GovernedVerifier]] = []
        for application in applications {
            guard let governedApplication = governedApplications.first(where: { $0.applicationID == application.id }) else {
                preconditionFailure("the set of applications changes only with a restart")
            }
            let (governor, health) = (governedApplication.governor, governedApplication.health)
            let client = ProviderClient(
                transport: environment.transport, time: environment.time,
                observer: { endpoint, outcome, took in
                    providerRequests.record(endpoint, outcome, took)
                    health.record(endpoint, outcome, took)
                },
                usage: governor.noteUsage, repeats: governor.noteRepeats)
            var governed: [GovernedVerifier] = []
            for credential in application.credentials {
                let accountKit = try AccountKitVerifier(credential, client: client)
                governed.append(GovernedVerifier(upstream: accountKit, governor: governor))
            }
            verifiers.append(governed)
        }
        return verifiers
    }
}
