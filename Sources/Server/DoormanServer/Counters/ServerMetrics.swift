internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import Metrics
internal import NIOConcurrencyHelpers

/// The server's metrics, by swift-metrics: whoever runs the process chooses where they go.
///
/// | name | kind | labels |
/// |---|---|---|
/// | `doorman_connections` | gauge | – |
/// | `doorman_connections_closed_total` | counter | `why`; those of TLS are in ``HandshakeFailure`` |
/// | `doorman_tls_certificate_expiry_seconds` | gauge | –: in Unix time |
/// | `doorman_calls_total` | counter | `method`, `source` (`memory`, `provider`, `server`), `code`, `reason` |
/// | `doorman_call_duration_seconds` | timer | `method`: of calls that had to wait |
///
/// No label ever holds anything that a peer sent.
struct ServerMetrics: Sendable {
    let connections: Gauge
    private let factory: any MetricsFactory
    private let fromMemory: Counter
    private let healthChecks: Counter
    private let draining: Counter
    private let wrong: Counter
    private let unimplemented: Counter
    private let refused: [Failure: Counter]
    private let finished: [Method: [Failure?: Counter]]
    private let durations: [Method: Timer]
    private let closings = NIOLockedValueBox<[String: UInt64]>([:])

    init(factory: any MetricsFactory) {
        func calls(_ method: String, _ source: String, code: String, reason: String = "") -> Counter {
            Counter(
                label: "doorman_calls_total",
                dimensions: [("method", method), ("source", source), ("code", code), ("reason", reason)], factory: factory)
        }
        func calls(_ method: String, _ source: String, _ failure: Failure?) -> Counter {
            calls(method, source, code: (failure?.row.code ?? .ok).description, reason: failure?.row.reason ?? "")
        }
        self.factory = factory
        connections = Gauge(label: "doorman_connections", factory: factory)
        // Memory gives the packed reply alone, so whether it is a refusal is not known here.
        fromMemory = calls("Verify", "memory", code: "")
        healthChecks = calls("Check", "server", nil)
        draining = calls("", "server", .draining)
        wrong = calls("", "server", .malformedRequest)
        unimplemented = calls("", "server", .unimplemented)
        refused = Dictionary(uniqueKeysWithValues: Failure.allCases.map { ($0, calls("", "server", $0)) })
        let outcomes = [Failure?.none] + Failure.allCases.map(Optional.some)
        finished = Dictionary(
            uniqueKeysWithValues: Method.allCases.map { method in
                let counters = outcomes.map { ($0, calls(method.name.description, method.source, $0)) }
                return (method, Dictionary(uniqueKeysWithValues: counters))
            })
        durations = Dictionary(
            uniqueKeysWithValues: Method.allCases.map { method in
                let dimensions = [("method", method.name.description)]
                return (method, Timer(label: "doorman_call_duration_seconds", dimensions: dimensions, factory: factory))
            })
    }

    /// Adds what a read brought.
    func record(_ tally: AnswerTally) {
        if tally.fromMemory > 0 { fromMemory.increment(by: tally.fromMemory) }
        if tally.healthChecks > 0 { healthChecks.increment(by: tally.healthChecks) }
        if tally.draining > 0 { draining.increment(by: tally.draining) }
        if tally.wrong > 0 { wrong.increment(by: tally.wrong) }
        if tally.callerNotAllowed > 0 { refused[.callerNotAllowed]?.increment(by: tally.callerNotAllowed) }
        if tally.serviceUnknown > 0 { refused[.serviceUnknown]?.increment(by: tally.serviceUnknown) }
        if !tally.overLimit.isEmpty { record(tally.overLimit) }
        if tally.refusedByForm > 0 { refused[.malformedToken]?.increment(by: tally.refusedByForm) }
        if tally.unimplemented > 0 { unimplemented.increment(by: tally.unimplemented) }
    }

    /// A call that had to wait came to an end.
    func recordFinished(_ method: Method, failure: Failure?, after duration: Duration) {
        finished[method]?[failure]?.increment()
        durations[method]?.recordNanoseconds(duration.nanoseconds)
    }

    /// Adds what a connection refused by itself.
    func record(_ refusals: [Failure: Int]) {
        for (failure, count) in refusals { refused[failure]?.increment(by: count) }
    }

    func recordClosed(_ why: String) {
        closings.withLockedValue { $0[why, default: 0] += 1 }
        Counter(label: "doorman_connections_closed_total", dimensions: [("why", why)], factory: factory).increment()
    }

    /// How many connections were closed, by why.
    var closed: [String: UInt64] { closings.withLockedValue { $0 } }

    /// Only where there is TLS: a zero would look like a certificate that ended long ago.
    func recordCertificateExpiry(_ expiry: Timestamp) {
        Gauge(label: "doorman_tls_certificate_expiry_seconds", factory: factory).record(expiry.millisecondsSince1970 / 1000)
    }
}
