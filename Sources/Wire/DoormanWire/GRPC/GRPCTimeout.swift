/// The value of the header `grpc-timeout` (grpc `doc/PROTOCOL-HTTP2.md`, "Timeout").
package enum GRPCTimeout {
    /// Parses one to eight digits and a unit: `H`, `M`, `S`, `m`, `u` or `n`.
    ///
    /// - Returns: The time that the caller still waits, which can be 0; `nil` for any other value.
    package static func parse(_ value: Span<UInt8>) -> Duration? {
        guard 2...9 ~= value.count else { return nil }
        var number: Int64 = 0
        for index in 0..<value.count - 1 {
            guard 0x30...0x39 ~= value[index] else { return nil }
            number = number * 10 + Int64(value[index] - 0x30)
        }
        return switch value[value.count - 1] {
        case UInt8(ascii: "H"): .seconds(number * 3600)
        case UInt8(ascii: "M"): .seconds(number * 60)
        case UInt8(ascii: "S"): .seconds(number)
        case UInt8(ascii: "m"): .milliseconds(number)
        case UInt8(ascii: "u"): .microseconds(number)
        case UInt8(ascii: "n"): .nanoseconds(number)
        default: nil
        }
    }
}
