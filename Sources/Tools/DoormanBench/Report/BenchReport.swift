internal import DoormanCore
internal import DoormanSupport

/// What a run came to.
package struct BenchReport: Sendable {
    package enum Ending: Sendable, Hashable {
        case timeUp
        case interrupted
        /// The server closed every connection.
        case connectionsLost
    }

    package let settings: BenchSettings
    package let ending: Ending
    /// How long calls counted.
    package let measured: Duration
    package let connectionsLost: Int
    package let identified: Int
    /// By the server's reason.
    package let rejected: [String: Int]
    /// By the server's reason or code, or ours: see ``CallOutcome``.
    package let failed: [String: Int]
    /// Answers that came in the measured time.
    package let answers: Int
    package let bytesSent: Int
    package let bytesReceived: Int
    /// From the moment a call was due until it was answered or given up; nil if there was none.
    package let latency: LatencySummary?

    package init(settings: BenchSettings, ending: Ending, measured: Duration, connectionsLost: Int, counters: BenchCounters) {
        self.settings = settings
        self.ending = ending
        self.measured = measured
        self.connectionsLost = connectionsLost
        identified = counters.identified
        rejected = counters.rejected
        failed = counters.failed
        answers = counters.answers
        bytesSent = counters.bytesSent
        bytesReceived = counters.bytesReceived
        latency = counters.latencies.summary
    }

    package var rejectedCount: Int { rejected.values.reduce(0, +) }
    package var failedCount: Int { failed.values.reduce(0, +) }

    /// Calls that counted, whatever became of them.
    package var calls: Int { identified + rejectedCount + failedCount }

    /// Zero if nothing was measured.
    package var answersPerSecond: Double {
        measured > .zero ? Double(answers) / (measured / .seconds(1)) : 0
    }
}

/// How far a run is.
package struct BenchProgress: Sendable, Hashable {
    /// Since the first call.
    private let elapsed: Duration
    private let warmUp: Duration
    private let length: Duration
    private let answers: Int

    init(window: BenchWindow, now: Instant, answers: Int) {
        elapsed = window.start.duration(to: now)
        warmUp = window.start.duration(to: window.countedFrom)
        length = window.length
        self.answers = answers
    }

    /// `3 s of 10 s, 123,456 answers`
    package var text: String {
        guard elapsed >= warmUp else { return "warming up" }
        let passed = min(elapsed - warmUp, length).components.seconds
        return "\(passed) s of \(DurationText.latency(length)), \(NumberText.grouped(answers)) answers"
    }
}
