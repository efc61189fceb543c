import TestKit

/// Someone with all rights at the store, and without the fleet's secret.
struct StoreAttacker {
    /// A change of every entry, and the reason for which a node then rejects it.
    enum Change: String, CaseIterable {
        case garbage = "malformed"
        case otherSecret = "unknown_secret"
        case flippedBit = "forged"

        /// Changes `v`, the value of the key `k`.
        fileprivate var script: String {
            switch self {
            case .garbage: "v = 'garbage'"
            case .otherSecret: "v = v:sub(1, 1) .. string.rep('x', 8) .. v:sub(10)"
            case .flippedBit: "v = v:sub(1, -4) .. string.char((v:byte(-3) + 1) % 256) .. v:sub(-2)"
            }
        }
    }

    private static let log = "d1:{doorman}:log"
    let store: RedisServer

    /// Runs a script for each entry `k`.
    @discardableResult
    private func forEachEntry(_ body: String) async throws -> String {
        try await store.run(
            "EVAL",
            """
            local keys = redis.call('KEYS', 'd1:{doorman}:e:*')
            table.sort(keys)
            for i, k in ipairs(keys) do local v = redis.call('GET', k) \(body) end
            return #keys
            """, "0")
    }

    func entryCount() async throws -> Int { Int(try await forEachEntry("")) ?? 0 }

    func changeEntries(_ change: Change) async throws {
        try await forEachEntry("\(change.script) redis.call('SET', k, v, 'KEEPTTL')")
    }

    /// Gives each entry the value of another.
    func swapEntries() async throws {
        try await forEachEntry("redis.call('SET', 'spare:' .. i, v)")
        try await forEachEntry("redis.call('SET', k, redis.call('GET', 'spare:' .. (i % #keys + 1)), 'KEEPTTL')")
    }

    func saveEntries() async throws { try await forEachEntry("redis.call('SET', 'saved:' .. k, v)") }

    /// Brings the saved entries back.
    func replayEntries() async throws {
        try await store.run(
            "EVAL",
            """
            for _, k in ipairs(redis.call('KEYS', 'saved:*')) do redis.call('SET', k:sub(7), redis.call('GET', k), 'PX', 600000) end
            """, "0")
    }

    /// Appends every record again, and each with a changed byte, and garbage.
    func replayRecords() async throws {
        try await store.run(
            "EVAL",
            """
            for _, record in ipairs(redis.call('XRANGE', '\(Self.log)', '-', '+')) do
                local v = record[2][2]
                redis.call('XADD', '\(Self.log)', '*', record[2][1], v)
                redis.call('XADD', '\(Self.log)', '*', record[2][1], v:sub(1, -2) .. string.char((v:byte(-1) + 1) % 256))
            end
            redis.call('XADD', '\(Self.log)', '*', 'r', 'garbage')
            redis.call('XADD', '\(Self.log)', '*', 'other', 'garbage', 'fields', 'too')
            """, "0")
    }

    /// Deletes the log, the denials, and all else of the fleet.
    func deleteAll() async throws {
        try await store.run("EVAL", "for _, k in ipairs(redis.call('KEYS', 'd1:*')) do redis.call('DEL', k) end", "0")
    }
}
