internal import DoormanSupport

/// Parses and formats values with units: `60s`, `128MiB`, `10%`. A duration or size without a unit is an error.
enum Units {
    private static let sizes: [(unit: String, bytes: Int)] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)]

    static func duration(_ text: String, in range: ClosedRange<Duration>) throws(InvalidValueError) -> Duration {
        do {
            return try DurationText.parse(text, in: range)
        } catch {
            switch error {
            case .malformed:
                throw InvalidValueError("must be a whole number with a unit: us, ms, s, m or h, for example 500ms or 60s")
            case .outOfRange:
                let (lowest, highest) = (DurationText.write(range.lowerBound), DurationText.write(range.upperBound))
                throw InvalidValueError("must be from \(lowest) to \(highest)")
            }
        }
    }

    static func bytes(_ text: String, in range: ClosedRange<Int>) throws(InvalidValueError) -> Int {
        let quantity = Quantity(text)
        guard let count = Int(quantity.number), let scale = sizes.first(where: { $0.unit == quantity.unit })?.bytes else {
            throw InvalidValueError("must be a whole number with a unit: B, KiB, MiB or GiB, for example 64KiB")
        }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: scale)
        guard !overflow, range.contains(bytes) else {
            throw InvalidValueError("must be from \(write(bytes: range.lowerBound)) to \(write(bytes: range.upperBound))")
        }
        return bytes
    }

    static func write(bytes: Int) -> String {
        guard bytes != 0, let fit = sizes.first(where: { bytes % $0.bytes == 0 }) else { return "0B" }
        return "\(bytes / fit.bytes)\(fit.unit)"
    }

    static func count(_ text: String, in range: ClosedRange<Int>) throws(InvalidValueError) -> Int {
        guard let count = Int(text), range.contains(count) else {
            throw InvalidValueError("must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return count
    }

    static func percentage(_ text: String, in range: ClosedRange<Int>) throws(InvalidValueError) -> Int {
        guard text.hasSuffix("%"), let percent = Int(text.dropLast()), range.contains(percent) else {
            throw InvalidValueError("must be a percentage from \(range.lowerBound)% to \(range.upperBound)%, for example 10%")
        }
        return percent
    }

    /// Parses a percentage with at most four decimals as a fraction, 1 for 100%.
    static func fraction(_ text: String, in range: ClosedRange<Double>) throws(InvalidValueError) -> Double {
        let parts = text.dropLast().split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let digits = "0"..."9" as ClosedRange<Character>
        guard text.hasSuffix("%"), parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(digits.contains) }),
            parts.count == 1 || parts[1].count <= 4, let percent = Double(text.dropLast()), range.contains(percent / 100)
        else {
            let (lowest, highest) = (write(fraction: range.lowerBound), write(fraction: range.upperBound))
            throw InvalidValueError("must be a percentage from \(lowest) to \(highest), for example 10%")
        }
        return percent / 100
    }

    static func write(fraction: Double) -> String {
        let percent = (fraction * 1_000_000).rounded() / 10_000
        return percent == percent.rounded() ? "\(Int(percent))%" : "\(percent)%"
    }

    static func flag(_ text: String) throws(InvalidValueError) -> Bool {
        switch text {
        case "true": true
        case "false": false
        default: throw InvalidValueError("must be true or false")
        }
    }

    /// Parses permissions in octal, as in chmod(1).
    static func mode(_ text: String) throws(InvalidValueError) -> UInt32 {
        guard (3...4).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x37).contains($0) }),
            let mode = UInt32(text, radix: 8), mode <= 0o777
        else { throw InvalidValueError("must be permissions in octal, from 0000 to 0777, for example 0600") }
        return mode
    }

    static func write(mode: UInt32) -> String {
        let digits = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
