/// Decodes base64url without padding (RFC 4648, section 5; RFC 7515, section 2), strictly.
///
/// Each sequence of bytes has exactly one accepted spelling, so that a token can't be cached, or denied, under several keys. Padding, `+`,
/// `/`, white space, a length of 1 modulo 4 and bits other than zero after the last byte are rejected.
package enum Base64URLDecoder {
    /// Whether a text is valid. Allocates nothing.
    package static func accepts(_ text: Span<UInt8>) -> Bool {
        for index in text.indices where value(of: text[index]) == nil { return false }
        return hasCanonicalEnd(text)
    }

    /// Decodes a text; `nil` if it is invalid.
    package static func decode(_ text: Span<UInt8>) -> [UInt8]? {
        guard hasCanonicalEnd(text) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3 + 2)
        var buffer: UInt32 = 0
        var bits = 0
        for index in text.indices {
            guard let value = value(of: text[index]) else { return nil }
            buffer = buffer << 6 | UInt32(value)
            bits += 6
            guard bits >= 8 else { continue }
            bits -= 8
            bytes.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bits)))
        }
        return bytes
    }

    /// Whether the length is possible, and the last character has no bits after the last byte.
    private static func hasCanonicalEnd(_ text: Span<UInt8>) -> Bool {
        let unused: UInt8
        switch text.count % 4 {
        case 0: return true
        case 2: unused = 0b1111
        case 3: unused = 0b11
        default: return false
        }
        guard let last = value(of: text[text.count - 1]) else { return false }
        return last & unused == 0
    }

    private static func value(of character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
