internal import CoreMetrics
internal import DoormanWire

/// The client's metrics, by swift-metrics: the process chooses the backend.
///
/// | name | kind | labels |
/// |---|---|---|
/// | `doorman_client_calls_total` | counter | `method`, `outcome` (`ok`, or a reason of ``RejectionReason`` or ``UnavailableReason``) |
/// | `doorman_client_call_duration_seconds` | timer | `method` |
/// | `doorman_client_near_cache_hits_total` | counter | – |
/// | `doorman_client_retries_total` | counter | `cause` (`draining`, `unsent`, `connection_lost`, `hung`, `unavailable`) |
/// | `doorman_client_hedges_total` | counter | – |
struct ClientMetrics: Sendable {
    /// Why a call is sent again.
    enum RetryCause: String, CaseIterable {
        case draining, unsent, connectionLost = "connection_lost", hung, unavailable

        /// Whether it is certain that no server began the call, so that the retry costs no server more than the first attempt.
        var isFree: Bool { self == .draining || self == .unsent }
    }

    private struct Counters: Sendable {
        let succeeded: Counter
        let duration: Timer
    }

    /// Whether the process has a metrics backend.
    let isOn: Bool
    private let factory: any MetricsFactory
    private let methods: [Method: Counters]
    private let nearCacheHits: Counter
    private let hedges: Counter
    private let retries: [RetryCause: Counter]

    init(factory: any MetricsFactory) {
        self.factory = factory
        isOn = !(factory is NOOPMetricsHandler)
        methods = Dictionary(
            uniqueKeysWithValues: Method.allCases.map { method in
                let succeeded = Self.calls(method, "ok", factory)
                let dimensions = [("method", method.name.description)]
                let duration = Timer(
                    label: "doorman_client_call_duration_seconds", dimensions: dimensions, factory: factory)
                return (method, Counters(succeeded: succeeded, duration: duration))
            })
        nearCacheHits = Counter(label: "doorman_client_near_cache_hits_total", factory: factory)
        hedges = Counter(label: "doorman_client_hedges_total", factory: factory)
        retries = Dictionary(
            uniqueKeysWithValues: RetryCause.allCases.map { cause in
                let dimensions = [("cause", cause.rawValue)]
                return (cause, Counter(label: "doorman_client_retries_total", dimensions: dimensions, factory: factory))
            })
    }

    /// Counts a call that has ended.
    ///
    /// - Parameter error: The call's error; `nil` if it succeeded.
    func recordCall(_ method: Method, _ error: DoormanError?, nanoseconds: Int64) {
        guard let counters = methods[method] else { return }
        counters.duration.recordNanoseconds(nanoseconds)
        if let error {
            Self.calls(method, error.reason, factory).increment()
        } else {
            counters.succeeded.increment()
        }
    }

    func recordNearCacheHit() { nearCacheHits.increment() }

    func recordHedge() { hedges.increment() }

    func recordRetry(_ cause: RetryCause) { retries[cause]?.increment() }

    private static func calls(_ method: Method, _ outcome: String, _ factory: any MetricsFactory) -> Counter {
        Counter(
            label: "doorman_client_calls_total", dimensions: [("method", method.name.description), ("outcome", outcome)],
            factory: factory)
    }
}

extension DoormanError {
    /// The name of the reason, of any kind.
    var reason: String {
        switch kind {
        case .rejected(let reason): reason.description
        case .forbidden(let reason): reason.description
        case .unavailable(let reason): reason.description
        }
    }
}
