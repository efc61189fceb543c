import TestKit

/// A clock on which a sleep returns at once and advances the time.
struct SkippingClock: Clock {
    struct Instant: InstantProtocol {
        private let elapsed: Duration

        init(elapsed: Duration) {
            self.elapsed = elapsed
        }

        func advanced(by duration: Duration) -> Instant { Instant(elapsed: elapsed + duration) }
        func duration(to other: Instant) -> Duration { other.elapsed - elapsed }
        static func < (first: Instant, second: Instant) -> Bool { first.elapsed < second.elapsed }
    }

    private let clock = SteppedClock()
    private let start: UInt64

    init() {
        start = clock.now.nanoseconds
    }

    var now: Instant { Instant(elapsed: .nanoseconds(clock.now.nanoseconds - start)) }
    var minimumResolution: Duration { .nanoseconds(1) }

    func advance(by duration: Duration) { clock.advance(by: duration) }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        advance(by: max(.zero, now.duration(to: deadline)))
    }
}
