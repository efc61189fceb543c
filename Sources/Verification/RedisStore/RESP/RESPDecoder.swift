internal import NIOCore

/// Decodes a stream of bytes into replies of RESP3, however the stream is split.
///
/// See the specification: https://redis.io/docs/latest/develop/reference/protocol-spec/. Attributes are skipped, and a verbatim string
/// loses its format. Memory is never allocated for a declared length: the decoder keeps what has arrived of one reply.
struct RESPDecoder: Sendable {
    /// The maximum bytes of a line: a type with a length, a number, a simple string or an error.
    static let maximumLine = 8 << 10
    /// The maximum bytes of a bulk string, a verbatim string or a bulk error. A value is at most 64 KiB, and `INFO` a few.
    static let maximumBulk = 1 << 20
    /// The maximum number of elements of a reply, with those of its inner arrays. A map has two for each key.
    static let maximumElements = 1 << 17
    /// The maximum number of aggregates inside each other. A reply to `XREAD` has four.
    static let maximumDepth = 8
    /// The maximum bytes of a reply, with attributes before it.
    static let maximumReply = 16 << 20

    /// An array or another aggregate whose elements have not all arrived.
    private struct Aggregate: Sendable {
        let type: UInt8
        var missing: Int
        var elements: [RESPValue] = []
    }

    /// The bytes that are not decoded: at most one unfinished line or string, after ``next()`` has returned `nil`.
    private var buffer = ByteBuffer()
    /// The bytes of an unfinished line that have been searched for its end.
    private var searched = 0
    /// The header of a string whose contents have not all arrived.
    private var bulk: (type: UInt8, length: Int)?
    private var open: [Aggregate] = []
    private var elements = 0
    private var replyBytes = 0
    private var failure: RESPError?

    /// The number of bytes that are not decoded.
    var bufferedBytes: Int { buffer.readableBytes }

    /// Whether the stream is inside an incomplete reply.
    var isMidReply: Bool { replyBytes > 0 || buffer.readableBytes > 0 }

    /// Appends bytes in the order in which they arrived.
    mutating func append(_ bytes: ByteBuffer) {
        guard failure == nil else { return }
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            var bytes = bytes
            // Moves a byte only after as many have been read, so the time is linear.
            if buffer.readerIndex >= buffer.readableBytes { buffer.discardReadBytes() }
            buffer.writeBuffer(&bytes)
        }
    }

    /// Returns the next reply, or `nil` until more bytes arrive. An error is thrown again by each later call.
    mutating func next() throws(RESPError) -> RESPValue? {
        if let failure { throw failure }
        do throws(RESPError) {
            while let value = try nextValue() {
                guard let reply = add(value) else { continue }
                elements = 0
                replyBytes = 0
                return reply
            }
            return nil
        } catch {
            failure = error
            (buffer, open) = (ByteBuffer(), [])
            throw error
        }
    }

    /// Returns the next value without elements, or with none; `nil` until more bytes arrive. Opens aggregates on the way.
    private mutating func nextValue() throws(RESPError) -> RESPValue? {
        while true {
            if let bulk {
                guard let value = try bulkValue(bulk.type, bulk.length) else { return nil }
                self.bulk = nil
                return value
            }
            guard let (type, line) = try nextLine() else { return nil }
            switch type {
            case UInt8(ascii: "$"), UInt8(ascii: "="), UInt8(ascii: "!"):
                guard let length = try Self.length(line, orNullIf: type == UInt8(ascii: "$")) else { return .null }
                guard length <= Self.maximumBulk else { throw .bulkTooLong }
                guard replyBytes + length <= Self.maximumReply else { throw .replyTooLong }
                bulk = (type, length)
            case UInt8(ascii: "*"), UInt8(ascii: "~"), UInt8(ascii: "%"), UInt8(ascii: ">"), UInt8(ascii: "|"):
                guard let count = try Self.length(line, orNullIf: type == UInt8(ascii: "*")) else { return .null }
                if let empty = try begin(type, count) { return empty }
            default:
                return try Self.scalar(type, line)
            }
        }
    }

    /// Takes the next line, without its end.
    private mutating func nextLine() throws(RESPError) -> (type: UInt8, line: ArraySlice<UInt8>)? {
        let view = buffer.readableBytesView
        guard let type = view.first else { return nil }
        guard Self.types.contains(type) else { throw .unknownType(type) }
        guard let end = view[(view.startIndex + searched)...].firstIndex(of: UInt8(ascii: "\n")) else {
            searched = view.count
            guard searched <= Self.maximumLine else { throw .lineTooLong }
            return nil
        }
        let count = end - view.startIndex + 1
        guard count <= Self.maximumLine else { throw .lineTooLong }
        guard replyBytes + count <= Self.maximumReply else { throw .replyTooLong }
        let line = buffer.readBytes(length: count) ?? []
        guard line.dropLast().firstIndex(of: UInt8(ascii: "\r")) == count - 2 else { throw .malformed }
        searched = 0
        replyBytes += count
        return (type, line[1..<count - 2])
    }

    /// Takes the contents of a string; returns `nil` until they are all there.
    private mutating func bulkValue(_ type: UInt8, _ length: Int) throws(RESPError) -> RESPValue? {
        guard buffer.readableBytes >= length + 2 else { return nil }
        let contents = buffer.readBytes(length: length) ?? []
        guard buffer.readBytes(length: 2) == [UInt8(ascii: "\r"), UInt8(ascii: "\n")] else { throw .malformed }
        replyBytes += length + 2
        switch type {
        case UInt8(ascii: "!"): return .error(contents)
        case UInt8(ascii: "="):
            // A format of three letters and a colon precede the text.
            guard contents.count >= 4, contents[3] == UInt8(ascii: ":") else { throw .malformed }
            return .bulkString(Array(contents[4...]))
        default: return .bulkString(contents)
        }
    }

    /// Opens an aggregate.
    ///
    /// - Returns: The aggregate if it is empty.
    private mutating func begin(_ type: UInt8, _ count: Int) throws(RESPError) -> RESPValue? {
        let isOfPairs = type == UInt8(ascii: "%") || type == UInt8(ascii: "|")
        guard count <= Self.maximumElements else { throw .tooManyElements }
        let missing = isOfPairs ? 2 * count : count
        guard elements + missing <= Self.maximumElements else { throw .tooManyElements }
        guard open.count < Self.maximumDepth else { throw .tooDeep }
        elements += missing
        let aggregate = Aggregate(type: type, missing: missing)
        if missing == 0 { return Self.value(of: aggregate) }
        open.append(aggregate)
        return nil
    }

    /// Adds a value to the innermost open aggregate, and closes those that are complete.
    ///
    /// - Returns: The reply if it is complete.
    private mutating func add(_ value: RESPValue) -> RESPValue? {
        var value = value
        while !open.isEmpty {
            let last = open.count - 1
            open[last].elements.append(value)
            open[last].missing -= 1
            guard open[last].missing == 0 else { return nil }
            guard let closed = Self.value(of: open.removeLast()) else { return nil }
            value = closed
        }
        return value
    }

    /// Returns the value of a complete aggregate; `nil` for an attribute, which is no element.
    private static func value(of aggregate: Aggregate) -> RESPValue? {
        switch aggregate.type {
        case UInt8(ascii: "|"): nil
        case UInt8(ascii: "~"): .set(aggregate.elements)
        case UInt8(ascii: "%"): .map(aggregate.elements)
        case UInt8(ascii: ">"): .push(aggregate.elements)
        default: .array(aggregate.elements)
        }
    }
}
