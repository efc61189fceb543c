internal import AccountKit
internal import CurlTransport
internal import DoormanCache
internal import DoormanCore
internal import DoormanGovernor
internal import DoormanSupport
internal import NIOConcurrencyHelpers
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
    }

    private struct State: Sendable {
        var applications: [ServedApplication]
        var router: ApplicationRouter
    }

    let governedApplications: [GovernedApplication]
    /// The current router. A reload swaps it.
    let provider: HotSwappableProvider
    /// The counters of all applications together.
    let providerRequests = ProviderCounters()
    private let transport: CurlTransport
    private let time: TimeSource
    private let state: NIOLockedValueBox<State>

    /// - Throws: `AccountKitSettings.Invalid` if the settings of an application are invalid.
    init(
        _ applications: [ServedApplication], governor settings: GovernorSettings, transport: CurlTransport, time: TimeSource
    ) throws(AccountKitSettings.Invalid) {
        governedApplications = applications.map { application in
            GovernedApplication(applicationID: application.id, governor: Governor(settings: settings, timeSource: time))
        }
        let router = try Self.router(applications, governedApplications, transport, time, providerRequests) { _ in 0 }
        provider = HotSwappableProvider(router)
        state = NIOLockedValueBox(State(applications: applications, router: router))
        self.transport = transport
        self.time = time
    }

    /// The applications with their current secrets.
    var applications: [ServedApplication] { state.withLockedValue { $0.applications } }

    /// Creates verifiers with new secrets, without using them yet.
    ///
    /// - Parameter applications: The served applications, in any order, with their new secrets.
    /// - Returns: A closure that swaps the verifiers. Requests in flight keep the secret that they began with.
    func prepare(_ applications: [ServedApplication]) throws(AccountKitSettings.Invalid) -> @Sendable () -> Void {
        let before = state.withLockedValue { $0 }
        // A working secret stays the preferred secret, whatever its new position.
        let router = try Self.router(applications, governedApplications, transport, time, providerRequests) { application in
            guard let old = before.applications.first(where: { $0.id == application.id }),
                let preferred = before.router.preferredCredential(of: application.id)
            else { return 0 }
            return application.secrets.firstIndex(of: old.secrets[preferred]) ?? 0
        }
        return { [state, provider] in
            state.withLockedValue { $0 = State(applications: applications, router: router) }
            provider.replace(with: router)
        }
    }

    private static func router(
        _ applications: [ServedApplication], _ governedApplications: [GovernedApplication], _ transport: CurlTransport,
        _ time: TimeSource, _ providerRequests: ProviderCounters, preferred: (ServedApplication) -> Int
    ) throws(AccountKitSettings.Invalid) -> ApplicationRouter {
        let observer: AccountKitVerifier.Observer = { endpoint, outcome, took in
            providerRequests.record(endpoint, outcome, took)
        }
        var routes: [ApplicationRouter.Application] = []
        for application in applications {
            guard let governor = governedApplications.first(where: { $0.applicationID == application.id })?.governor else {
                preconditionFailure("the set of applications changes only with a restart")
            }
            var governed: [GovernedVerifier] = []
            for credential in application.credentials {
                let accountKit = try AccountKitVerifier(
                    credential, transport: transport, time: time, observer: observer, usage: governor.noteUsage)
                governed.append(GovernedVerifier(upstream: accountKit, governor: governor))
            }
            routes.append(
                ApplicationRouter.Application(id: application.id, credentials: governed, preferred: preferred(application)))
        }
        return ApplicationRouter(routes)
    }
}
