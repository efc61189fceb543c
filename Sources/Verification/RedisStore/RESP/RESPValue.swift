/// A reply of a server, or a part of it (RESP3, and RESP2 within it).
enum RESPValue: Sendable, Hashable {
    case null
    case simpleString([UInt8])
    /// The text of an error, which is never shown: old servers repeat the arguments of a command in it, passwords as well.
    case error([UInt8])
    case integer(Int64)
    /// The text of a number, as in `3.25`, `inf` or `nan`.
    case double([UInt8])
    case boolean(value: Bool)
    /// The digits of a number of any size.
    case bigNumber([UInt8])
    /// A bulk string, or the text of a verbatim string.
    case bulkString([UInt8])
    case array([RESPValue])
    case set([RESPValue])
    /// The keys and values of a map, alternately.
    case map([RESPValue])
    /// A message that is no reply.
    case push([RESPValue])
}

extension RESPValue {
    /// The code of an error, as in `NOPERM`; `nil` if this is no error.
    var errorCode: String? {
        guard case .error(var text) = self else { return nil }
        // A transaction that the server refused as a whole, for the reason that follows.
        let discarded = "EXECABORT Transaction discarded because of: ".utf8
        if text.starts(with: discarded) { text.removeFirst(discarded.count) }
        let code = text.prefix { $0 != UInt8(ascii: " ") }
        let isCode = (1...32).contains(code.count) && code.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
        return isCode ? String(decoding: code, as: UTF8.self) : "ERR"
    }

    /// Whether this is the simple string `text`.
    func isSimpleString(_ text: StaticString) -> Bool {
        guard case .simpleString(let bytes) = self else { return false }
        return bytes.elementsEqual(text.description.utf8)
    }
}
