internal import DoormanSupport

/// Values with units: `60s`, `128MiB`. A number without a unit is an error where a unit is possible.
enum Units {
    private static let durations: [(unit: String, nanoseconds: Int64)] = [
        ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1000),
    ]
    private static let sizes: [(unit: String, bytes: Int)] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)]

    static func duration(_ text: String, in range: ClosedRange<Duration>) throws(InvalidValueError) -> Duration {
        let (number, unit) = split(text)
        guard let count = Int64(number), let scale = durations.first(where: { $0.unit == unit })?.nanoseconds else {
            throw InvalidValueError("must be a whole number with a unit: us, ms, s, m or h, for example 500ms or 60s")
        }
        let (nanoseconds, overflow) = count.multipliedReportingOverflow(by: scale)
        guard !overflow, range.contains(.nanoseconds(nanoseconds)) else {
            throw InvalidValueError("must be from \(write(duration: range.lowerBound)) to \(write(duration: range.upperBound))")
        }
        return .nanoseconds(nanoseconds)
    }

    static func write(duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        guard nanoseconds != 0, let fit = durations.first(where: { nanoseconds % $0.nanoseconds == 0 }) else { return "0s" }
        return "\(nanoseconds / fit.nanoseconds)\(fit.unit)"
    }

    static func bytes(_ text: String, in range: ClosedRange<Int>) throws(InvalidValueError) -> Int {
        let (number, unit) = split(text)
        guard let count = Int(number), let scale = sizes.first(where: { $0.unit == unit })?.bytes else {
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

    static func fraction(_ text: String, in range: ClosedRange<Double>) throws(InvalidValueError) -> Double {
        guard let fraction = Double(text), range.contains(fraction) else {
            throw InvalidValueError("must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return fraction
    }

    static func flag(_ text: String) throws(InvalidValueError) -> Bool {
        switch text {
        case "true": true
        case "false": false
        default: throw InvalidValueError("must be true or false")
        }
    }

    /// Permissions in octal, as chmod(1) has them.
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

    private static func split(_ text: String) -> (number: Substring, unit: Substring) {
        let end = text.firstIndex { !$0.isASCII || !$0.isNumber } ?? text.endIndex
        return (text[..<end], text[end...])
    }
}
