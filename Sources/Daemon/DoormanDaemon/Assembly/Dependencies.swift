internal import CallerLimits
internal import CurlTransport
internal import DoormanCache
internal import DoormanCore
internal import DoormanGovernor
internal import DoormanServer
internal import DoormanSupport
internal import DoormanWire
internal import Logging
internal import ProviderRouting

/// The composition root: server → cache → provider router → application router → governor → verifier → curl transport.
///
/// Each provider has one governor, and one verifier for each of its secrets. No provider request bypasses a governor.
struct Dependencies {
    let time: TimeSource
    let transport: CurlTransport
    let providers: ProviderPool
    let missLimiter: CallerRateLimiter<Caller>
    let accountRevocationLimiter: CallerRateLimiter<Caller>
    /// `nil` if this server belongs to no fleet.
    let fleetNode: FleetNode?
    let verifier: CachingVerifier
    let backend: VerificationService
    let reloads = ReloadCounters()

    /// - Throws: ``ConfigurationError`` for invalid settings or an unreadable secret, or the error of a component that cannot be created.
    init(
        _ settings: DoormandSettings, time: TimeSource = .system, logger: Logger,
        droppedLogLines: @escaping @Sendable () -> UInt64 = { 0 }
    ) throws {
        let configured = try settings.providers()
        let transport = try CurlTransport(try settings.transportSettings(governors: configured.count))
        self.time = time
        self.transport = transport
        let missLimiter = CallerRateLimiter<Caller>(
            settings: settings.cacheMissLimiter,
            network: { [ipv4 = settings.networkIPv4PrefixLength, ipv6 = settings.networkIPv6PrefixLength] caller in
                caller.network(ipv4PrefixLength: ipv4, ipv6PrefixLength: ipv6)
            }, soleCallerLimit: settings.governor.budget(ofApplications: configured.count))
        self.missLimiter = missLimiter
        var governorSettings = settings.governor
        // A hanging request must count as a failure even if lookups have little time.
        governorSettings.circuitBreaker.slowCall = min(governorSettings.circuitBreaker.slowCall, settings.cache.lookupTimeout / 2)
        let providers = try ProviderPool(
            configured, governor: governorSettings, checkTimeout: settings.cache.lookupTimeout,
            environment: ProviderPool.Environment(
                transport: transport, time: time, logger: logger,
                chargeExtraRequest: { missLimiter.chargeAfterwards(1, to: $0, at: time.now()) },
                lookupPermits: LookupPermits(settings.lookupLimit),
                tracePropagation: settings.propagatesTraceContext ? .traceContext : .none))
        self.providers = providers
        let fleetNode = try settings.configuredFleet().map { fleet in
            try FleetNode(fleet, time: time, fingerprint: { [weak providers] in providers?.fingerprint(of: $0) ?? [] })
        }
        self.fleetNode = fleetNode
        let verifier = try CachingVerifier(
            CachingVerifier.Sources(provider: providers.provider, fleet: fleetNode?.fleet), settings: settings.cache,
            timeSource: time, coding: .wire,
            randomness: fleetNode?.cacheRandomness ?? CacheRandomness(),
            stormObserver: Self.stormLog(logger))
        self.verifier = verifier
        providers.attach(verifier)
        accountRevocationLimiter = CallerRateLimiter(settings: settings.limitsOfAccountRevocations)
        let statistics = StatisticsSource(
            verifier: verifier, transport: transport, providers: providers, governor: governorSettings,
            capacity: settings.capacity, maximumDenials: settings.cache.maximumDenials, reloads: reloads,
            droppedLogLines: droppedLogLines)
        backend = VerificationService(
            verifier: verifier, missLimiter: missLimiter, accountRevocationLimiter: accountRevocationLimiter,
            staleRule: StaleServingRule { name in
                providers.governedProviders.filter { $0.name == name }.map(\.governor)
            }, timeSource: time,
            state: VerificationService.StateReader(statistics: statistics.read, isReady: { providers.isReady }))
    }

    /// Returns the observer that logs rejection storms.
    private static func stormLog(_ logger: Logger) -> CachingVerifier.StormObserver {
        { target, event in
            var metadata: Logger.Metadata = [
                "provider": "\(target.provider ?? "")", "application": "\(target.applicationID ?? "")",
            ]
            switch event {
            case .began(let rejected, let checked):
                metadata.merge(["rejected": "\(rejected)", "checked": "\(checked)"]) { $1 }
                logger.error(
                    "rejection storm: the provider rejects most known tokens, so their entries stay; check the provider",
                    metadata: metadata)
            case .recovered(let duration, let rejected):
                metadata.merge(["duration": "\(DurationText.describe(duration))", "rejected": "\(rejected)"]) { $1 }
                logger.notice("rejection storm ended: known tokens are valid again", metadata: metadata)
            case .faded(let duration, let rejected):
                metadata.merge(["duration": "\(DurationText.describe(duration))", "rejected": "\(rejected)"]) { $1 }
                logger.notice("rejection storm ended: no known token was checked for a while", metadata: metadata)
            case .believed(let duration, let rejected):
                metadata.merge(["duration": "\(DurationText.describe(duration))", "rejected": "\(rejected)"]) { $1 }
                logger.error(
                    "rejection storm lasted for cache.rejection-storm.max-duration: its rejections are believed now",
                    metadata: metadata)
            }
        }
    }
}

extension DoormandSettings {
    /// The limit on lookups that providers divide among them. The calls that wait for lookups have a limit of their own, which a provider
    /// that hangs must not use up either.
    fileprivate var lookupLimit: LookupPermits.Limit {
        let limits = [
            LookupPermits.Limit(setting: "cache.max-in-flight-lookups", maximum: cache.maximumInFlightLookups),
            LookupPermits.Limit(setting: "server.max-waiting-calls", maximum: server.maximumWaitingCalls),
        ]
        return limits[0].maximum <= limits[1].maximum ? limits[0] : limits[1]
    }
}

extension GovernorSettings {
    /// Returns the provider requests that all governors together allow.
    fileprivate func budget(ofApplications count: Int) -> RateLimit {
        RateLimit(perSecond: min(callsPerSecond * count, 1_000_000), burst: min(callsBurst * count, 1_000_000))
    }
}
