internal import ProviderHTTP

/// Collects the header of a response, line by line, up to a limit.
struct ResponseHeader {
    private(set) var fields = HTTPHeaders()
    private var remainingBytes: Int

    init(maximumBytes: Int) {
        remainingBytes = maximumBytes
    }

    /// Takes a line with its end. A status line drops what came before: that was an interim response (RFC 9110, section 15.2).
    ///
    /// - Returns: False if the limit, which counts every line since the first, is passed.
    mutating func take(_ line: RawSpan) -> Bool {
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
