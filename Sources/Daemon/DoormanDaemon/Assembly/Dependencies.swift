internal import CallerLimits
internal import CurlTransport
internal import DoormanCache
internal import DoormanCore
internal import DoormanGovernor
internal import DoormanServer
internal import DoormanSupport
internal import DoormanWire

/// The composition root. The server asks the cache, the cache asks the router of applications, that asks a governor, the governor asks
/// Account Kit, and Account Kit is reached by curl: one governor for each application, one verifier for each of its secrets, so that
/// every provider request is governed.
struct Dependencies {
    let time: TimeSource
    let transport: CurlTransport
    let providers: ProviderPool
    let missLimiter: CacheMissLimiter<Caller>
    let verifier: CachingVerifier
    let backend: VerificationService
    let reloads = ReloadCounters()

    /// - Throws: What makes one of them impossible: settings that can't be meant, a secret that can't be read, a machine
    ///   without random bytes.
    init(_ settings: DoormandSettings, time: TimeSource = .system) throws {
        let applications = try settings.applications()
        let transport = try CurlTransport(settings.transportSettings(governors: applications.count))
        self.time = time
        self.transport = transport
        var governorSettings = settings.governor
        // A request that hangs must be able to count against the provider, however short its time is.
        governorSettings.circuitBreaker.slowCall = min(governorSettings.circuitBreaker.slowCall, settings.cache.lookupTimeout / 2)
        let providers = try ProviderPool(applications, governor: governorSettings, transport: transport, time: time)
        self.providers = providers
        var cache = settings.cache
        cache.defaultApplicationID = applications.count == 1 ? applications[0].id : nil
        let verifier = try CachingVerifier(
            upstream: providers.provider, settings: cache, timeSource: time,
            encode: { EncodedResponse(bytes: ResponseEncoder.encode($0)) })
        self.verifier = verifier
        let missLimiter = CacheMissLimiter<Caller>(settings: settings.cacheMissLimiter)
        self.missLimiter = missLimiter
        let statistics = StatisticsSource(
            verifier: verifier, transport: transport, providers: providers, governor: governorSettings,
            capacity: settings.capacity, reloads: reloads)
        backend = VerificationService(
            verifier: verifier, missLimiter: missLimiter,
            staleRule: StaleServingRule(governors: providers.governedApplications.map(\.governor)), timeSource: time,
            readStatistics: statistics.read)
    }
}
