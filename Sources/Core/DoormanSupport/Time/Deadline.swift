/// A moment on a clock that only goes forward, in nanoseconds since some start. Meaningless outside this process.
package struct Instant: Sendable, Hashable, Comparable {
    package var nanoseconds: UInt64

    package init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    /// A moment after every other.
    package static let distantFuture = Instant(nanoseconds: .max)

    /// The moment `duration` from here; the start, or ``distantFuture``, where that can't be expressed.
    package func advanced(by duration: Duration) -> Instant {
        let step = duration.nanoseconds
        if step < 0 {
            let (difference, overflow) = nanoseconds.subtractingReportingOverflow(step.magnitude)
            return Instant(nanoseconds: overflow ? 0 : difference)
        }
        let (sum, overflow) = nanoseconds.addingReportingOverflow(step.magnitude)
        return Instant(nanoseconds: overflow ? .max : sum)
    }

    /// The moment that much later; ``distantFuture`` where that can't be expressed.
    package func advanced(by step: Nanoseconds) -> Instant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(step.count)
        return Instant(nanoseconds: overflow ? .max : sum)
    }

    /// How long it is from here until `other`; negative if `other` is past.
    package func duration(to other: Instant) -> Duration {
        other >= self
            ? .nanoseconds(Int64(clamping: other.nanoseconds - nanoseconds))
            : .zero - .nanoseconds(Int64(clamping: nanoseconds - other.nanoseconds))
    }

    @inlinable
    package static func < (lhs: Instant, rhs: Instant) -> Bool {
        lhs.nanoseconds < rhs.nanoseconds
    }
}

/// A length of time in whole nanoseconds, for where a `Duration`, which is divided to be read, takes too long.
package struct Nanoseconds: Sendable, Hashable {
    package let count: UInt64

    /// Zero for a negative duration.
    package init(_ duration: Duration) {
        count = UInt64(max(0, duration.nanoseconds))
    }

    package init(count: UInt64) {
        self.count = count
    }
}

/// The moment by which an answer is worth nothing any more.
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

extension Duration {
    /// The whole nanoseconds of this duration, held at the ends of `Int64` (292 years).
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, tooLong) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return tooLong ? (seconds < 0 ? .min : .max) : sum
    }
}
