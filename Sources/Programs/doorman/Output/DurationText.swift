internal import ArgumentParser
internal import DoormanClient

/// Durations as people type them: a whole number and its unit.
enum DurationText {
    /// Reads `500ms`, `2s`, `1m` or `1h`: more than nothing, and a day at most.
    static func parse(_ text: String) throws(ValidationError) -> Duration {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let factor: Int64
        switch text.dropFirst(digits.count) {
        case "ms": factor = 1
        case "s": factor = 1000
        case "m": factor = 60_000
        case "h": factor = 3_600_000
        default: throw ValidationError("'\(text)' is no duration: write 500ms, 2s, 1m or 1h")
        }
        guard let number = Int64(digits), number > 0, number <= 86_400_000 / factor else {
            throw ValidationError("'\(text)' is not from 1ms to 24h")
        }
        return .milliseconds(number * factor)
    }

    /// `1.5 s`, for people.
    static func describe(_ duration: Duration) -> String {
        "\(seconds(duration)) s"
    }

    /// `1.204`: milliseconds, rounded down to the microsecond.
    static func milliseconds(_ duration: Duration) -> String {
        let (whole, attoseconds) = duration.components
        let microseconds = whole * 1_000_000 + attoseconds / 1_000_000_000_000
        return "\(microseconds / 1000).\(String(1000 + microseconds % 1000).dropFirst())"
    }

    /// Seconds, rounded up to the millisecond, without zeros at the end.
    static func seconds(_ duration: Duration) -> String {
        let (whole, attoseconds) = duration.components
        let milliseconds = whole * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        let fraction = milliseconds % 1000
        guard fraction > 0 else { return "\(milliseconds / 1000)" }
        var digits = String(String(1000 + fraction).dropFirst())
        while digits.last == "0" { digits.removeLast() }
        return "\(milliseconds / 1000).\(digits)"
    }
}

extension Timestamp {
    /// The moment in UTC by ISO 8601, to the millisecond: `2017-07-14T02:40:00.000Z`. Nil for the distant future.
    ///
    /// The calendar is the proleptic Gregorian one; the days are counted in eras of 400 years that begin in March, so that the leap
    /// day is the last of its year (Howard Hinnant, *chrono-Compatible Low-Level Date Algorithms*, `civil_from_days`).
    var iso8601: String? {
        guard self != .distantFuture else { return nil }
        let (days, milliseconds) = Self.floored(millisecondsSince1970, 86_400_000)
        // Days since 0000-03-01. No overflow: the days are far fewer than Int64 holds.
        let (era, dayOfEra) = Self.floored(days + 719_468, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let seconds = milliseconds / 1000
        let date = "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))"
        let time =
            "\(Self.padded(seconds / 3600, 2)):\(Self.padded(seconds / 60 % 60, 2)):\(Self.padded(seconds % 60, 2))"
        return "\(date)T\(time).\(Self.padded(milliseconds % 1000, 3))Z"
    }

    private static func floored(_ number: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number.magnitude)
        return (number < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
