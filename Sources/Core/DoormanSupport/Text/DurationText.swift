/// Formats and parses durations: for people, for programs, and for settings and options.
package enum DurationText {
    /// A unit of durations in settings and options, the longest first.
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

    /// The reason why a text can't be parsed.
    package enum ParseError: Error, Sendable, Hashable {
        /// The text is not a whole number with an allowed unit.
        case malformed
        /// The duration is outside the allowed range.
        case outOfRange
    }

    // MARK: - Settings and options

    /// Parses a whole number with a unit, for example `500ms` or `60s`.
    ///
    /// - Parameters:
    ///   - range: The allowed durations.
    ///   - units: The allowed units. Default all.
    package static func parse(
        _ text: String, in range: ClosedRange<Duration>, units: [Unit] = Unit.allCases
    ) throws(ParseError) -> Duration {
        let quantity = Quantity(text)
        guard !quantity.number.isEmpty, let unit = Unit(rawValue: String(quantity.unit)), units.contains(unit) else {
            throw .malformed
        }
        // `nil` if the number has too many digits.
        guard let count = Int64(quantity.number) else { throw .outOfRange }
        let (nanoseconds, overflow) = count.multipliedReportingOverflow(by: unit.nanoseconds)
        guard !overflow, range.contains(.nanoseconds(nanoseconds)) else { throw .outOfRange }
        return .nanoseconds(nanoseconds)
    }

    /// Formats a duration for ``parse(_:in:units:)``, in the longest unit that represents it exactly: 60 seconds become `1m`.
    package static func write(_ duration: Duration) -> String {
        let nanoseconds = duration.nanoseconds
        let fit = Unit.allCases.first { nanoseconds % $0.nanoseconds == 0 }
        guard nanoseconds != 0, let fit else { return "0s" }
        return "\(nanoseconds / fit.nanoseconds)\(fit.rawValue)"
    }

    // MARK: - Text for people

    /// Formats a duration in seconds, rounded up to the millisecond: `1.5 s`.
    package static func describe(_ duration: Duration) -> String {
        "\(seconds(duration)) s"
    }

    /// Formats a duration in its two largest units, rounded down: `3 d 4 h`, `2 h 5 min`, `4 min 7 s`, `7 s`.
    package static func rough(_ duration: Duration) -> String {
        let seconds = duration.components.seconds
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60)
        if days > 0 { return "\(days) d \(hours) h" }
        if hours > 0 { return "\(hours) h \(minutes) min" }
        return minutes > 0 ? "\(minutes) min \(seconds % 60) s" : "\(seconds) s"
    }

    /// Formats a latency with three significant digits, the precision of a histogram: `61.2 µs`, `1.05 ms`, `2.00 s`.
    package static func latency(_ latency: Duration) -> String {
        let unit = LatencyUnit(for: latency)
        let value = latency / .nanoseconds(unit.rawValue)
        // The bounds account for values that round up to 10 or 100.
        let digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0
        return "\(NumberText.decimal(value, digits: digits)) \(unit.symbol)"
    }

    // MARK: - Numbers without a unit

    /// Formats milliseconds, rounded down to the microsecond: `1.204`.
    package static func milliseconds(_ duration: Duration) -> String {
        NumberText.thousandths(duration.microsecondsRoundedDown)
    }

    /// Formats seconds, rounded up to the millisecond, without trailing zeros: `1.5`.
    package static func seconds(_ duration: Duration) -> String {
        let milliseconds = duration.millisecondsRoundedUp
        guard milliseconds % 1000 > 0 else { return "\(milliseconds / 1000)" }
        var digits = NumberText.thousandths(milliseconds)
        while digits.last == "0" { digits.removeLast() }
        return digits
    }
}

/// A unit of latencies. The raw value is its number of nanoseconds.
package enum LatencyUnit: Int64, CaseIterable, Sendable {
    case microseconds = 1000
    case milliseconds = 1_000_000
    case seconds = 1_000_000_000

    /// Selects the largest unit that does not exceed a duration, or else the smallest unit.
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
    /// The number of whole microseconds, rounded down.
    package var microsecondsRoundedDown: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }

    /// The number of whole milliseconds, rounded up.
    package var millisecondsRoundedUp: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
