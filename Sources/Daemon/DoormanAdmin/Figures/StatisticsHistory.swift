package import DoormanCore
internal import NIOConcurrencyHelpers

/// The last minutes of the server: a sample for each second, and statistics from a minute ago to compare the present ones with.
package final class StatisticsHistory: Sendable {
    /// The figures of a second.
    package struct Sample: Sendable, Hashable {
        package var callsPerSecond: Double
        /// The part of cache lookups that were hits, from 0 to 1; `nil` without lookups.
        package var hitRatio: Double?
        /// The latency that one call in a hundred exceeds; `nil` without calls.
        package var latency99: Duration?
        package var providerRequestsPerSecond: Double
    }

    private struct State {
        var samples: [Sample] = []
        var last: ServerStatistics?
        /// Statistics in steps of ``stepLength`` samples, the oldest first.
        var steps: [ServerStatistics] = []
        /// The number of samples since the last step.
        var sinceStep = 0
    }

    /// The number of samples that are kept: those of five minutes.
    package static let maximumSamples = 300
    /// The time between two samples.
    package static let interval = Duration.seconds(1)
    /// The number of samples between two steps. Whole statistics are large.
    private static let stepLength = 5
    /// The number of steps in a minute.
    private static let maximumSteps = 12

    private let state = NIOLockedValueBox(State())

    package init() {}

    /// Adds a sample: the change since the last one.
    package func record(_ statistics: ServerStatistics) {
        let last = state.withLockedValue { $0.last }
        // The first sample has nothing before it. Calculated outside the lock, since readers wait for it.
        let report = StatisticsReport(statistics, since: last)
        let sample = report.isSinceStart ? nil : Sample(report)
        state.withLockedValue { state in
            state.last = statistics
            if let sample { state.samples.append(sample) }
            if state.samples.count > Self.maximumSamples { state.samples.removeFirst() }
            state.sinceStep += 1
            guard state.steps.isEmpty || state.sinceStep >= Self.stepLength else { return }
            state.sinceStep = 0
            state.steps.append(statistics)
            if state.steps.count > Self.maximumSteps { state.steps.removeFirst() }
        }
    }

    /// The samples, the oldest first.
    package var samples: [Sample] { state.withLockedValue { $0.samples } }

    /// The oldest statistics of the last minute.
    package var minuteAgo: ServerStatistics? { state.withLockedValue { $0.steps.first } }
}

extension StatisticsHistory.Sample {
    /// - Parameter report: The report on the time since the last sample.
    init(_ report: StatisticsReport) {
        callsPerSecond = report.perSecond(report.calls)
        hitRatio = report.hitRatio
        latency99 = report.latency.percentile(99)
        providerRequestsPerSecond = report.perSecond(report.providerRequests)
    }
}
