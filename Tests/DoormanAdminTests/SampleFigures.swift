import DoormanCache
import DoormanCore
import DoormanSupport

@testable import DoormanAdmin
@testable import DoormanFleet
@testable import DoormanServer

/// Figures in which every metric has a series.
enum SampleFigures {
    static let latencies = LatencyHistogram.Snapshot(
        sum: .microseconds(1234),
        buckets: [
            .init(upperBound: .microseconds(1), count: 1), .init(upperBound: .microseconds(8), count: 2),
            .init(upperBound: .microseconds(9), count: 4), .init(upperBound: .seconds(67), count: 8),
        ])

    static var figures: AdminFigures {
        var process = ProcessFigures()
        process.cpuSeconds = 1.5
        process.residentBytes = 64 << 20
        process.virtualBytes = 1 << 30
        process.openDescriptors = 17
        process.maximumDescriptors = 1024
        process.startTime = 1_700_000_000.25
        process.threads = 9
        return AdminFigures(statistics: statistics, details: details, readiness: .ready, process: process)
    }

    static var details: AdminDetails {
        let counters = ServerCounters()
        counters.rules.begin(CallerPolicy([.init([.local], CallerPermissions(.verify))], setting: ""))
        counters.rules.countCalls(900, of: 0)
        counters.rules.countTurnedDown(.rate, of: 0)
        for _ in 0..<900 { counters.countHit(denial: nil) }
        counters.endTurn(from: Instant(nanoseconds: 0), to: Instant(nanoseconds: 8000))
        counters.wireProtocol = .http2
        counters.countFinished(.verify, from: .provider, .tokenRejected, took: .milliseconds(2))
        counters.countOpened(.http2)
        counters.countCompletedHandshake()
        counters.record(loopLag: .microseconds(40))
        var details = AdminDetails()
        details.counters = counters.snapshot
        details.cache.hits = 900
        details.cache.negativeHits = 30
        details.cache.ages.record(nanoseconds: 3_500_000_000)
        details.cache.ages.record(nanoseconds: 7_200_000_000_000)
        details.cache.valid.evictions = 7
        details.cache.valid.evictionsForBytes = 2
        details.endpointLatencies = [.init(provider: "facebook", endpoint: "me", latency: latencies)]
        details.permits = [.init(provider: "facebook", applicationID: "123", rate: 1000, retries: 10)]
        details.issuerKeys = [.init(provider: "login", usableFor: .seconds(86_400))]
        details.credentials = [.init(provider: "facebook", applicationID: "123", isWorking: true)]
        details.fleet = FleetFigures(fleet, revocationBound: .seconds(68))
        return details
    }

    static var fleet: FleetStatistics {
        var fleet = FleetStatistics()
        fleet.server = StoreServer(runID: "1", version: "redis 7.0.15")
        fleet.isResponsive = true
        fleet.caughtUpAge = .milliseconds(250)
        fleet.nodes = 3
        fleet.counts.entryHits = 40
        fleet.counts.entriesRejected = [.revoked: 2]
        fleet.counts.latency.record(.microseconds(300))
        return fleet
    }

    static var statistics: ServerStatistics {
        var statistics = ServerStatistics()
        statistics.version = "1.2.3"
        statistics.startedAt = Timestamp(millisecondsSince1970: 1_700_000_000_500)
        statistics.uptime = .seconds(3600)
        statistics.calls = [
            .init(method: "Verify", source: "cache", code: "OK"): 900,
            .init(method: "Verify", source: "provider", code: "UNAUTHENTICATED", reason: "TOKEN_REJECTED"): 30,
            .init(method: "", source: "server", code: "INVALID_ARGUMENT", reason: "MALFORMED_REQUEST"): 2,
        ]
        statistics.latencies = [.init(method: "Verify", source: "cache"): latencies]
        statistics.counters = [
            .cacheHits: 900, .cacheMisses: 100, .cacheEvictions: 7, .reloadsFailed: 1,
            .connectionsClosed("idle"): 5, .connectionsAcceptFailures: 6,
        ]
        statistics.gauges = [
            .cacheInFlightLookups: 3, .cacheCapacity: 60_000, .tlsCertificateExpiry: 1_800_000_000,
            .tlsCertificateNotBefore: 1_650_000_000, .tlsClientAuthorityExpiry: 1_900_000_000, .reloadsLastApplied: 0,
        ]
        statistics.limits = [
            .init(setting: "server.max-connections", used: 50, limit: 10_000),
            .init(setting: "cache.max-entries", used: 59_000, limit: 60_000),
            .init(setting: "cache.max-bytes", used: 1 << 20, limit: 128 << 20),
            .init(setting: "cache.max-negative-entries", used: 1, limit: 10_000),
            .init(setting: "cache.max-negative-bytes", used: 600, limit: 8 << 20),
            .init(setting: "cache.max-denials", used: 4, limit: 200_000),
            .init(setting: "provider.max-concurrent-calls", provider: "facebook", applicationID: "123", used: 6, limit: 64),
            .init(setting: "provider.max-waiting-calls", provider: "facebook", applicationID: "123", used: 0, limit: 0),
        ]
        statistics.applications = [
            .init(provider: "facebook", applicationID: "123", circuitBreaker: .halfOpen, backOff: .milliseconds(1500))
        ]
        statistics.providerRequests = [.init(provider: "facebook", endpoint: "me", outcome: "success"): 70]
        statistics.providerLatency = latencies
        return statistics
    }
}
