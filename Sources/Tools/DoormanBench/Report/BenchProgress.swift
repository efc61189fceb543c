internal import DoormanCore
internal import DoormanSupport

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
        return "\(passed) s of \(LatencyText.describe(length)), \(LatencyText.grouped(answers)) answers"
    }
}
