internal import AccountKit
internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// Counts the calls to the provider, and how long it took to answer, for the server's statistics.
final class ProviderCounters: Sendable {
    private struct State {
        var calls: [ServerStatistics.ProviderRequestKind: UInt64] = [:]
        var latency = LatencyHistogram()
    }

    private let state = NIOLockedValueBox(State())

    func record(_ endpoint: AccountKitEndpoint, _ outcome: RequestOutcome, _ took: Duration) {
        state.withLockedValue { state in
            state.calls[.init(endpoint: endpoint.rawValue, outcome: outcome.name), default: 0] += 1
            // What never came has no latency: it would be that of whoever lost patience.
            if case .answered = outcome { state.latency.record(took) }
        }
    }

    func count(into statistics: inout ServerStatistics) {
        let state = state.withLockedValue { $0 }
        statistics.providerRequests = state.calls
        statistics.providerLatency = state.latency.snapshot
    }
}

extension RequestOutcome {
    /// Its name in the statistics.
    var name: String {
        switch self {
        case .answered(let kind, _): kind.rawValue
        case .failed(let code): "failed_\(code)"
        }
    }
}
