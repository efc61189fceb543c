internal import DoormanSupport

/// Reads untrusted JSON: strictly RFC 8259, at most 32 levels deep, and without duplicate member names.
///
/// Two readers can interpret duplicate names differently. Foundation's decoder silently picks one of them, so it isn't used here.
///
/// A name with other characters than ASCII has at most ``maximumNameBytes``, because hashing a text with many combining marks takes time that
/// grows with the square of its length: 20 ms for 12 KiB.
struct JSONReader {
    static let maximumDepth = 32
    /// The maximum length of a member's name that is not ASCII, in bytes of UTF-8.
    static let maximumNameBytes = 256

    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Reads one value with only white space around it; `nil` if the bytes are anything else.
    mutating func readText() -> JSONValue? {
        guard let value = readValue(depth: 0) else { return nil }
        skipWhitespace()
        return position == bytes.count ? value : nil
    }

    private mutating func readValue(depth: Int) -> JSONValue? {
        guard depth < Self.maximumDepth else { return nil }
        skipWhitespace()
        switch current {
        case UInt8(ascii: "{"): return readObject(depth: depth)
        case UInt8(ascii: "["): return readArray(depth: depth)
        case UInt8(ascii: "\""): return readString().map(JSONValue.string)
        case UInt8(ascii: "t"): return skip("true") ? .bool(true) : nil
        case UInt8(ascii: "f"): return skip("false") ? .bool(false) : nil
        case UInt8(ascii: "n"): return skip("null") ? .null : nil
        default: return readNumber()
        }
    }

    private mutating func readObject(depth: Int) -> JSONValue? {
        position += 1
        var members: [String: JSONValue] = [:]
        skipWhitespace()
        if skip("}") { return .object(members) }
        repeat {
            skipWhitespace()
            guard current == UInt8(ascii: "\""), let name = readString(), Self.isQuickToHash(name) else { return nil }
            skipWhitespace()
            guard skip(":"), let value = readValue(depth: depth + 1) else { return nil }
            guard members.updateValue(value, forKey: name) == nil else { return nil }
            skipWhitespace()
        } while skip(",")
        return skip("}") ? .object(members) : nil
    }

    private static func isQuickToHash(_ name: String) -> Bool {
        name.utf8.count <= maximumNameBytes || name.utf8.allSatisfy { $0 < 0x80 }
    }

    private mutating func readArray(depth: Int) -> JSONValue? {
        position += 1
        var elements: [JSONValue] = []
        skipWhitespace()
        if skip("]") { return .array(elements) }
        repeat {
            guard let value = readValue(depth: depth + 1) else { return nil }
            elements.append(value)
            skipWhitespace()
        } while skip(",")
        return skip("]") ? .array(elements) : nil
    }

    private mutating func readNumber() -> JSONValue? {
        let start = position
        _ = skip("-")
        let integerStart = position
        let integerDigits = skipDigits()
        guard integerDigits > 0, integerDigits == 1 || bytes[integerStart] != UInt8(ascii: "0") else { return nil }
        let integerEnd = position
        if skip("."), skipDigits() == 0 { return nil }
        if skip("e") || skip("E") {
            if !skip("+") { _ = skip("-") }
            guard skipDigits() > 0 else { return nil }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard position == integerEnd else { return .number(text) }
        return Int64(text).map(JSONValue.integer) ?? .number(text)
    }

    /// Reads a string (RFC 8259, section 7). The bytes between escapes must be UTF-8.
    private mutating func readString() -> String? {
        position += 1
        var text: [UInt8] = []
        while let byte = current {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(validating: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let scalar = readEscape() else { return nil }
                text.append(contentsOf: String(Character(scalar)).utf8)
            case 0..<0x20: return nil
            default: text.append(byte)
            }
        }
        return nil
    }

    private mutating func readEscape() -> Unicode.Scalar? {
        guard let byte = current else { return nil }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return readUnicodeEscape()
        default: return nil
        }
    }

    /// Reads four digits, or eight for a surrogate pair. Rejects a lone surrogate.
    private mutating func readUnicodeEscape() -> Unicode.Scalar? {
        guard let first = readFourHexadecimalDigits() else { return nil }
        guard (0xd800..<0xdc00).contains(first) else { return Unicode.Scalar(first) }
        guard skip("\\u"), let second = readFourHexadecimalDigits(), (0xdc00..<0xe000).contains(second) else { return nil }
        return Unicode.Scalar(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
    }

    private mutating func readFourHexadecimalDigits() -> UInt32? {
        guard position + 4 <= bytes.count else { return nil }
        var value: UInt32 = 0
        for byte in bytes[position..<position + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
            value = value << 4 | UInt32(digit)
        }
        position += 4
        return value
    }

    private var current: UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    private mutating func skip(_ text: String) -> Bool {
        let expected = text.utf8
        guard bytes[position...].starts(with: expected) else { return false }
        position += expected.count
        return true
    }

    private mutating func skipDigits() -> Int {
        let start = position
        while let byte = current, byte.isASCIIDigit { position += 1 }
        return position - start
    }

    private mutating func skipWhitespace() {
        while let byte = current, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }
}
