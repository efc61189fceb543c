/// Why bytes are no replies of RESP3, or exceed a limit of ``RESPDecoder``. The rest of the stream can't be read.
enum RESPError: Error, Sendable, Hashable {
    /// No reply begins with this byte.
    case unknownType(UInt8)
    /// A length or a number has no valid text, a text has no end, or a verbatim string has no format.
    case malformed
    /// A string or an aggregate comes in parts of unknown number (`$?`). No server sends these.
    case streamed
    case lineTooLong
    case bulkTooLong
    case tooManyElements
    case tooDeep
    case replyTooLong
}

extension RESPError: CustomStringConvertible {
    var description: String {
        switch self {
        // An HTTP server's reply to a command begins with HTTP/1.1, or with a tag.
        case .unknownType(UInt8(ascii: "H")), .unknownType(UInt8(ascii: "<")):
            "the server speaks HTTP, and not the protocol of Redis"
        case .unknownType(UInt8(ascii: "S")): "the server speaks SSH, and not the protocol of Redis"
        case .unknownType(0x15), .unknownType(0x16): "the server speaks TLS: use rediss:// in its address"
        case .unknownType(let byte): "the server sent a first byte of \(byte), which is no reply of Redis"
        case .malformed: "the server sent a malformed reply"
        case .streamed: "the server sent a reply in parts of unknown number, which Doorman does not read"
        case .lineTooLong: "a line of a reply is longer than \(RESPDecoder.maximumLine) bytes"
        case .bulkTooLong: "a string of a reply is longer than \(RESPDecoder.maximumBulk) bytes"
        case .tooManyElements: "a reply has more than \(RESPDecoder.maximumElements) elements"
        case .tooDeep: "a reply is nested deeper than \(RESPDecoder.maximumDepth) levels"
        case .replyTooLong: "a reply is longer than \(RESPDecoder.maximumReply) bytes"
        }
    }
}
