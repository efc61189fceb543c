/// Formats numbers for people, independently of the locale.
package enum NumberText {
    /// Formats a number with a fixed number of decimal places, rounded: `12.50`.
    package static func decimal(_ value: Double, digits: Int) -> String {
        let scale = (0..<digits).reduce(Int64(1)) { scale, _ in scale * 10 }
        guard let scaled = Int64(exactly: (value * Double(scale)).rounded()) else { return "\(value)" }
        let (whole, fraction) = scaled.magnitude.quotientAndRemainder(dividingBy: UInt64(scale))
        let sign = scaled < 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(whole)" }
        return "\(sign)\(whole).\(String(UInt64(scale) + fraction).dropFirst())"
    }

    /// Formats a number of thousandths with three decimal places: `1.204`.
    package static func thousandths(_ count: Int64) -> String {
        "\(count / 1000).\(String(1000 + count % 1000).dropFirst())"
    }

    /// Formats a rate, with one decimal digit below 100: `15.1`, `1,234`.
    package static func rate(_ rate: Double) -> String {
        guard rate >= 99.95 else { return decimal(rate, digits: 1) }
        return grouped(Int(exactly: rate.rounded()) ?? .max)
    }

    /// Formats a part as a percentage such as `99.98%`. Only exactly 0 and 1 become 0% and 100%.
    package static func percentage(ofPart part: Double) -> String {
        let inBounds = part > 0 && part < 1 ? min(max(part, 0.0001), 0.9999) : part
        return decimal(inBounds * 100, digits: 2) + "%"
    }

    /// Formats a number in groups of three digits: `1,234,567`.
    package static func grouped(_ number: Int) -> String {
        var groups: [Substring] = []
        var rest = String(number.magnitude)[...]
        while rest.count > 3 {
            groups.insert(rest.suffix(3), at: 0)
            rest = rest.dropLast(3)
        }
        return (number < 0 ? "-" : "") + ([rest] + groups).joined(separator: ",")
    }
}
