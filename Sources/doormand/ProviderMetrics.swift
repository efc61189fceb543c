internal import AccountKit
internal import Metrics

/// Counts the calls to the provider: `doorman_provider_calls_total`, by `endpoint` and `outcome`.
struct ProviderMetrics: Sendable {
    @Sendable
    func record(_ endpoint: AccountKitEndpoint, _ outcome: CallOutcome) {
        Counter(
            label: "doorman_provider_calls_total", dimensions: [("endpoint", endpoint.rawValue), ("outcome", name(outcome))]
        ).increment()
    }

    private func name(_ outcome: CallOutcome) -> String {
        switch outcome {
        case .answered(let kind, _): "\(kind)"
        case .failed(let code): "failed_\(code)"
        }
    }
}
