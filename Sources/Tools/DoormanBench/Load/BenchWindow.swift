internal import DoormanCore
package import DoormanSupport

/// When calls are made, and from when on they count.
package struct BenchWindow: Sendable, Hashable {
    /// The first call.
    package let start: Instant
    /// The warm-up is over.
    package let countedFrom: Instant
    /// No call is due from here on.
    package private(set) var end: Instant

    package init(start: Instant, warmUp: Duration, duration: Duration) {
        self.start = start
        self.countedFrom = start.advanced(by: warmUp)
        self.end = countedFrom.advanced(by: duration)
    }

    package func counts(_ moment: Instant) -> Bool {
        moment >= countedFrom && moment < end
    }

    /// How long calls counted.
    package var length: Duration { max(.zero, countedFrom.duration(to: end)) }

    /// Ends before the time.
    package mutating func cut(at moment: Instant) {
        end = min(end, moment)
    }
}
