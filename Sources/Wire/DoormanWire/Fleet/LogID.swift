internal import DoormanSupport

/// The id of a record: a time of the store's clock in milliseconds since 1970, and a number within it. Ids of a log only rise.
package struct LogID: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var milliseconds: UInt64
    package var number: UInt64

    package init(_ milliseconds: UInt64, _ number: UInt64) {
        self.milliseconds = milliseconds
        self.number = number
    }

    /// The id before all others.
    package static let zero = LogID(0, 0)

    package static func < (left: LogID, right: LogID) -> Bool {
        (left.milliseconds, left.number) < (right.milliseconds, right.number)
    }

    /// Returns the first id of the time that is earlier by a duration.
    package func earlier(by duration: Duration) -> LogID {
        let milliseconds = UInt64(max(0, duration.nanoseconds)) / 1_000_000
        return LogID(self.milliseconds > milliseconds ? self.milliseconds - milliseconds : 0, 0)
    }

    /// Returns the first id of the time that is later by a duration.
    package func later(by duration: Duration) -> LogID {
        let (sum, overflow) = milliseconds.addingReportingOverflow(UInt64(max(0, duration.nanoseconds)) / 1_000_000)
        return LogID(overflow ? .max : sum, 0)
    }

    /// The id as Redis writes it: `1526919030474-55`.
    package var description: String { "\(milliseconds)-\(number)" }
}
