/// A moment of wall-clock time, in whole milliseconds since 1970-01-01T00:00:00Z.
public struct Timestamp: Sendable, Hashable, Comparable {
    /// The number of milliseconds since 1970-01-01T00:00:00Z, without leap seconds. Negative before 1970.
    public var millisecondsSince1970: Int64

    /// Creates a moment from its number of milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
    public init(millisecondsSince1970: Int64) {
        self.millisecondsSince1970 = millisecondsSince1970
    }

    /// A moment later than all others, for values that never expire.
    public static let distantFuture = Timestamp(millisecondsSince1970: .max)

    /// Returns the moment `duration` after this one, rounded down to the millisecond, and clamped to `Int64`.
    public func advanced(by duration: Duration) -> Timestamp {
        let (seconds, attoseconds) = duration.components
        let (whole, remainder) = attoseconds.quotientAndRemainder(dividingBy: 1_000_000_000_000_000)
        let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        let (sum, tooFar) = millisecondsSince1970.addingReportingOverflow(milliseconds)
        let (rounded, tooFarRounded) = sum.addingReportingOverflow(remainder < 0 ? whole - 1 : whole)
        guard !overflow, !tooFar, !tooFarRounded else {
            return Timestamp(millisecondsSince1970: duration < .zero ? .min : .max)
        }
        return Timestamp(millisecondsSince1970: rounded)
    }

    /// Returns the time from here to `other`, negative if `other` is earlier, and clamped to `Int64` milliseconds.
    package func duration(to other: Timestamp) -> Duration {
        let (difference, overflow) = other.millisecondsSince1970.subtractingReportingOverflow(millisecondsSince1970)
        return .milliseconds(overflow ? (other > self ? .max : .min) : difference)
    }

    /// Returns whether `lhs` is earlier than `rhs`.
    public static func < (lhs: Timestamp, rhs: Timestamp) -> Bool {
        lhs.millisecondsSince1970 < rhs.millisecondsSince1970
    }
}
