internal import DoormanCore
internal import NIOConcurrencyHelpers

/// Counts reloads by outcome.
final class ReloadCounters: Sendable {
    private struct Counts {
        var applied: UInt64 = 0
        var failed: UInt64 = 0
        var hasLastFailed = false
    }

    private let counts = NIOLockedValueBox(Counts())

    func count(_ outcome: ActiveConfiguration.Outcome) {
        counts.withLockedValue { counts in
            switch outcome {
            case .applied:
                counts.applied += 1
                counts.hasLastFailed = false
            case .failed:
                counts.failed += 1
                counts.hasLastFailed = true
            }
        }
    }

    func count(into statistics: inout ServerStatistics) {
        let counts = counts.withLockedValue { $0 }
        statistics.counters[.reloadsApplied] = counts.applied
        statistics.counters[.reloadsFailed] = counts.failed
        statistics.gauges[.reloadsLastApplied] = counts.hasLastFailed ? 0 : 1
    }
}
