/// Swift source with blanks in place of comments and contents of strings, so that each bracket and word is code. Line numbers stay the
/// same. Literals of regular expressions are not supported.
struct SwiftCode {
    private(set) var bytes: [UInt8]

    init(_ text: String) {
        bytes = Array(text.utf8)
        var position = 0
        while position < bytes.count {
            guard [.slash, .quote, .hash].contains(bytes[position]),
                let end = endOfComment(at: position) ?? endOfString(at: position)
            else {
                position += 1
                continue
            }
            let isString = bytes[position] != .slash
            for index in position..<end where bytes[index] != .newline { bytes[index] = .space }
            // A quotation mark stays, so that a string is still an argument.
            if isString { bytes[position] = .quote }
            position = end
        }
    }

    init(_ lines: [String]) {
        self.init(lines.joined(separator: "\n"))
    }

    func line(at position: Int) -> Int {
        bytes[..<position].reduce(1) { $0 + ($1 == .newline ? 1 : 0) }
    }

    func text(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    /// Returns the positions of these words, in order.
    func positions(of words: Set<String>) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var position = 0
        while position < bytes.count {
            guard bytes[position].isWord else {
                position += 1
                continue
            }
            var end = position
            while end < bytes.count, bytes[end].isWord { end += 1 }
            if words.contains(text(position..<end)) { found.append(position..<end) }
            position = end
        }
        return found
    }

    /// Returns the position of the first byte from `position` on that is not white space.
    func next(from position: Int) -> Int? {
        bytes[position...].firstIndex { !$0.isSpace }
    }

    func previous(before position: Int) -> Int? {
        bytes[..<position].lastIndex { !$0.isSpace }
    }
}

// MARK: - Comments and strings

extension SwiftCode {
    private func starts(_ text: String, at position: Int) -> Bool {
        bytes[position...].starts(with: text.utf8)
    }

    private func endOfComment(at position: Int) -> Int? {
        if starts("//", at: position) { return bytes[position...].firstIndex(of: .newline) ?? bytes.count }
        guard starts("/*", at: position) else { return nil }
        var depth = 0
        var index = position
        while index < bytes.count {
            if starts("/*", at: index) {
                depth += 1
                index += 2
            } else if starts("*/", at: index) {
                depth -= 1
                index += 2
                if depth == 0 { return index }
            } else {
                index += 1
            }
        }
        return bytes.count
    }

    /// Returns the end of the string literal at this position, or `nil` if no literal begins there.
    private func endOfString(at position: Int) -> Int? {
        let hashes = String(repeating: "#", count: bytes[position...].prefix { $0 == .hash }.count)
        var index = position + hashes.utf8.count
        guard index < bytes.count, bytes[index] == .quote else { return nil }
        let quotes = starts("\"\"\"", at: index) ? "\"\"\"" : "\""
        index += quotes.utf8.count
        while index < bytes.count {
            if starts(quotes + hashes, at: index) { return index + quotes.utf8.count + hashes.utf8.count }
            if starts("\\\(hashes)(", at: index) {
                index = endOfInterpolation(at: index + hashes.utf8.count + 2)
            } else if starts("\\\(hashes)", at: index) {
                index += hashes.utf8.count + 2
            } else {
                index += 1
            }
        }
        return bytes.count
    }

    private func endOfInterpolation(at position: Int) -> Int {
        var depth = 1
        var index = position
        while index < bytes.count, depth > 0 {
            if let end = endOfString(at: index) {
                index = end
                continue
            }
            if bytes[index] == .open { depth += 1 }
            if bytes[index] == .close { depth -= 1 }
            index += 1
        }
        return index
    }
}

extension UInt8 {
    static let newline = UInt8(ascii: "\n")
    static let space = UInt8(ascii: " ")
    static let quote = UInt8(ascii: "\"")
    static let hash = UInt8(ascii: "#")
    static let slash = UInt8(ascii: "/")
    static let comma = UInt8(ascii: ",")
    static let open = UInt8(ascii: "(")
    static let close = UInt8(ascii: ")")

    var isSpace: Bool { self == .space || self == .newline }

    /// Whether the byte may be part of a name or a keyword.
    var isWord: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...: true
        default: false
        }
    }
}
