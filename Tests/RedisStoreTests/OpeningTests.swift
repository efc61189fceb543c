import DoormanFleet
import DoormanSupport
import TestKit
import Testing

@testable import RedisStore

@Suite("Opening sessions")
struct OpeningTests {
    /// Returns the reason why no session can be opened.
    static func reason(_ store: RedisStore) async throws -> String {
        do throws(StoreError) {
            _ = try await store.openSession()
        } catch {
            guard case .unavailable(let reason) = error else { throw error }
            return reason
        }
        throw NeverHappened(description: "a session was opened")
    }

    @Test("a session knows its server")
    func server() async throws {
        let lines = ["aof_enabled:1", "maxmemory_policy:allkeys-lru", "connected_slaves:2", "min_slaves_good_slaves:2"]
        let redis = try await ScriptedRedis { $0[0] == "INFO" ? .reply(ScriptedRedis.info(lines)) : nil }
        let server = try await redis.store().openSession().server
        #expect(
            server
                == StoreServer(
                    runID: "a-b", version: "redis ", persistence: .appendOnlyFile, evictionPolicy: "allkeys-lru", replicas: 2,
                    needsReplicas: true))
    }

    @Test(
        "snapshots count from the first one",
        arguments: [
            (["aof_enabled:0", "server_time_usec:1000000000", "uptime_in_seconds:100", "rdb_last_save_time:901"], false),
            (["aof_enabled:0", "server_time_usec:1000000000", "uptime_in_seconds:100", "rdb_last_save_time:950"], true),
            (["rdb_saves:1"], true), (["rdb_last_load_keys_loaded:7"], true), ([], true),
            // No number of a server ends this process.
            (["uptime_in_seconds:-9223372036854775808"], false), (["server_time_usec:-9223372036854775808"], false),
            (["uptime_in_seconds:9223372036854775807", "server_time_usec:9223372036854775807"], false),
        ])
    func persistence(_ lines: [String], _ hasSnapshots: Bool) throws {
        let base = ["run_id:a", "role:master", "master_replid:b", "rdb_last_save_time:0"]
        let text = lines.isEmpty ? base + ["rdb_last_save_time:5"] : base + lines
        let server = try #require(ServerInformation(Array(text.joined(separator: "\r\n").utf8)).server(name: "redis", version: "6"))
        #expect(server.persistence == (hasSnapshots ? .snapshots : .none))
    }

    @Test(
        "a greeting that is refused has a reason without the password",
        arguments: [
            ("-NOAUTH Authentication required.\r\n", "(NOAUTH)"), ("-WRONGPASS invalid username-password pair\r\n", "(WRONGPASS)"),
            ("-LOADING Redis is loading the dataset in memory\r\n", "loading its data"),
            ("-NOPROTO unsupported protocol version\r\n", "needs Redis 6 or newer"),
            (
                "-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, `hunter2`, \r\n",
                "needs Redis 6 or newer"
            ),
            ("-ERR max number of clients reached\r\n", "as many clients"),
            ("-DENIED Redis is running in protected mode\r\n", "protected mode"),
            ("-hunter2\r\n", "refused the greeting HELLO (ERR)"), ("+hunter2\r\n", "not those of Redis or Valkey"),
            ("HTTP/1.1 400 Bad Request\r\n\r\nhunter2", "speaks HTTP"), ("SSH-2.0-OpenSSH\r\n", "speaks SSH"),
            ("\u{15}\u{3}\u{1}", "speaks TLS"), ("$2000000\r\n", "longer than \(RESPDecoder.maximumBulk) bytes"),
        ])
    func refusedGreeting(_ reply: String, _ expected: String) async throws {
        let redis = try await ScriptedRedis { $0[0] == "HELLO" ? .reply(reply) : nil }
        let reason = try await Self.reason(redis.store(password: "hunter2"))
        #expect(reason.contains(expected))
        #expect(reason.hasPrefix("\(redis.address): "))
        #expect(!reason.contains("hunter2"))
    }

    @Test(
        "a server that is no primary of its own is refused",
        arguments: [
            ("role:slave", "replica"), ("loading:1", "loading"),
        ])
    func otherRole(_ line: String, _ expected: String) async throws {
        let redis = try await ScriptedRedis { $0[0] == "INFO" ? .reply(ScriptedRedis.info([line])) : nil }
        #expect(try await Self.reason(redis.store()).contains(expected))
    }

    @Test(
        "a Sentinel or a node of a cluster is refused",
        arguments: [("sentinel", "it is a Sentinel"), ("cluster", "a node of a cluster")])
    func otherMode(_ mode: String, _ expected: String) async throws {
        let redis = try await ScriptedRedis {
            $0[0] == "HELLO" ? .reply("%1\r\n$4\r\nmode\r\n$\(mode.utf8.count)\r\n\(mode)\r\n") : nil
        }
        #expect(try await Self.reason(redis.store()).contains(expected))
    }

    @Test("a user without the right to a command of the opening is refused", arguments: ["INFO", "MULTI", "EXEC"])
    func noRight(_ command: String) async throws {
        let redis = try await ScriptedRedis { $0[0] == command ? .reply("-NOPERM this user has no permissions\r\n") : nil }
        #expect(try await Self.reason(redis.store()).contains("(NOPERM)"))
    }

    @Test("a server that never replies costs the time to connect", .timeLimit(.minutes(1)))
    func silent() async throws {
        let redis = try await ScriptedRedis { _ in .nothing }
        let reason = try await Self.reason(redis.store { $0.connectTimeout = .milliseconds(50) })
        #expect(reason.contains("did not respond in time"))
    }

    @Test("a server that closes the connection is named with the reason")
    func closes() async throws {
        let redis = try await ScriptedRedis { _ in .close }
        #expect(try await Self.reason(redis.store()) == "\(redis.address): the server closed the connection")
    }

    @Test("a port without a server has the system's reason")
    func refused() async throws {
        let address = HostAndPort(host: "127.0.0.1", port: try FreePort.find())
        #expect(try await Self.reason(.patient(address)) == "\(address): connection refused")
    }

    @Test("a name without an address has a reason")
    func noAddress() async throws {
        let address = HostAndPort(host: "store.invalid", port: 6379)
        #expect(try await Self.reason(.patient(address)) == "store.invalid:6379: the name has no address")
    }

    @Test("user and password are part of the greeting")
    func authentication() async throws {
        let redis = try await ScriptedRedis { command in
            guard command[0] == "HELLO" else { return nil }
            return command == ["HELLO", "3", "AUTH", "doorman", "hunter2", "SETNAME", "doorman"] ? nil : .reply("-WRONGPASS x\r\n")
        }
        let store = redis.store(password: "hunter2")
        #expect(try await Self.reason(store).contains("WRONGPASS"))
        store.replace(credentials: RedisCredentials(user: "doorman", password: Array("hunter2".utf8)))
        #expect(try await store.openSession().isResponsive)
    }

    @Test("of several servers, the session is with the primary")
    func severalServers() async throws {
        let replica = try await ScriptedRedis { $0[0] == "INFO" ? .reply(ScriptedRedis.info(["role:slave"])) : nil }
        let primary = try await ScriptedRedis { _ in nil }
        let store = RedisStore.patient(replica.address) { $0.addresses.append(primary.address) }
        #expect(try await store.openSession().server.runID == "a-b")
    }

    @Test("the store asks Sentinels in turn until one knows the primary", .timeLimit(.minutes(1)))
    func sentinels() async throws {
        let primary = try await ScriptedRedis { _ in nil }
        let silent = try await ScriptedRedis { _ in .nothing }
        let ignorant = try await ScriptedRedis { $0[0] == "SENTINEL" ? .reply("_\r\n") : nil }
        let port = "\(primary.address.port)"
        let knowing = try await ScriptedRedis { command in
            guard command[0] == "SENTINEL" else { return nil }
            let isRight = command == ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "tokens"]
            return .reply(isRight ? "*2\r\n$9\r\n127.0.0.1\r\n$\(port.utf8.count)\r\n\(port)\r\n" : "-ERR\r\n")
        }
        let store = RedisStore.patient(silent.address) {
            $0.addresses += [ignorant.address, knowing.address]
            $0.sentinelPrimary = "tokens"
            $0.connectTimeout = .seconds(2)
        }
        #expect(try await store.openSession().isResponsive)
        let lost = RedisStore.patient(ignorant.address) { $0.sentinelPrimary = "tokens" }
        #expect(try await Self.reason(lost) == "\(ignorant.address): the Sentinel knows no primary of this name")
        let noSentinel = RedisStore.patient(primary.address) { $0.sentinelPrimary = "tokens" }
        #expect(try await Self.reason(noSentinel).contains("not those of Redis"))
    }
}
