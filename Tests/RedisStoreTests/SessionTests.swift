import DoormanFleet
import DoormanSupport
import NIOConcurrencyHelpers
import TestKit
import Testing

@testable import RedisStore

@Suite("Sessions with a server that misbehaves", .timeLimit(.minutes(1)))
struct SessionTests {
    private static let key = Array("key".utf8)
    private static let log = Array("log".utf8)

    /// Returns the error of a command.
    private static func error(_ command: () async throws -> some Any) async -> StoreError? {
        do {
            _ = try await command()
            return nil
        } catch {
            return error as? StoreError
        }
    }

    private static func isUnavailable(_ error: StoreError?, _ text: String) -> Bool {
        if case .unavailable(let reason)? = error { reason.contains(text) } else { false }
    }

    @Test("a command without a reply times out, and then entries fail at once")
    func silence() async throws {
        let redis = try await ScriptedRedis { $0[0] == "GET" ? .nothing : nil }
        let session = try await redis.store { $0.commandTimeout = .milliseconds(20) }.openSession()
        #expect(session.isResponsive)
        #expect(await Self.error { try await session.value(of: Self.key) } == .timedOut)
        try await eventually("the session is not responsive") { !session.isResponsive }
        let commands: [() async throws -> Void] = [
            { _ = try await session.value(of: Self.key) },
            { try await session.set([1], for: Self.key, lifetime: .seconds(1)) },
            { _ = try await session.takeLease(Self.key, holder: [1], lifetime: .seconds(1)) },
            { try await session.endLease(Self.key, holder: [1]) },
        ]
        for command in commands { #expect(Self.isUnavailable(await Self.error(command), "does not respond")) }
    }

    @Test("a silent server closes the session, and fails all commands")
    func longSilence() async throws {
        let redis = try await ScriptedRedis { ["GET", "XREAD"].contains($0[0]) ? .nothing : nil }
        let session = try await redis.store { $0.silenceTimeout = .milliseconds(100) }.openSession()
        async let value = Self.error { try await session.value(of: Self.key) }
        async let records = Self.error { try await session.records(of: Self.log, after: .zero, limit: 1) }
        #expect(await value == .timedOut)
        #expect(await records == .timedOut)
        #expect(!session.isResponsive)
        let later = await Self.error { try await session.logRange(of: Self.log) }
        #expect(Self.isUnavailable(later, "has not responded for 100ms"))
        #expect(Self.isUnavailable(later, "\(redis.address): "))
    }

    @Test("a late reply does not become that of another command")
    func lateReply() async throws {
        let redis = try await ScriptedRedis { command in
            switch command {
            case ["GET", "late"]: .hold("$4\r\nlate\r\n")
            case ["GET", "key"]: .reply("$3\r\nkey\r\n")
            default: nil
            }
        }
        let session = try await redis.store { $0.commandTimeout = .milliseconds(50) }.openSession()
        #expect(await Self.error { try await session.value(of: Array("late".utf8)) } == .timedOut)
        try await redis.release()
        try await eventually("the session is responsive again") { session.isResponsive }
        #expect(try await session.value(of: Self.key) == Self.key)
    }

    @Test("a cancelled caller does not wait, and the next reply is in step")
    func cancellation() async throws {
        let redis = try await ScriptedRedis { command in
            switch command {
            case ["GET", "held"]: .hold("$4\r\nheld\r\n")
            case ["GET", "key"]: .reply("$3\r\nkey\r\n")
            default: nil
            }
        }
        let session = try await redis.store().openSession()
        let task = Task { try await session.value(of: Array("held".utf8)) }
        try await eventually("the command is sent") { redis.heldCount == 1 }
        task.cancel()
        await #expect(throws: StoreError.timedOut) { try await task.value }
        try await redis.release()
        #expect(try await session.value(of: Self.key) == Self.key)
    }

    @Test("each of many callers has its own reply")
    func pipelining() async throws {
        let redis = try await ScriptedRedis { command in
            command[0] == "GET" ? .reply("$\(command[1].utf8.count)\r\n\(command[1])\r\n") : nil
        }
        let session = try await redis.store().openSession()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<500 {
                let key = Array("key \(number)".utf8)
                group.addTask { try await session.value(of: key) == key }
            }
            for try await isOwn in group { #expect(isOwn) }
        }
    }

    @Test("a connection that is lost leaves the outcome of all commands open")
    func lost() async throws {
        let redis = try await ScriptedRedis { $0[0] == "XREAD" ? .close : $0[0] == "GET" ? .nothing : nil }
        let session = try await redis.store().openSession()
        async let value = Self.error { try await session.value(of: Self.key) }
        async let records = Self.error { try await session.records(of: Self.log, after: .zero, limit: 1) }
        let errors = [await value, await records]
        // The second may be called after the end.
        #expect(errors.contains(.timedOut))
        #expect(errors.allSatisfy { $0 == .timedOut || Self.isUnavailable($0, "the server closed the connection") })
        #expect(!session.isResponsive)
    }

    @Test(
        "a reply that can't be read closes the session, and the next error says why",
        arguments: [
            ("hunter2\r\n", "first byte"), ("$5\r\nabcdefg\r\n", "malformed"),
            ("$99999999\r\n", "\(RESPDecoder.maximumBulk) bytes"),
            ("*99999999\r\n", "\(RESPDecoder.maximumElements) elements"),
        ])
    func unreadable(_ reply: String, _ expected: String) async throws {
        let redis = try await ScriptedRedis { $0[0] == "GET" ? .reply(reply) : nil }
        let session = try await redis.store().openSession()
        #expect(await Self.error { try await session.value(of: Self.key) } == .timedOut)
        let later = await Self.error { try await session.value(of: Self.key) }
        #expect(Self.isUnavailable(later, expected))
        #expect(!Self.isUnavailable(later, "hunter2"))
    }

    @Test("a reply to no command closes the session")
    func stray() async throws {
        let redis = try await ScriptedRedis { $0[0] == "GET" ? .reply("$1\r\na\r\n$1\r\nb\r\n") : nil }
        let session = try await redis.store().openSession()
        #expect(try await session.value(of: Self.key) == Array("a".utf8))
        try await eventually("the session is closed") { !session.isResponsive }
        #expect(Self.isUnavailable(await Self.error { try await session.value(of: Self.key) }, "a reply to no command"))
    }

    @Test("a message that no command asked for is skipped")
    func push() async throws {
        let redis = try await ScriptedRedis { $0[0] == "GET" ? .reply(">1\r\n+invalidate\r\n$1\r\na\r\n") : nil }
        let session = try await redis.store().openSession()
        #expect(try await session.value(of: Self.key) == Array("a".utf8))
    }

    @Test("a reply in another order than the commands is malformed")
    func otherOrder() async throws {
        let redis = try await ScriptedRedis { command in
            switch command[0] {
            case "GET": .reply(":1\r\n")
            case "SET": .reply("$1\r\na\r\n")
            case "EVAL": .reply("+OK\r\n")
            case "XREAD": .reply("*0\r\n")
            default: nil
            }
        }
        let session = try await redis.store().openSession()
        #expect(await Self.error { try await session.value(of: Self.key) } == .malformed)
        #expect(await Self.error { try await session.set([1], for: Self.key, lifetime: .seconds(1)) } == .malformed)
        #expect(await Self.error { try await session.endLease(Self.key, holder: [1]) } == .malformed)
        #expect(await Self.error { try await session.records(of: Self.log, after: .zero, limit: 1) } == .malformed)
        // The default reply is +QUEUED.
        #expect(await Self.error { try await session.logRange(of: Self.log) } == .malformed)
    }

    @Test(
        "an error reply becomes an error of the store",
        arguments: [
            ("OOM command not allowed when used memory > 'maxmemory'.", StoreError.full),
            ("MISCONF Redis is configured", .refused("MISCONF")),
            ("NOREPLICAS Not enough good replicas to write.", .refused("NOREPLICAS")), ("NOPERM hunter2", .refused("NOPERM")),
            ("READONLY You can't write against a read only replica.", .refused("READONLY")),
            ("MASTERDOWN Link with MASTER is down", .refused("MASTERDOWN")), ("hunter2", .refused("ERR")),
        ])
    func errorReplies(_ reply: String, _ expected: StoreError) async throws {
        let redis = try await ScriptedRedis { $0[0] == "SET" ? .reply("-\(reply)\r\n") : nil }
        let session = try await redis.store().openSession()
        #expect(await Self.error { try await session.set([1], for: Self.key, lifetime: .seconds(1)) } == expected)
        guard ["READONLY", "MASTERDOWN"].contains(where: reply.hasPrefix) else {
            #expect(session.isResponsive)
            return
        }
        try await eventually("the session is closed, so that the primary is looked for") { !session.isResponsive }
        #expect(Self.isUnavailable(await Self.error { try await session.value(of: Self.key) }, "not the primary any more"))
    }

    /// Returns the error of an append whose XADD and EXEC have these replies.
    private static func appendError(multi: String = "+OK", xadd: String, exec: String) async throws -> StoreError? {
        let isOpen = NIOLockedValueBox(false)
        let redis = try await ScriptedRedis { command in
            switch command[0] {
            case "MULTI" where isOpen.withLockedValue { $0 }: return .reply("\(multi)\r\n")
            case "XADD": return .reply("\(xadd)\r\n")
            case "EXEC" where isOpen.withLockedValue { $0 }: return .reply("\(exec)\r\n")
            default: return nil
            }
        }
        let session = try await redis.store().openSession()
        isOpen.withLockedValue { $0 = true }
        return await error { try await session.append(LogAppend([1], removing: [key], keepingFrom: .zero), to: log) }
    }

    @Test("an append that is refused as a whole has the first reason")
    func refusedAppend() async throws {
        let aborted = "-EXECABORT Transaction discarded because of previous errors."
        #expect(try await Self.appendError(xadd: "-OOM command not allowed", exec: aborted) == .full)
        #expect(try await Self.appendError(xadd: "-NOPERM no", exec: aborted) == .refused("NOPERM"))
        let demoted = "-EXECABORT Transaction discarded because of: READONLY You can't write against a read only replica."
        #expect(try await Self.appendError(xadd: "+QUEUED", exec: demoted) == .refused("READONLY"))
    }

    @Test("an append that may have been executed in part leaves its outcome open")
    func partialAppend() async throws {
        let id = "$3\r\n1-0"
        #expect(try await Self.appendError(multi: "-NOPERM no", xadd: id, exec: "-ERR EXEC without MULTI") == .malformed)
        #expect(try await Self.appendError(xadd: "+QUEUED", exec: "*2\r\n\(id)\r\n-WRONGTYPE no") == .malformed)
        #expect(try await Self.appendError(xadd: "+QUEUED", exec: "*2\r\n-WRONGTYPE no\r\n:1") == .refused("WRONGTYPE"))
        #expect(try await Self.appendError(xadd: "+QUEUED", exec: "*1\r\n\(id)") == .malformed)
        #expect(try await Self.appendError(xadd: "+QUEUED", exec: "_") == .malformed)
        #expect(try await Self.appendError(xadd: "+QUEUED", exec: "*2\r\n\(id)\r\n:1") == nil)
    }

    @Test("commands above the limit are refused, and not sent")
    func busy() async throws {
        let redis = try await ScriptedRedis { $0[0] == "GET" ? .hold("_\r\n") : nil }
        let session = try await redis.store().openSession()
        let errors = NIOLockedValueBox<[StoreError?]>([])
        await withTaskGroup(of: Void.self) { group in
            for _ in 0...PendingCommands.maximumCount {
                group.addTask {
                    let error = await Self.error { try await session.value(of: Self.key) }
                    errors.withLockedValue { $0.append(error) }
                }
            }
            try? await eventually("all other commands wait") {
                redis.heldCount == PendingCommands.maximumCount && errors.withLockedValue { $0.count } == 1
            }
            try? await redis.release()
        }
        #expect(errors.withLockedValue { $0.filter { $0 == .busy }.count } == 1)
        #expect(errors.withLockedValue { $0.filter { $0 == nil }.count } == PendingCommands.maximumCount)
    }

    @Test("a session that its owner closes fails its commands")
    func closed() async throws {
        let redis = try await ScriptedRedis { $0[0] == "GET" ? .hold("_\r\n") : nil }
        let session = try await redis.store().openSession()
        async let value = Self.error { try await session.value(of: Self.key) }
        try await eventually("the command is sent") { redis.heldCount == 1 }
        session.close()
        #expect(await value == .timedOut)
        #expect(!session.isResponsive)
        #expect(Self.isUnavailable(await Self.error { try await session.value(of: Self.key) }, "was closed"))
    }

    @Test("the thread of a store ends with its sessions")
    func shutDown() async throws {
        let redis = try await ScriptedRedis { _ in nil }
        let store = RedisStore(RedisStoreSettings(addresses: [redis.address], usesTLS: false), credentials: RedisCredentials())
        let session = try await eventuallyOpened(store)
        await store.shutDown()
        #expect(!session.isResponsive)
        #expect(try await OpeningTests.reason(store) == "the store was shut down")
    }

    /// Opens a session with the default timeouts, which a slow machine may exceed.
    private func eventuallyOpened(_ store: RedisStore) async throws -> any StoreSession {
        var session: (any StoreSession)?
        try await eventually("a session is opened") {
            session = try? await store.openSession()
            return session != nil
        }
        return try #require(session)
    }
}
