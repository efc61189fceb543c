internal import DoormanCore
internal import DoormanWire
internal import Metrics

/// The server's metrics, by swift-metrics: whoever runs the process chooses where they go.
///
/// | name | kind | labels |
/// |---|---|---|
/// | `doorman_connections` | gauge | – |
/// | `doorman_connections_closed_total` | counter | `why` |
/// | `doorman_calls_total` | counter | `method`, `source` (`memory`, `provider`, `server`), `code`, `reason` |
/// | `doorman_call_duration_seconds` | timer | `method`: of calls that had to wait |
///
/// No label ever holds anything that a peer sent.
struct ServerMetrics: Sendable {
    let connections = Gauge(label: "doorman_connections")
    private let fromMemory = Counter(
        label: "doorman_calls_total", dimensions: [("method", "Verify"), ("source", "memory"), ("code", ""), ("reason", "")])
    private let healthChecks = Counter(
        label: "doorman_calls_total", dimensions: [("method", "Check"), ("source", "server"), ("code", "OK"), ("reason", "")])
    private let draining = Self.counter(method: "", source: "server", failure: .draining)
    private let wrong = Self.counter(method: "", source: "server", failure: .malformedRequest)
    private let deadlineExceeded = Self.counter(method: "", source: "server", failure: .deadlineExceeded)
    private let finished: [Method: [Failure?: Counter]]
    private let durations: [Method: Timer]

    init() {
        let outcomes = [Failure?.none] + Failure.allCases.map(Optional.some)
        finished = Dictionary(
            uniqueKeysWithValues: Method.allCases.map { method in
                let counters = outcomes.map { ($0, Self.counter(method: method.name.description, source: "provider", failure: $0)) }
                return (method, Dictionary(uniqueKeysWithValues: counters))
            })
        durations = Dictionary(
            uniqueKeysWithValues: Method.allCases.map { method in
                (method, Timer(label: "doorman_call_duration_seconds", dimensions: [("method", method.name.description)]))
            })
    }

    /// Adds what a read brought.
    func record(_ tally: AnswerTally) {
        if tally.fromMemory > 0 { fromMemory.increment(by: tally.fromMemory) }
        if tally.healthChecks > 0 { healthChecks.increment(by: tally.healthChecks) }
        if tally.draining > 0 { draining.increment(by: tally.draining) }
        if tally.wrong > 0 { wrong.increment(by: tally.wrong) }
    }

    /// A call that had to wait came to an end.
    func recordFinished(_ method: Method, failure: Failure?, after duration: Duration) {
        finished[method]?[failure]?.increment()
        durations[method]?.recordNanoseconds(duration.nanoseconds)
    }

    func recordExpired(_ count: Int) {
        deadlineExceeded.increment(by: count)
    }

    func recordClosed(_ why: String) {
        Counter(label: "doorman_connections_closed_total", dimensions: [("why", why)]).increment()
    }

    private static func counter(method: String, source: String, failure: Failure?) -> Counter {
        Counter(
            label: "doorman_calls_total",
            dimensions: [
                ("method", method), ("source", source), ("code", (failure?.row.code ?? .ok).description),
                ("reason", failure?.row.reason ?? ""),
            ])
    }
}
