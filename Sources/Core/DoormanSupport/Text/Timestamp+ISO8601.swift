package import DoormanCore

extension Timestamp {
    /// The time in UTC by ISO 8601, to the millisecond: `2017-07-14T02:40:00.000Z`. `nil` for the distant future.
    ///
    /// Foundation's formatter truncates milliseconds, so that half of all times are one millisecond too low.
    ///
    /// The calendar is the proleptic Gregorian calendar. Days are counted in eras of 400 years that begin in March, so that the leap day
    /// is the last day of its year. See Howard Hinnant, *chrono-Compatible Low-Level Date Algorithms*, `civil_from_days`.
    package var iso8601: String? {
        guard self != .distantFuture else { return nil }
        let (days, milliseconds) = Self.floored(millisecondsSince1970, 86_400_000)
        // Days since 0000-03-01. The sum cannot overflow, because days are far fewer than milliseconds.
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
