internal import DoormanSupport

/// Encodes the values of the trailers that describe a failure.
package enum GRPCHeaderValues {
    /// Percent-encodes the bytes of a message for `grpc-message`: all except space to `~`, and `%` itself
    /// (grpc `doc/PROTOCOL-HTTP2.md`, "Percent-Encoded").
    package static func appendPercentEncoded(_ message: Span<UInt8>, to value: inout [UInt8]) {
        value.reserveCapacity(value.count + message.count)
        for index in message.indices {
            let byte = message[index]
            if 0x20...0x7e ~= byte, byte != UInt8(ascii: "%") {
                value.append(byte)
            } else {
                value.append(UInt8(ascii: "%"))
                value.append(HexadecimalDigit.upperCase(byte >> 4))
                value.append(HexadecimalDigit.upperCase(byte & 0xf))
            }
        }
    }

    /// Encodes bytes in Base64 without padding (RFC 4648, section 4), as headers with the suffix `-bin` are sent
    /// (grpc `doc/PROTOCOL-HTTP2.md`, "Binary-Header").
    package static func appendBase64(_ bytes: Span<UInt8>, to value: inout [UInt8]) {
        value.reserveCapacity(value.count + (bytes.count * 4 + 2) / 3)
        var position = 0
        while position < bytes.count {
            let count = min(3, bytes.count - position)
            var group: UInt32 = 0
            for offset in 0..<3 { group = group << 8 | (offset < count ? UInt32(bytes[position + offset]) : 0) }
            // n bytes need n + 1 digits.
            for digit in 0...count { value.append(base64Digit(UInt8(group >> (18 - 6 * UInt32(digit)) & 0x3f))) }
            position += count
        }
    }

    private static func base64Digit(_ value: UInt8) -> UInt8 {
        switch value {
        case 0..<26: UInt8(ascii: "A") + value
        case 26..<52: UInt8(ascii: "a") + value - 26
        case 52..<62: UInt8(ascii: "0") + value - 52
        case 62: UInt8(ascii: "+")
        default: UInt8(ascii: "/")
        }
    }
}
