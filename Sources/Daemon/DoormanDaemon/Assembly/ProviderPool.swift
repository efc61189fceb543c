internal import AccountKit
internal import CurlTransport
internal import DoormanCache
internal import DoormanCore
internal import DoormanGovernor
internal import DoormanSupport
internal import NIOConcurrencyHelpers
internal import ProviderRouting

/// Those who ask Account Kit: for each application a governor, for each of its secrets a verifier behind it. They give way to
/// others when secrets change; the governors stay, since what the provider grants and how it is doing has nothing to do with that.
final class ProviderPool: Sendable {
    /// What governs the asking as one application.
    struct GovernedApplication: Sendable {
        let applicationID: String
        /// Shared by its secrets: Account Kit grants its allowance to the application.
        let governor: Governor
    }

    private struct State: Sendable {
        var applications: [ServedApplication]
        var router: ApplicationRouter
    }

    let governedApplications: [GovernedApplication]
    /// The router in use, behind what lets a reload exchange it.
    let provider: HotSwappableProvider
    /// What they all have asked.
    let providerRequests = ProviderCounters()
    private let transport: CurlTransport
    private let time: TimeSource
    private let state: NIOLockedValueBox<State>

    /// - Throws: What makes a verifier impossible.
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

    /// The applications as they are asked for now.
    var applications: [ServedApplication] { state.withLockedValue { $0.applications } }

    /// Makes those who will ask with other secrets, without letting them yet.
    ///
    /// - Parameter applications: With the ids of those that are served, in any order.
    /// - Returns: Lets them ask from then on. Calls under way go on with the secret that they began with.
    func prepare(_ applications: [ServedApplication]) throws(AccountKitSettings.Invalid) -> @Sendable () -> Void {
        let before = state.withLockedValue { $0 }
        // A secret that has worked goes on being the first that is used, wherever it stands now.
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
        _ time: TimeSource,
        _ providerRequests: ProviderCounters, preferred: (ServedApplication) -> Int
    ) throws(AccountKitSettings.Invalid) -> ApplicationRouter {
        let observer: AccountKitVerifier.Observer = { endpoint, outcome, took in
            providerRequests.record(endpoint, outcome, took)
        }
        var routes: [ApplicationRouter.Application] = []
        for application in applications {
            guard let governor = governedApplications.first(where: { $0.applicationID == application.id })?.governor else {
                preconditionFailure("applications come and go with a restart alone")
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
