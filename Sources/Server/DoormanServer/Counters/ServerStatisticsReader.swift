internal import DoormanCore
internal import DoormanSupport

/// Reads the server's own statistics: how calls ended, and how full its limits are.
struct ServerStatisticsReader: Sendable {
    private let settings: ServerSettings
    private let dispatchers: PerEventLoop<RequestDispatcher>
    private let inFlight: InFlightCounter
    private let connections: ConnectionRegistry
    private let tls: ReloadableTLSContext?
    private let time: TimeSource
    private let began: Instant
    private let startedAt: Timestamp

    /// Creates the reader. The server's uptime counts from now.
    init(
        settings: ServerSettings, dispatchers: PerEventLoop<RequestDispatcher>, inFlight: InFlightCounter,
        connections: ConnectionRegistry, tls: ReloadableTLSContext?, time: TimeSource
    ) {
        self.settings = settings
        self.dispatchers = dispatchers
        self.inFlight = inFlight
        self.connections = connections
        self.tls = tls
        self.time = time
        began = time.now()
        startedAt = time.wallTime()
    }

    /// Adds the server's statistics to those of the layers below.
    func add(to statistics: inout ServerStatistics) async {
        statistics.startedAt = startedAt
        statistics.uptime = .milliseconds(began.duration(to: time.now()).nanoseconds / 1_000_000)
        let counters = await dispatchers.counters()
        statistics.calls = Dictionary(
            counters.calls.map { (ServerStatistics.CallKind($0.key), $0.value) }, uniquingKeysWith: &+)
        // Without the protocols.
        let latencies = Dictionary(
            counters.latencies.map { (ServerStatistics.LatencyKind($0.key), $0.value) }, uniquingKeysWith: { $0.adding($1) })
        statistics.latencies = latencies.mapValues(\.snapshot)
        for (reason, count) in counters.connectionsClosed { statistics.counters[.connectionsClosed(reason)] = count }
        statistics.counters[.connectionsAcceptFailures] = counters.acceptFailures
        if let tls = tls?.value {
            statistics.gauges[.tlsCertificateExpiry] = tls.certificateExpiry.wholeSeconds
            statistics.gauges[.tlsCertificateNotBefore] = tls.certificateNotBefore.wholeSeconds
            statistics.gauges[.tlsClientAuthorityExpiry] = tls.authorityExpiry(at: time.wallTime())?.wholeSeconds
        }
        let limits = [
            ("server.max-connections", connections.count, settings.maximumConnections),
            ("server.max-waiting-calls", inFlight.count, settings.maximumWaitingCalls),
        ]
        statistics.limits.insert(
            contentsOf: limits.map { setting, used, limit in
                ServerStatistics.LimitState(setting: setting, used: UInt64(used), limit: UInt64(limit))
            }, at: 0)
    }
}

extension PerEventLoop<RequestDispatcher> {
    /// Returns the sum of all event loops' counters.
    func counters() async -> ServerCounters.Snapshot {
        var sum = ServerCounters.Snapshot()
        for snapshot in onEach({ $0.counters.snapshot }) {
            // A loop that is shut down fails and is left out.
            if let snapshot = try? await snapshot.get() { sum.add(snapshot) }
        }
        return sum
    }
}

extension Timestamp {
    /// The seconds since 1970, rounded down; 0 before that.
    fileprivate var wholeSeconds: UInt64 { UInt64(max(0, millisecondsSince1970 / 1000)) }
}
