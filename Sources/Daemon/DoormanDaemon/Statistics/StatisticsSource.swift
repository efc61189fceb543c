internal import CurlTransport
internal import DoormanCache
internal import DoormanCore
internal import DoormanGovernor
internal import DoormanVersion

/// Collects the statistics of the dependencies behind the server.
struct StatisticsSource: Sendable {
    let verifier: CachingVerifier
    let transport: CurlTransport
    let providers: ProviderPool
    let governor: GovernorSettings
    let capacity: Double
    let maximumDenials: Int
    let reloads: ReloadCounters
    /// Returns the number of log lines that were dropped.
    let droppedLogLines: @Sendable () -> UInt64

    @Sendable
    func read() -> ServerStatistics {
        var statistics = ServerStatistics()
        statistics.version = ProgramVersion.text
        let cache = verifier.statistics
        statistics.counters = [
            .cacheHits: cache.hits, .cacheMisses: cache.misses, .cacheJoined: cache.joined, .cacheRefreshed: cache.refreshed,
            .cacheStaleHits: cache.stale, .cacheEvictions: cache.valid.evictions, .cacheNegativeEvictions: cache.negative.evictions,
            .cacheRejectionStorms: cache.rejectionStorms, .cacheLocalDenials: cache.localDenials,
            .logLinesDropped: droppedLogLines(),
        ]
        statistics.gauges = [.cacheInFlightLookups: UInt64(cache.inFlightLookups), .cacheCapacity: UInt64(capacity)]
        statistics.limits = [
            .init("cache.max-entries", cache.valid.entries, of: cache.valid.maximumEntries),
            .init("cache.max-bytes", cache.valid.bytes, of: cache.valid.maximumBytes),
            .init("cache.max-negative-entries", cache.negative.entries, of: cache.negative.maximumEntries),
            .init("cache.max-negative-bytes", cache.negative.bytes, of: cache.negative.maximumBytes),
            .init("cache.max-denials", cache.denials, of: maximumDenials),
        ]
        count(transport.statistics, into: &statistics)
        for provider in providers.governedProviders { count(provider, into: &statistics) }
        providers.providerRequests.count(into: &statistics)
        reloads.count(into: &statistics)
        return statistics
    }

    private func count(_ transport: CurlTransport.Statistics, into statistics: inout ServerStatistics) {
        statistics.counters[.providerConnectionsOpened] = UInt64(transport.connectionsOpened)
        statistics.gauges[.providerRequestsInFlight] = UInt64(transport.requestsUnderWay)
    }

    private func count(_ provider: ProviderPool.GovernedProvider, into statistics: inout ServerStatistics) {
        let (id, state) = (provider.applicationID, provider.governor.statistics)
        statistics.limits += [
            .init(
                "provider.max-concurrent-calls", governor.concurrentCalls - state.freeSlots, of: governor.concurrentCalls,
                provider),
            .init("provider.max-waiting-calls", state.waiting, of: governor.maximumWaiting, provider),
        ]
        statistics.applications.append(
            .init(
                provider: provider.name, applicationID: id, circuitBreaker: .init(state.circuitBreaker), backOff: state.backOff))
    }
}

extension DoormandSettings {
    /// The number of tokens per application that can be kept fresh: provider requests per second times the TTL in seconds.
    var capacity: Double { Double(governor.callsPerSecond) * (cache.ttl / .seconds(1)) }
}

extension ServerStatistics.LimitState {
    fileprivate init(_ setting: String, _ used: Int, of limit: Int, _ provider: ProviderPool.GovernedProvider? = nil) {
        self.init(
            setting: setting, provider: provider?.name, applicationID: provider?.applicationID, used: UInt64(max(0, used)),
            limit: UInt64(limit))
    }
}

extension ServerStatistics.CircuitBreaker {
    fileprivate init(_ state: CircuitBreaker.State) {
        self =
            switch state {
            case .closed: .closed
            case .halfOpen: .halfOpen
            case .open: .open
            }
    }
}
