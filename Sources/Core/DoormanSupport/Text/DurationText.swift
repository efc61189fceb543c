/// Durations as text: for people, for programs, and as they are typed in settings and options.
package enum DurationText {
    /// A unit in which a duration is typed, the longest first.
    package enum Unit: String, CaseIterable, Sendable {
        case hours = "h"
        case minutes = "m"
        case seconds = "s"
        case milliseconds = "ms"
        case microseconds = "us"

        var nanoseconds: Int64 {
            switch self {
            case .hours: 3_600_000_000_000
            case .minutes: 60_000_000_000
            case .seconds: 1_000_000_000
            case .milliseconds: 1_000_000
            case .microseconds: 1000
            }
        }
    }

    /// A text that is no duration, or not one of those that are possible.
    package enum ParseError: Error, Sendable, Hashable {
        /// Not a whole number with a unit.
        case malformed
        case outOfRange
    }

    // MARK: - As it is typed

    /// Reads a whole number with a unit: `500ms`, `60s`. A number without a unit is rejected.
    ///
    /// - Parameter units: The units that are possible. Default all.
    package static func parse(
        _ text: String, in range: ClosedRange<Duration>, units: [Unit] = Unit.allCases
    ) throws(ParseError) -> Duration {
        let quantity = Quantity(text)
        guard !quantity.number.isEmpty, let unit = Unit(rawValue: String(quantity.unit)), units.contains(unit) else {
            throw .malformed
        }
        // `nil` for a number that has too many digits.
        guard let count = Int64(quantity.number) else { throw .outOfRange }
        let (nanoseconds, overflow) = count.multipliedReportingOverflow(by: unit.nanoseconds)
        guard !overflow, range.contains(.nanoseconds(nanoseconds)) else { throw .outOfRange }
        return .nanoseconds(nanoseconds)
    }

    /// Writes a duration as ``parse(_:in:units:)`` reads it, in the longest unit that fits: `60s` is `1m`.
    package static func write(_ duration: Duration) -> String {
        let nanoseconds = duration.nanoseconds
        let fit = Unit.allCases.first { nanoseconds % $0.nanoseconds == 0 }
        guard nanoseconds != 0, let fit else { return "0s" }
        return "\(nanoseconds / fit.nanoseconds)\(fit.rawValue)"
    }

    // MARK: - For people

    /// `1.5 s`
    package static func describe(_ duration: Duration) -> String {
        "\(seconds(duration)) s"
    }

    /// `3 d 4 h`, `2 h 5 min`, `4 min 7 s`, `7 s`: two units, rounded down.
    package static func rough(_ duration: Duration) -> String {
        let seconds = duration.components.seconds
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60)
        if days > 0 { return "\(days) d \(hours) h" }
        if hours > 0 { return "\(hours) h \(minutes) min" }
        return minutes > 0 ? "\(minutes) min \(seconds % 60) s" : "\(seconds) s"
    }

    /// Three significant digits and a unit, which is what a histogram keeps: `61.2 µs`, `1.05 ms`, `2.00 s`.
    package static func latency(_ latency: Duration) -> String {
        let unit = LatencyUnit(for: latency)
        let value = latency / .nanoseconds(unit.rawValue)
        // A value that rounds up to 100 has no digit behind the point, either.
        let digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0
        return "\(NumberText.decimal(value, digits: digits)) \(unit.symbol)"
    }

    // MARK: - Numbers alone

    /// `1.204`: milliseconds, rounded down to the microsecond.
    package static func milliseconds(_ duration: Duration) -> String {
        NumberText.thousandths(duration.microsecondsRoundedDown)
    }

    /// Seconds, rounded up to the millisecond, without zeros at the end.
    package static func seconds(_ duration: Duration) -> String {
        let milliseconds = duration.millisecondsRoundedUp
        guard milliseconds % 1000 > 0 else { return "\(milliseconds / 1000)" }
        var digits = NumberText.thousandths(milliseconds)
        while digits.last == "0" { digits.removeLast() }
        return digits
    }
}

/// A unit of latencies, and how many nanoseconds it has.
package enum LatencyUnit: Int64, CaseIterable, Sendable {
    case microseconds = 1000
    case milliseconds = 1_000_000
    case seconds = 1_000_000_000

    /// The largest unit of which a duration has at least one; else the smallest.
    package init(for duration: Duration) {
        self = Self.allCases.last { duration >= .nanoseconds($0.rawValue) } ?? .microseconds
    }

    package var symbol: String {
        switch self {
        case .microseconds: "µs"
        case .milliseconds: "ms"
        case .seconds: "s"
        }
    }
}

extension Duration {
    /// The whole microseconds of this duration.
    package var microsecondsRoundedDown: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }

    /// The fewest whole milliseconds that are not less than this duration.
    package var millisecondsRoundedUp: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
