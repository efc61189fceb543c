internal import DoormanFleet
internal import DoormanSupport
internal import DoormanWire

// The commands of the log, a stream, and of the sorted sets beside it.

extension RedisSession {
    /// The one field of a record.
    private static let field: RESPArgument = "r"

    func logRange(of log: [UInt8]) async throws(StoreError) -> ClosedRange<LogID>? {
        // Not in a transaction: Redis 7.0 refuses every command of one while its memory is full.
        let commands = [
            ["XRANGE", .bytes(log), "-", "+", "COUNT", "1"].map(\RESPArgument.bytes),
            ["XREVRANGE", .bytes(log), "+", "-", "COUNT", "1"].map(\RESPArgument.bytes),
        ]
        let ends = try await connection.send(commands, until: logDeadline)
        guard let first = try Self.records(ends[0]).first?.id, let last = try Self.records(ends[1]).first?.id else { return nil }
        // Unless another log took its place in between.
        guard first <= last else { throw .malformed }
        return first...last
    }

    func records(of log: [UInt8], after id: LogID, limit: Int) async throws(StoreError) -> [LogRecord] {
        guard limit > 0 else { return [] }
        let reply = try await logReply(["XREAD", "COUNT", .number(limit), "STREAMS", .bytes(log), .id(id)])
        switch reply {
        case .null: return []
        case .map(let parts) where parts.count == 2: return try Self.records(parts[1])
        default: throw .malformed
        }
    }

    func append(_ record: LogAppend, to log: [UInt8]) async throws(StoreError) -> LogID {
        var commands = [
            ["XADD", .bytes(log), "MINID", "~", .id(record.keptFrom), "*", Self.field, .bytes(record.record)].map(
                \RESPArgument.bytes)
        ]
        if !record.removedKeys.isEmpty { commands.append([Array("DEL".utf8)] + record.removedKeys) }
        if let member = record.member { commands.append(Self.addition(of: member, to: record.set)) }
        let replies = try await connection.transaction(commands, until: logDeadline)
        guard case .bulkString(let text) = try replies[0].orError(), let id = LogID(text) else { throw .malformed }
        // The record is written, but not all of what belongs to it: a key has another type.
        guard replies.allSatisfy({ $0.errorCode == nil }) else { throw .malformed }
        return id
    }

    private static func addition(of member: ScoredMember, to set: [UInt8]) -> [[UInt8]] {
        ["ZADD", .bytes(set), .number(member.score)].map(\RESPArgument.bytes) + [member.member]
    }

    func members(of set: [UInt8], from score: Int64, offset: Int, limit: Int) async throws(StoreError) -> [ScoredMember] {
        guard limit > 0 else { return [] }
        let reply = try await logReply([
            "ZRANGEBYSCORE", .bytes(set), .number(score), "+inf", "WITHSCORES", "LIMIT", .number(max(0, offset)), .number(limit),
        ])
        guard case .array(let pairs) = reply else { throw .malformed }
        return try pairs.map { pair throws(StoreError) in
            guard case .array(let parts) = pair, parts.count == 2, case .bulkString(let member) = parts[0],
                case .double(let text) = parts[1], let score = Double(String(decoding: text, as: UTF8.self))
            else { throw .malformed }
            // A foreign member may have a fraction, or an infinity.
            return ScoredMember(member, score: Int64(exactly: score.rounded(.down)) ?? (score < 0 ? .min : .max))
        }
    }

    func removeMembers(of set: [UInt8], below score: Int64) async throws(StoreError) {
        let limit = RESPArgument.bytes([UInt8(ascii: "(")] + RESPArgument.number(score).bytes)
        guard case .integer = try await logReply(["ZREMRANGEBYSCORE", .bytes(set), "-inf", limit]) else { throw .malformed }
    }

    /// Returns the records of a reply. A foreign record with other fields has no data: it must not hide those after it.
    private static func records(_ reply: RESPValue) throws(StoreError) -> [LogRecord] {
        guard case .array(let records) = try reply.orError() else { throw .malformed }
        return try records.map { record throws(StoreError) in
            guard case .array(let parts) = record, parts.count == 2, case .bulkString(let text) = parts[0], let id = LogID(text)
            else { throw .malformed }
            guard case .array(let fields) = parts[1], fields.count == 2, fields[0] == .bulkString(Self.field.bytes),
                case .bulkString(let data) = fields[1]
            else { return LogRecord(id, []) }
            return LogRecord(id, data)
        }
    }
}

extension LogID {
    /// Parses the text of a stream's id: `1526919030474-55`.
    init?(_ text: [UInt8]) {
        let parts = String(decoding: text, as: UTF8.self).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.allSatisfy(\.isASCIIDigit) }), let milliseconds = UInt64(parts[0]),
            let number = UInt64(parts[1])
        else { return nil }
        self.init(milliseconds, number)
    }
}
