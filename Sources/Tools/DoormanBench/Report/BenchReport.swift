internal import DoormanCore
internal import DoormanSupport

/// The result of a run.
package struct BenchReport: Sendable {
    package enum Ending: Sendable, Hashable {
        case timeUp
        case interrupted
        /// The server closed every connection.
        case connectionsLost
    }

    package let settings: BenchSettings
    package let ending: Ending
    /// The length of the counted time.
    package let measured: Duration
    package let connectionsLost: Int
    package let identified: Int
    /// Rejected calls by the server's reason.
    package let rejected: [String: Int]
    /// Failed calls by the reason or code of ``CallOutcome``.
    package let failed: [String: Int]
    /// Responses that arrived in the measured time.
    package let responses: Int
    package let bytesSent: Int
    package let bytesReceived: Int
    /// Latency from the due time of a call until its response or the time it was given up; `nil` without calls.
    package let latency: LatencySummary?

    package init(settings: BenchSettings, ending: Ending, measured: Duration, connectionsLost: Int, counters: BenchCounters) {
        self.settings = settings
        self.ending = ending
        self.measured = measured
        self.connectionsLost = connectionsLost
        identified = counters.identified
        rejected = counters.rejected
        failed = counters.failed
        responses = counters.responses
        bytesSent = counters.bytesSent
        bytesReceived = counters.bytesReceived
        latency = counters.latencies.summary
    }

    package var rejectedCount: Int { rejected.values.reduce(0, +) }
    package var failedCount: Int { failed.values.reduce(0, +) }

    /// Counted calls of every outcome.
    package var calls: Int { identified + rejectedCount + failedCount }

    /// Responses per second; 0 if nothing was measured.
    package var responsesPerSecond: Double {
        measured > .zero ? Double(responses) / (measured / .seconds(1)) : 0
    }
}

/// The progress of a run.
package struct BenchProgress: Sendable, Hashable {
    /// Time since the first call.
    private let elapsed: Duration
    private let warmUp: Duration
    private let length: Duration
    private let responses: Int

    init(window: BenchWindow, now: Instant, responses: Int) {
        elapsed = window.start.duration(to: now)
        warmUp = window.start.duration(to: window.countedFrom)
        length = window.length
        self.responses = responses
    }

    /// `3 s of 10 s, 123,456 responses`
    package var text: String {
        guard elapsed >= warmUp else { return "warming up" }
        let passed = min(elapsed - warmUp, length).components.seconds
        return "\(passed) s of \(DurationText.latency(length)), \(NumberText.grouped(responses)) responses"
    }
}
