internal import DoormanCache
internal import DoormanGovernor
internal import Metrics
internal import ServiceLifecycle

/// Records how memory and governor stand, every ten seconds, as gauges `doorman_cache_…` and `doorman_provider_…`.
struct StatisticsReporter: Service {
    let verifier: CachingVerifier
    let governors: [Rooms.Governors]
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
        for (segment, values) in [("valid", cache.valid), ("rejected", cache.rejected)] {
            let label = [("segment", segment)]
            Gauge(label: "doorman_cache_entries", dimensions: label).record(Double(values.entries))
            Gauge(label: "doorman_cache_bytes", dimensions: label).record(Double(values.bytes))
            Gauge(label: "doorman_cache_evictions", dimensions: label).record(Double(values.evictions))
        }
        for application in governors {
            let label = [("application", application.applicationID)]
            let statistics = application.ofCredentials.map(\.statistics)
            Gauge(label: "doorman_provider_free_slots", dimensions: label)
                .record(Double(statistics.reduce(0) { $0 + $1.freeSlots }))
            Gauge(label: "doorman_provider_waiting_calls", dimensions: label)
                .record(Double(statistics.reduce(0) { $0 + $1.waiting }))
        }
    }
}
