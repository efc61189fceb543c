package import DoormanCore
package import DoormanSupport
private import NIOConcurrencyHelpers

/// A time source that advances only when a test advances it.
package final class SteppedClock: Sendable {
    private let elapsed = NIOLockedValueBox<Duration>(.zero)
    private let start: Instant
    private let wallStart: Timestamp

    package init(
        start: Instant = Instant(nanoseconds: 1_000_000_000_000),
        wallStart: Timestamp = Timestamp(millisecondsSince1970: 1_500_000_000_000)
    ) {
        self.start = start
        self.wallStart = wallStart
    }

    package var now: Instant { start.advanced(by: elapsed.withLockedValue { $0 }) }

    package var wallTime: Timestamp { wallStart.advanced(by: elapsed.withLockedValue { $0 }) }

    package func advance(by step: Duration) {
        elapsed.withLockedValue { $0 += step }
    }

    package var timeSource: TimeSource {
        TimeSource(now: { self.now }, wallTime: { self.wallTime })
    }
}
