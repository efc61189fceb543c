/// A moment on a monotonic clock, in nanoseconds since an arbitrary start. Meaningless outside this process.
package struct Instant: Sendable, Hashable, Comparable {
    package var nanoseconds: UInt64

    package init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    /// A moment later than all others.
    package static let distantFuture = Instant(nanoseconds: .max)

    /// Returns the moment `duration` from here, clamped to the start and ``distantFuture``.
    package func advanced(by duration: Duration) -> Instant {
        let step = duration.nanoseconds
        if step < 0 {
            let (difference, overflow) = nanoseconds.subtractingReportingOverflow(step.magnitude)
            return Instant(nanoseconds: overflow ? 0 : difference)
        }
        let (sum, overflow) = nanoseconds.addingReportingOverflow(step.magnitude)
        return Instant(nanoseconds: overflow ? .max : sum)
    }

    /// Returns the moment `step` from here, clamped to ``distantFuture``.
    package func advanced(by step: Nanoseconds) -> Instant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(step.count)
        return Instant(nanoseconds: overflow ? .max : sum)
    }

    /// Returns the time from here to `other`; negative if `other` is earlier.
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

/// A duration in whole nanoseconds, for hot paths, since reading a `Duration` costs a division.
package struct Nanoseconds: Sendable, Hashable {
    package let count: UInt64

    /// Clamps a negative duration to zero.
    package init(_ duration: Duration) {
        count = UInt64(max(0, duration.nanoseconds))
    }

    package init(count: UInt64) {
        self.count = count
    }
}

extension Duration {
    /// The whole nanoseconds of this duration, clamped to `Int64` (292 years).
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, tooLong) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return tooLong ? (seconds < 0 ? .min : .max) : sum
    }
}
