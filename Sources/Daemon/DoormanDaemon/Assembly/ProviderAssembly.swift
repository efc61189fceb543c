internal import AccountKit
internal import DoormanCore
internal import DoormanGovernor
internal import DoormanSupport
internal import DoormanTracing
internal import FacebookLogin
internal import JWTVerifier
internal import NIOConcurrencyHelpers
internal import ProviderHTTP
internal import ProviderRouting
internal import TokenIntrospection

/// Puts the verifiers of the configured providers together behind one router.
struct ProviderAssembly {
    let environment: ProviderPool.Environment
    let checkTimeout: Duration
    let counters: ProviderCounters
    let credentialLog: CredentialLog
    /// The providers and routers that a reload replaces.
    var before: (members: [ProviderPool.Member], routers: [ApplicationRouter]) = ([], [])
    /// The routers of the providers with a credential.
    private(set) var routers: [ApplicationRouter] = []
    /// The permits of lookups; `nil` for a single provider, which may use all lookups.
    private var lookupPermits: LookupPermits?
    /// Whether these routers are in use.
    let isInUse = NIOLockedValueBox(true)

    init(
        environment: ProviderPool.Environment, checkTimeout: Duration, counters: ProviderCounters, credentialLog: CredentialLog
    ) {
        self.environment = environment
        self.checkTimeout = checkTimeout
        self.counters = counters
        self.credentialLog = credentialLog
    }

    /// Returns the router of all providers.
    ///
    /// - Throws: ``ConfigurationError`` if the settings of a provider are invalid.
    mutating func router(for members: [ProviderPool.Member]) throws(ConfigurationError) -> ProviderRouter {
        lookupPermits = members.count > 1 ? environment.lookupPermits : nil
        var pools: [ProviderRouter.Pool] = []
        let accountKit = members.filter { $0.configured.kind == .accountKit }
        if !accountKit.isEmpty {
            pools.append(
                pool(
                    of: accountKit, .accountKit, Set(ProviderOperation.allCases), seesNoRevocation: false,
                    try applications(accountKit)))
        }
        let facebook = members.filter { $0.configured.kind == .facebookLogin }
        if !facebook.isEmpty {
            pools.append(
                pool(of: facebook, .facebookLogin, [.accountRevocation], seesNoRevocation: false, try applications(facebook)))
        }
        for member in members {
            switch member.configured.definition {
            case .introspection(let credentials):
                pools.append(
                    pool(
                        of: [member], .opaque, [], seesNoRevocation: credentials[0].revocationEndpoint == nil,
                        try applications([member])))
            case .jwt(let settings):
                guard let issuer = member.issuer else { preconditionFailure("a provider of the kind jwt has keys") }
                var pool = ProviderRouter.Pool(
                    names: [member.configured.name], pattern: .issuer(settings.issuer), operations: [],
                    seesNoRevocation: true, provider: issuer.verifier)
                pool.lookupPermits = lookupPermits
                pools.append(pool)
            case .accountKit, .facebookLogin: continue
            }
        }
        return ProviderRouter(pools, unverifiedIssuer: JWTVerifier.unverifiedIssuer)
    }

    private mutating func pool(
        of members: [ProviderPool.Member], _ pattern: TokenPattern, _ operations: Set<ProviderOperation>,
        seesNoRevocation: Bool, _ applications: [ApplicationRouter.Application]
    ) -> ProviderRouter.Pool {
        // A token does not say its client, so the verifier of an introspection endpoint looks at audiences by itself.
        let selection: ApplicationRouter.Selection = pattern == .opaque ? .byVerifier : .byApplication
        let router = ApplicationRouter(
            applications, selection: selection, timeSource: environment.time, checkTimeout: checkTimeout,
            chargeExtraRequest: environment.chargeExtraRequest,
            observer: credentialLog.observer(of: members.map(\.configured), while: isInUse))
        routers.append(router)
        return ProviderRouter.Pool(
            names: members.map(\.configured.name), pattern: pattern,
            applicationIDs: selection == .byApplication ? members.map(\.configured.applicationID) : [], operations: operations,
            seesNoRevocation: seesNoRevocation, provider: router)
    }

    private func applications(
        _ members: [ProviderPool.Member]
    ) throws(ConfigurationError) -> [ApplicationRouter.Application] {
        try members.map { member throws(ConfigurationError) in
            let configured = member.configured
            // A working secret stays the preferred secret, whatever its new position.
            let old = before.members.first { $0.configured.traits == configured.traits }
            let router = before.routers.first { $0.serves(configured.name) }
            let working = router?.preferredCredential(of: configured.applicationID).flatMap { number in
                old.flatMap { $0.configured.secrets.indices.contains(number) ? $0.configured.secrets[number] : nil }
            }
            var application = ApplicationRouter.Application(
                provider: configured.name, id: configured.applicationID, credentials: try verifiers(member),
                preferred: working.flatMap(configured.secrets.firstIndex(of:)) ?? 0,
                lastCheck: old == nil ? nil : router?.lastCheck(of: configured.applicationID))
            application.lookupPermits = lookupPermits
            return application
        }
    }

    /// Returns the verifiers of a provider, one for each secret.
    private func verifiers(_ member: ProviderPool.Member) throws(ConfigurationError) -> [any TokenProvider] {
        let client = Self.client(member.governed, environment, counters)
        let governor = member.governed.governor
        do {
            switch member.configured.definition {
            case .accountKit(let credentials):
                return try credentials.map {
                    GovernedVerifier(provider: try AccountKitVerifier($0, client: client), governor: governor)
                }
            case .facebookLogin(let credentials):
                return try credentials.map {
                    GovernedVerifier(provider: try FacebookLoginVerifier($0, client: client), governor: governor)
                }
            case .introspection(let credentials):
                return try credentials.map {
                    GovernedVerifier(provider: try IntrospectionVerifier($0, client: client), governor: governor)
                }
            case .jwt: return []
            }
        } catch {
            throw ConfigurationError(problems: ["\(member.configured.name): \(error)"])
        }
    }

    static func client(
        _ governed: ProviderPool.GovernedProvider, _ environment: ProviderPool.Environment, _ counters: ProviderCounters
    ) -> ProviderClient {
        let (governor, health, name) = (governed.governor, governed.health, governed.name)
        var client = ProviderClient(
            transport: environment.transport, time: environment.time,
            observer: { endpoint, outcome, took in
                counters.record(endpoint, outcome, took, of: name)
                health.record(endpoint, outcome, took)
            },
            usage: governor.noteUsage, repeats: governor.noteRepeats, limits: health.record)
        client.tracing = ProviderTracing(
            tracer: .bootstrapped, propagation: environment.tracePropagation, provider: name)
        return client
    }
}
