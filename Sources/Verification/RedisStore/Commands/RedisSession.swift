internal import DoormanCore
internal import DoormanFleet
internal import DoormanSupport

/// A session with a primary. Its user needs the rights to `GET`, `SET`, `DEL`, `EVAL`, `XADD`, `XREAD`, `XRANGE`, `XREVRANGE`, `ZADD`,
/// `ZRANGEBYSCORE`, `ZREMRANGEBYSCORE`, `MULTI`, `EXEC` and `INFO`.
final class RedisSession: StoreSession {
    let server: StoreServer
    let connection: RedisConnection
    private let settings: RedisStoreSettings

    init(_ connection: RedisConnection, _ server: StoreServer, _ settings: RedisStoreSettings) {
        self.connection = connection
        self.server = server
        self.settings = settings
    }

    deinit {
        close()
    }

    var isResponsive: Bool { connection.isResponsive }

    func close() {
        connection.close(because: "the session was closed")
    }

    func value(of key: [UInt8]) async throws(StoreError) -> [UInt8]? {
        switch try await entryReply(["GET", .bytes(key)]) {
        case .bulkString(let value): return value
        case .null: return nil
        default: throw .malformed
        }
    }

    func set(_ value: [UInt8], for key: [UInt8], lifetime: Duration) async throws(StoreError) {
        let reply = try await entryReply(["SET", .bytes(key), .bytes(value), "PX", .milliseconds(lifetime)])
        guard reply.isSimpleString("OK") else { throw .malformed }
    }

    func takeLease(_ key: [UInt8], holder: [UInt8], lifetime: Duration) async throws(StoreError) -> Bool {
        let reply = try await entryReply(["SET", .bytes(key), .bytes(holder), "NX", "PX", .milliseconds(lifetime)])
        if reply == .null { return false }
        guard reply.isSimpleString("OK") else { throw .malformed }
        return true
    }

    /// Removes a lease if it has the holder's bytes.
    private static let endOfLease: RESPArgument =
        "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"

    func endLease(_ key: [UInt8], holder: [UInt8]) async throws(StoreError) {
        guard case .integer = try await entryReply(["EVAL", Self.endOfLease, "1", .bytes(key), .bytes(holder)]) else {
            throw .malformed
        }
    }

    /// Sends a command of an entry or a lease.
    private func entryReply(_ command: [RESPArgument]) async throws(StoreError) -> RESPValue {
        let deadline = Deadline(RedisConnection.now.advanced(by: settings.commandTimeout))
        return try await connection.reply(to: command.map(\.bytes), .immediate, until: deadline)
    }

    /// Sends a command of the log or of a sorted set.
    func logReply(_ command: [RESPArgument]) async throws(StoreError) -> RESPValue {
        try await connection.reply(to: command.map(\.bytes), .patient, until: logDeadline)
    }

    var logDeadline: Deadline { Deadline(RedisConnection.now.advanced(by: settings.logTimeout)) }
}
