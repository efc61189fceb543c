internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers
internal import ProviderHTTP

/// Counts provider requests and their latency for the server's statistics.
final class ProviderCounters: Sendable {
    /// An endpoint of a provider.
    struct EndpointKey: Sendable, Hashable {
        let provider: String
        let endpoint: String
    }

    private struct State {
        var requests: [ServerStatistics.ProviderRequestKind: UInt64] = [:]
        var latencies: [EndpointKey: LatencyHistogram] = [:]
    }

    private let state = NIOLockedValueBox(State())

    /// - Parameter provider: The name of the provider.
    func record(_ endpoint: ProviderEndpoint, _ outcome: RequestOutcome, _ took: Duration, of provider: String) {
        state.withLockedValue { state in
            state.requests[.init(provider: provider, endpoint: endpoint.name, outcome: outcome.name), default: 0] += 1
            // A request without a response has no latency, only the time after which the caller gave up.
            guard case .answered = outcome else { return }
            state.latencies[EndpointKey(provider: provider, endpoint: endpoint.name), default: LatencyHistogram()].record(took)
        }
    }

    func count(into statistics: inout ServerStatistics) {
        let state = state.withLockedValue { $0 }
        statistics.providerRequests = state.requests
        statistics.providerLatency = state.latencies.values.reduce(LatencyHistogram()) { $0.adding($1) }.snapshot
    }

    /// The latencies of requests that got a response.
    var latencies: [EndpointKey: LatencyHistogram] { state.withLockedValue { $0.latencies } }
}

extension RequestOutcome {
    /// The outcome's name in the statistics.
    var name: String {
        switch self {
        case .answered(let kind, _): kind.rawValue
        case .failed(let code, _): "failed_\(code.rawValue)"
        }
    }
}
