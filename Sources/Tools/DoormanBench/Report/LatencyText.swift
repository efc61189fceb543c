/// Latencies and numbers for people.
package enum LatencyText {
    /// A unit of time, and how many nanoseconds it has.
    enum Unit: Int64, CaseIterable {
        case microseconds = 1000
        case milliseconds = 1_000_000
        case seconds = 1_000_000_000

        /// The largest of which a duration has one at least; else the smallest.
        init(for duration: Duration) {
            self = Self.allCases.last { duration >= .nanoseconds($0.rawValue) } ?? .microseconds
        }

        var symbol: String {
            switch self {
            case .microseconds: "µs"
            case .milliseconds: "ms"
            case .seconds: "s"
            }
        }
    }

    /// Three significant digits and a unit, which is what a histogram keeps: `61.2 µs`, `1.05 ms`, `2.00 s`.
    package static func describe(_ latency: Duration) -> String {
        let unit = Unit(for: latency)
        let value = latency / .nanoseconds(unit.rawValue)
        // What rounds up to 100 has no digit behind the point, either.
        let digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0
        return "\(decimal(value, digits: digits)) \(unit.symbol)"
    }

    /// `12.50`: with so many digits behind the point, rounded.
    package static func decimal(_ value: Double, digits: Int) -> String {
        let scale = (0..<digits).reduce(Int64(1)) { scale, _ in scale * 10 }
        guard let scaled = Int64(exactly: (value * Double(scale)).rounded()) else { return "\(value)" }
        let (whole, fraction) = scaled.magnitude.quotientAndRemainder(dividingBy: UInt64(scale))
        let sign = scaled < 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(whole)" }
        return "\(sign)\(whole).\(String(UInt64(scale) + fraction).dropFirst())"
    }

    /// `1,234,567`
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
