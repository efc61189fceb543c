internal import AccountKit
internal import Metrics

/// Counts the calls to the provider: `doorman_provider_calls_total`, by `endpoint` and `outcome`.
struct ProviderMetrics: Sendable {
    @Sendable
    func record(_ endpoint: AccountKitEndpoint, _ outcome: RequestOutcome) {
        Counter(
            label: "doorman_provider_calls_total", dimensions: [("endpoint", endpoint.rawValue), ("outcome", outcome.name)]
        ).increment()
    }
}

extension RequestOutcome {
    /// Its name in metrics and statistics.
    var name: String {
        switch self {
        case .answered(let kind, _): kind.rawValue
        case .failed(let code): "failed_\(code)"
        }
    }
}
