internal import ArgumentParser

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
