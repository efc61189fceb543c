internal import DoormanCore
internal import Metrics
internal import NIOConcurrencyHelpers

/// How many reloads there were, and how they ended: `doorman_reloads_total`, by `outcome` (`applied`, `failed`).
final class ReloadCounters: Sendable {
    private let counts = NIOLockedValueBox((applied: UInt64(0), failed: UInt64(0)))

    func count(_ outcome: ActiveConfiguration.Outcome) {
        let name: String
        switch outcome {
        case .applied:
            counts.withLockedValue { $0.applied += 1 }
            name = "applied"
        case .failed:
            counts.withLockedValue { $0.failed += 1 }
            name = "failed"
        }
        Counter(label: "doorman_reloads_total", dimensions: [("outcome", name)]).increment()
    }

    func count(into statistics: inout ServerStatistics) {
        (statistics.counters[.reloadsApplied], statistics.counters[.reloadsFailed]) = counts.withLockedValue { $0 }
    }
}
