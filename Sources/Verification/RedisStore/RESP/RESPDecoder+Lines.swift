internal import DoormanSupport

// The lines of RESP3: lengths and values without contents.

extension RESPDecoder {
    /// The first bytes of replies and their parts.
    static let types = Set("+-:,#_($=!*~%>|".utf8)

    /// Returns the length of a string or an aggregate; `nil` for null in RESP2.
    static func length(_ line: ArraySlice<UInt8>, orNullIf canBeNull: Bool) throws(RESPError) -> Int? {
        if line.elementsEqual("?".utf8) { throw .streamed }
        if canBeNull, line.elementsEqual("-1".utf8) { return nil }
        guard (1...18).contains(line.count), line.allSatisfy(\.isASCIIDigit), let length = Int(text(line)) else { throw .malformed }
        return length
    }

    /// Returns the value of a line that is a whole value.
    static func scalar(_ type: UInt8, _ line: ArraySlice<UInt8>) throws(RESPError) -> RESPValue {
        switch type {
        case UInt8(ascii: "+"): return .simpleString(Array(line))
        case UInt8(ascii: "-"): return .error(Array(line))
        case UInt8(ascii: "_") where line.isEmpty: return .null
        case UInt8(ascii: "#") where line.elementsEqual("t".utf8) || line.elementsEqual("f".utf8):
            return .boolean(value: line.first == UInt8(ascii: "t"))
        case UInt8(ascii: ":"):
            guard isInteger(line), let value = Int64(text(line)) else { throw .malformed }
            return .integer(value)
        case UInt8(ascii: "("):
            guard isInteger(line) else { throw .malformed }
            return .bigNumber(Array(line))
        case UInt8(ascii: ","):
            guard isDouble(line) else { throw .malformed }
            return .double(Array(line))
        default: throw .malformed
        }
    }

    private static func text(_ line: ArraySlice<UInt8>) -> String { String(decoding: line, as: UTF8.self) }

    private static func isInteger(_ line: ArraySlice<UInt8>) -> Bool {
        let digits = withoutSign(line)
        return !digits.isEmpty && digits.allSatisfy(\.isASCIIDigit)
    }

    /// Whether a line is `[sign] digits [. digits] [e [sign] digits]`, an infinity or not a number.
    private static func isDouble(_ line: ArraySlice<UInt8>) -> Bool {
        let unsigned = withoutSign(line)
        if unsigned.elementsEqual("inf".utf8) || unsigned.elementsEqual("nan".utf8) { return true }
        let parts = unsigned.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 | 0x20 == UInt8(ascii: "e") }
        if parts.count == 2, !isInteger(parts[1]) { return false }
        let numbers = parts[0].split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        return numbers.allSatisfy { !$0.isEmpty && $0.allSatisfy(\.isASCIIDigit) }
    }

    private static func withoutSign(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        line.first == UInt8(ascii: "-") || line.first == UInt8(ascii: "+") ? line.dropFirst() : line
    }
}
