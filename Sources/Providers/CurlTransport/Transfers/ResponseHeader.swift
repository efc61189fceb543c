internal import ProviderHTTP

/// Collects the header lines of a response, up to a limit.
struct ResponseHeader {
    private(set) var fields = HTTPHeaders()
    private var remainingBytes: Int

    init(maximumBytes: Int) {
        remainingBytes = maximumBytes
    }

    /// Adds a line. A status line discards the fields before it, which belong to an interim response (RFC 9110, section 15.2).
    ///
    /// - Returns: False if all lines together exceed the limit. Interim responses count.
    mutating func append(_ line: RawSpan) -> Bool {
        guard line.byteCount <= remainingBytes else { return false }
        remainingBytes -= line.byteCount
        var bytes: [UInt8] = []
        line.appendBytes(to: &bytes)
        let text = String(decoding: bytes, as: UTF8.self)
        if text.hasPrefix("HTTP/") {
            fields = HTTPHeaders()
        } else if let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) {
            fields[String(text[..<colon])] = Self.trimmed(text[colon...].dropFirst())
        }
        return true
    }

    private static func trimmed(_ value: Substring) -> String {
        let isSpace = { (character: Character) in character.isWhitespace }
        let start = value.drop(while: isSpace)
        return String(start.reversed().drop(while: isSpace).reversed())
    }
}

extension RawSpan {
    func appendBytes(to array: inout [UInt8]) {
        unsafe withUnsafeBytes { unsafe array.append(contentsOf: $0) }
    }
}
