internal import CurlTransport
internal import DoormanAdmin
internal import DoormanCache
internal import DoormanCore
internal import DoormanGovernor
internal import DoormanSupport
internal import Logging
internal import NIOConcurrencyHelpers
internal import ProviderHTTP
internal import ProviderRouting

/// All providers with their governors. Each provider has one governor, and one verifier for each of its secrets.
///
/// A reload replaces the providers as a whole. A provider that only got other secrets keeps its governor, because the provider's allowance
/// and health don't depend on secrets. The cached tokens of a provider that changed otherwise, or that is gone, are dropped. The keys of an
/// issuer stay as long as an entry has the same issuer and the same URL of keys.
final class ProviderPool: Sendable {
    /// A provider and its governor.
    struct GovernedProvider: Sendable {
        let name: String
        let applicationID: String
        /// The governor of all secrets of the provider, because a provider grants its allowance per application.
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
        /// The lookups in flight of all providers.
        let lookupPermits: LookupPermits
        let tracePropagation: ProviderTracing.Propagation
    }

    /// A provider in use.
    struct Member: Sendable {
        let configured: ConfiguredProvider
        let governed: GovernedProvider
        /// The keys of an issuer, kept fresh; `nil` for a provider of another kind.
        let issuer: IssuerKeys?
    }

    private struct State: Sendable {
        var members: [Member]
        var routers: [ApplicationRouter]
        /// Whether the routers are in use. The checks of routers that were replaced are not logged.
        var isInUse: NIOLockedValueBox<Bool>
        private var hasBeenReady = false

        init(members: [Member], routers: [ApplicationRouter], isInUse: NIOLockedValueBox<Bool>) {
            self.members = members
            self.routers = routers
            self.isInUse = isInUse
        }

        mutating func isReady() -> Bool {
            hasBeenReady =
                hasBeenReady
                || routers.allSatisfy(\.hasCheckedCredentials) && members.allSatisfy { $0.issuer?.verifier.hasTriedKeys ?? true }
            return hasBeenReady
        }

        /// Replaces the providers, and stays ready if it is.
        mutating func replace(with new: State) {
            let isReady = isReady()
            self = new
            hasBeenReady = isReady
        }
    }

    /// The current router. A reload swaps it.
    let provider: HotSwappableProvider
    /// The counters of all providers together.
    let providerRequests: ProviderCounters
    let environment: Environment
    let checkTimeout: Duration
    private let governorSettings: GovernorSettings
    private let credentialLog: CredentialLog
    private let keyLog: IssuerKeyLog
    private let state: NIOLockedValueBox<State>
    /// The cache in front of the providers, once it exists.
    private let cache: NIOLockedValueBox<CachingVerifier?>

    /// - Parameter checkTimeout: The maximum time of a check of a provider's credentials.
    /// - Throws: ``ConfigurationError`` if the settings of a provider are invalid.
    init(
        _ providers: [ConfiguredProvider], governor settings: GovernorSettings, checkTimeout: Duration, environment: Environment
    ) throws(ConfigurationError) {
        self.environment = environment
        self.checkTimeout = checkTimeout
        governorSettings = settings
        credentialLog = CredentialLog(logger: environment.logger, time: environment.time)
        let (cache, counters) = (NIOLockedValueBox<CachingVerifier?>(nil), ProviderCounters())
        let keyLog = IssuerKeyLog(logger: environment.logger, time: environment.time)
        self.cache = cache
        self.keyLog = keyLog
        providerRequests = counters
        var assembly = ProviderAssembly(
            environment: environment, checkTimeout: checkTimeout, counters: counters, credentialLog: credentialLog)
        let members = try providers.map { configured throws(ConfigurationError) in
            try Self.member(configured, settings, environment, counters, keyLog, cache)
        }
        let router = try assembly.router(for: members)
        provider = HotSwappableProvider(router)
        state = NIOLockedValueBox(State(members: members, routers: assembly.routers, isInUse: assembly.isInUse))
    }

    deinit {
        stop()
        // The cache holds the providers, and the observers of their keys hold the cache.
        cache.withLockedValue { $0 = nil }
    }

    /// Uses a cache, whose entries are dropped when their provider withdraws a key, changes or goes.
    func attach(_ verifier: CachingVerifier) {
        cache.withLockedValue { $0 = verifier }
    }

    /// Begins a check of each credential and the first fetch of each issuer's keys, without waiting for the outcome. A failure is logged,
    /// and stops nothing.
    func start() {
        let state = state.withLockedValue { $0 }
        for router in state.routers { router.checkCredentials() }
        for member in state.members { member.issuer?.start() }
    }

    /// Ends the work in the background. A check that ends by the shutdown logs nothing.
    func stop() {
        let state = state.withLockedValue { $0 }
        state.isInUse.withLockedValue { $0 = false }
        for member in state.members { member.issuer?.stop() }
    }

    /// Whether the first request to each provider has ended, well or not: the fetch of an issuer's keys, or the check of a credential. Each
    /// ends by its own time-out. Once true it stays true, whatever a reload adds.
    var isReady: Bool { state.withLockedValue { $0.isReady() } }

    /// Whether each application has a credential that worked when it was last used or checked.
    var hasWorkingCredentials: Bool { state.withLockedValue { $0.routers }.allSatisfy(\.hasWorkingCredentials) }

    /// The credentials that work, and those that their providers reject. Others have not been checked, or got no response.
    var credentials: [AdminDetails.Credential] {
        let state = state.withLockedValue { $0 }
        return state.members.compactMap { member in
            let (name, id) = (member.configured.name, member.configured.applicationID)
            guard let router = state.routers.first(where: { $0.serves(name) }) else { return nil }
            let isRejected = router.isCredentialRejected(of: id)
            let isWorking = router.lastCheck(of: id) == .succeeded && !isRejected
            guard isWorking || isRejected || credentialLog.isRejected(of: name, id) else { return nil }
            return AdminDetails.Credential(provider: name, applicationID: id, isWorking: isWorking)
        }
    }

    /// The providers in use.
    var members: [Member] { state.withLockedValue { $0.members } }

    var governedProviders: [GovernedProvider] { members.map(\.governed) }

    /// Returns what an identity depends on in the configuration of the provider of a name: everything but its secrets. Empty for a name
    /// that no provider has.
    func fingerprint(of name: String) -> [UInt8] {
        state.withLockedValue { state in state.members.first { $0.configured.name == name }?.configured.fingerprint ?? [] }
    }

    /// Creates verifiers of other providers, without using them yet.
    ///
    /// - Returns: A closure that swaps the verifiers. Requests in flight keep the provider and the secret that they began with.
    func prepare(_ providers: [ConfiguredProvider]) throws(ConfigurationError) -> @Sendable () -> Void {
        let before = state.withLockedValue { $0 }
        var assembly = ProviderAssembly(
            environment: environment, checkTimeout: checkTimeout, counters: providerRequests, credentialLog: credentialLog)
        assembly.before = (before.members, before.routers)
        let members = try providers.map { configured throws(ConfigurationError) -> Member in
            let old = before.members.first { $0.configured.traits == configured.traits }
            guard let old else {
                return try Self.member(configured, governorSettings, environment, providerRequests, keyLog, cache)
            }
            return Member(configured: configured, governed: old.governed, issuer: old.issuer)
        }
        let router = try assembly.router(for: members)
        let (routers, isInUse) = (assembly.routers, assembly.isInUse)
        let gone = before.members.filter { old in !members.contains { $0.configured.traits == old.configured.traits } }
        return { [state, provider, cache] in
            // Now and not before, so that a fetch in the meantime is not lost.
            for member in members { member.issuer?.takeOver(before.members.compactMap(\.issuer)) }
            state.withLockedValue { state in
                state.isInUse.withLockedValue { $0 = false }
                state.replace(with: State(members: members, routers: routers, isInUse: isInUse))
            }
            provider.replace(with: router)
            for old in gone { old.issuer?.stop() }
            let names = Set(gone.map(\.configured.name))
            if !names.isEmpty { cache.withLockedValue { $0 }?.removeEntries { names.contains($0.provider) } }
            for router in routers { router.checkCredentials() }
            for member in members { member.issuer?.start() }
        }
    }

    private static func member(
        _ configured: ConfiguredProvider, _ settings: GovernorSettings, _ environment: Environment, _ counters: ProviderCounters,
        _ keyLog: IssuerKeyLog, _ cache: NIOLockedValueBox<CachingVerifier?>
    ) throws(ConfigurationError) -> Member {
        let governed = GovernedProvider(
            name: configured.name, applicationID: configured.applicationID,
            governor: Governor(settings: settings, timeSource: environment.time),
            health: ProviderHealth(slowCall: settings.circuitBreaker.slowCall))
        guard case .jwt(let jwt) = configured.definition else {
            return Member(configured: configured, governed: governed, issuer: nil)
        }
        let client = ProviderAssembly.client(governed, environment, counters)
        let lookups = environment.lookupPermits.limit.maximum
        let issuer = try IssuerKeys(jwt, client: client, governor: governed.governor, log: keyLog, lookups: lookups) { removed in
            let name = configured.name
            cache.withLockedValue { $0 }?.removeEntries { identity in
                identity.signingKey.map(removed.contains) ?? false && identity.isFrom(name)
            }
        }
        return Member(configured: configured, governed: governed, issuer: issuer)
    }
}
