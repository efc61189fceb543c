internal import DoormanCore
internal import DoormanSupport

/// What the server itself knows for its statistics: how calls came out, and how full it is.
struct ServerCounts: Sendable {
    let settings: ServerSettings
    let readers: LoopReaders
    let connections: ConnectionRegistry
    let metrics: ServerMetrics
    let tls: ReloadableTLSContext?
    let time: TimeSource
    let began: Instant
    let startedAt: Timestamp

    /// Begins to count the time.
    init(
        settings: ServerSettings, readers: LoopReaders, connections: ConnectionRegistry, metrics: ServerMetrics,
        tls: ReloadableTLSContext?, time: TimeSource
    ) {
        self.settings = settings
        self.readers = readers
        self.connections = connections
        self.metrics = metrics
        self.tls = tls
        self.time = time
        began = time.now()
        startedAt = time.wallTime()
    }

    /// Adds it to what others know.
    func add(to statistics: inout ServerStatistics) async {
        statistics.startedAt = startedAt
        statistics.uptime = .milliseconds(began.duration(to: time.now()).nanoseconds / 1_000_000)
        statistics.calls = await readers.tally().counts
        for (why, count) in metrics.closed { statistics.counters[.connectionsClosed(why)] = count }
        if let expiry = tls?.value.certificateExpiry {
            statistics.gauges[.tlsCertificateExpiry] = UInt64(max(0, expiry.millisecondsSince1970 / 1000))
        }
        let limits = [
            ("server.max-connections", connections.count, settings.maximumConnections),
            ("server.max-waiting-calls", readers.waiting.count, settings.maximumWaitingCalls),
        ]
        statistics.limits.insert(
            contentsOf: limits.map { setting, used, limit in
                ServerStatistics.LimitState(setting: setting, used: UInt64(used), limit: UInt64(limit))
            }, at: 0)
    }
}
