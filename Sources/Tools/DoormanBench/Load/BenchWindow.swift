internal import DoormanCore
package import DoormanSupport

/// The times at which calls start, at which counting starts, and at which both end.
package struct BenchWindow: Sendable, Hashable {
    /// The time of the first call.
    package let start: Instant
    /// The end of the warm-up.
    package let countedFrom: Instant
    /// The time from which no call is due.
    package private(set) var end: Instant

    package init(start: Instant, warmUp: Duration, duration: Duration) {
        self.start = start
        self.countedFrom = start.advanced(by: warmUp)
        self.end = countedFrom.advanced(by: duration)
    }

    package func counts(_ moment: Instant) -> Bool {
        moment >= countedFrom && moment < end
    }

    /// The length of the counted time.
    package var length: Duration { max(.zero, countedFrom.duration(to: end)) }

    /// Ends the window early.
    package mutating func cut(at moment: Instant) {
        end = min(end, moment)
    }
}
