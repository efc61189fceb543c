internal import DoormanCore
internal import DoormanCrypto
internal import DoormanSupport

/// The clients that may introspect tokens, and their secrets (RFC 7662, section 2.1).
package struct IntrospectionClients: Sendable {
    private let secrets: [String: [UInt8]]

    /// - Parameter secrets: The clients' secrets by their ids.
    package init(_ secrets: [String: [UInt8]]) {
        self.secrets = secrets
    }

    package var count: Int { secrets.count }

    package func isEqual(to other: IntrospectionClients) -> Bool { secrets == other.secrets }

    /// Whether the secret is the client's. The time does not depend on how many bytes of it are right.
    func accepts(id: String, secret: [UInt8]) -> Bool {
        // A client that does not exist takes as long.
        guard let expected = secrets[id] else { return constantTimeEquals(secret.span, secret.span) && false }
        return constantTimeEquals(expected.span, secret.span)
    }

    /// Whether the value of an `Authorization` header holds credentials of a client, by HTTP Basic. The id and the secret in it are
    /// encoded as in a form (RFC 6749, section 2.3.1).
    func accepts(authorization value: Span<UInt8>) -> Bool {
        guard value.hasPrefix(lowercase: "basic "), let decoded = Base64Text.decode(value.extracting(6..<value.count)),
            let colon = decoded.firstIndex(of: UInt8(ascii: ":")), let id = FormText.decode(decoded[..<colon]),
            let secret = FormText.decode(decoded[(colon + 1)...]), let name = String(validating: id, as: UTF8.self)
        else { return false }
        return accepts(id: name, secret: secret)
    }
}

extension IntrospectionClients: Redacted {
    /// The type and the number of clients.
    package var description: String { "IntrospectionClients(\(secrets.count))" }
}

/// Base64 (RFC 4648, section 4), with or without padding.
enum Base64Text {
    private static let maximumBytes = 4096

    /// Returns the bytes; `nil` if the text is no Base64 or longer than 4 KiB.
    static func decode(_ text: Span<UInt8>) -> [UInt8]? {
        var end = text.count
        while end > 0, text[end - 1] == UInt8(ascii: "="), text.count - end < 2 { end -= 1 }
        guard end <= maximumBytes, end % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        var (bits, count): (UInt32, Int) = (0, 0)
        for index in 0..<end {
            guard let value = value(text[index]) else { return nil }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return bytes
    }

    private static func value(_ digit: UInt8) -> UInt32? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}

/// Texts in the encoding of forms.
enum FormText {
    /// Returns the bytes; `nil` if a `%` has no two digits after it.
    static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = text
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(HexadecimalDigit.number),
                    let low = rest.popFirst().flatMap(HexadecimalDigit.number)
                else { return nil }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return bytes
    }
}
