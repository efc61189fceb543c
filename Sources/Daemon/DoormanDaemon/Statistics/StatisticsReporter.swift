internal import CurlTransport
internal import DoormanCache
internal import DoormanGovernor
internal import Metrics
internal import ServiceLifecycle

/// Records how memory and governor stand, every ten seconds, as gauges `doorman_cache_…` and `doorman_provider_…`.
struct StatisticsReporter: Service {
    let verifier: CachingVerifier
    let transport: CurlTransport
    let governedApplications: [ProviderPool.GovernedApplication]
    /// How many tokens of one application can be kept fresh: calls to the provider in a second times the seconds that an answer
    /// is good for.
    let capacity: Double
    var interval = Duration.seconds(10)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                record()
                try? await Task.sleep(for: interval)
            }
        }
    }

    private func record() {
        let cache = verifier.statistics
        Gauge(label: "doorman_cache_hits").record(Double(cache.hits))
        Gauge(label: "doorman_cache_misses").record(Double(cache.misses))
        Gauge(label: "doorman_cache_flights").record(Double(cache.flights))
        Gauge(label: "doorman_cache_joined").record(Double(cache.joined))
        Gauge(label: "doorman_cache_refreshed").record(Double(cache.refreshed))
        Gauge(label: "doorman_cache_stale").record(Double(cache.stale))
        Gauge(label: "doorman_cache_capacity_tokens").record(capacity)
        for (segment, values) in [("valid", cache.valid), ("rejected", cache.rejected)] {
            let label = [("segment", segment)]
            Gauge(label: "doorman_cache_entries", dimensions: label).record(Double(values.entries))
            Gauge(label: "doorman_cache_bytes", dimensions: label).record(Double(values.bytes))
            Gauge(label: "doorman_cache_evictions", dimensions: label).record(Double(values.evictions))
        }
        let transport = transport.statistics
        Gauge(label: "doorman_provider_connections_opened").record(Double(transport.connectionsOpened))
        for application in governedApplications {
            let label = [("application", application.applicationID)]
            let statistics = application.governor.statistics
            Gauge(label: "doorman_provider_free_slots", dimensions: label).record(Double(statistics.freeSlots))
            Gauge(label: "doorman_provider_waiting_calls", dimensions: label).record(Double(statistics.waiting))
            Gauge(label: "doorman_provider_back_off_seconds", dimensions: label)
                .record((statistics.backOff ?? .zero) / .seconds(1))
            Gauge(label: "doorman_provider_breaker", dimensions: label).record(statistics.breaker.gauge)
        }
    }
}

extension CircuitBreaker.State {
    /// 0 closed, 1 half-open, 2 open.
    fileprivate var gauge: Double {
        switch self {
        case .closed: 0
        case .halfOpen: 1
        case .open: 2
        }
    }
}
