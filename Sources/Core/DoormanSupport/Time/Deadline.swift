/// The moment after which a caller no longer waits for a response.
package struct Deadline: Sendable, Hashable, Comparable {
    package let instant: Instant

    package init(_ instant: Instant) {
        self.instant = instant
    }

    /// The time left; zero once the deadline has passed.
    package func remaining(at now: Instant) -> Duration {
        max(.zero, now.duration(to: instant))
    }

    /// The time left; zero once the deadline has passed.
    package func nanosecondsLeft(at now: Instant) -> Nanoseconds {
        Nanoseconds(count: instant.nanoseconds - min(now.nanoseconds, instant.nanoseconds))
    }

    @inlinable
    package func hasPassed(at now: Instant) -> Bool {
        now >= instant
    }

    @inlinable
    package static func < (lhs: Deadline, rhs: Deadline) -> Bool {
        lhs.instant < rhs.instant
    }
}
