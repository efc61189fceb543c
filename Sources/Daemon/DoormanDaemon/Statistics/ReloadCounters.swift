internal import DoormanCore
internal import NIOConcurrencyHelpers

/// Counts reloads by outcome.
final class ReloadCounters: Sendable {
    private let counts = NIOLockedValueBox((applied: UInt64(0), failed: UInt64(0)))

    func count(_ outcome: ActiveConfiguration.Outcome) {
        counts.withLockedValue { counts in
            switch outcome {
            case .applied: counts.applied += 1
            case .failed: counts.failed += 1
            }
        }
    }

    func count(into statistics: inout ServerStatistics) {
        (statistics.counters[.reloadsApplied], statistics.counters[.reloadsFailed]) = counts.withLockedValue { $0 }
    }
}
