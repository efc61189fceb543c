import DoormanFleet
import DoormanSupport
import TestKit
import Testing

@testable import RedisStore

@Suite("Real servers", .enabled(if: RedisServer.areInstalled, RedisServer.reason), .timeLimit(.minutes(3)))
struct RealServerTests {
    private static let key = bytes("d1:{tag}:e:1")
    private static let log = bytes("d1:{tag}:log")
    private static let set = bytes("d1:{tag}:set")
    /// The rights of the documentation.
    private static let documentedRights = [
        "get", "set", "del", "eval", "xadd", "xread", "xrange", "xrevrange", "zadd", "zrangebyscore", "zremrangebyscore", "multi",
        "exec",
        "info",
    ]
    private static let credentials = RedisCredentials(user: "doorman", password: bytes("hunter2"))

    private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    private static func withRights(_ rights: [String]) -> [String] {
        ["user doorman on >hunter2 resetchannels ~d1:{tag}:* " + rights.map { "+\($0)" }.joined(separator: " ")]
    }

    /// Executes every command once.
    private static func executeAll(_ session: any StoreSession) async throws {
        try await session.set([1], for: key, lifetime: .seconds(60))
        _ = try await session.value(of: key)
        _ = try await session.takeLease(bytes("d1:{tag}:l:1"), holder: [1], lifetime: .seconds(60))
        try await session.endLease(bytes("d1:{tag}:l:1"), holder: [1])
        let member = ScoredMember([1], score: 1)
        _ = try await session.append(LogAppend([1], removing: [key], adding: member, to: set, keepingFrom: .zero), to: log)
        _ = try await session.logRange(of: log)
        _ = try await session.records(of: log, after: .zero, limit: 1)
        _ = try await session.members(of: set, from: 0, offset: 0, limit: 1)
        try await session.removeMembers(of: set, below: 1)
    }

    @Test("the documented rights of a user suffice", arguments: RedisServer.Program.allCases)
    func rights(_ program: RedisServer.Program) async throws {
        let server = try await RedisServer(program, Self.withRights(Self.documentedRights))
        defer { server.stop() }
        let session = try await server.session(Self.credentials)
        try await Self.executeAll(session)
        await #expect(throws: StoreError.refused("NOPERM")) { try await session.value(of: Self.bytes("other")) }
    }

    @Test("no documented right is superfluous", arguments: documentedRights)
    func superfluous(_ right: String) async throws {
        let server = try await RedisServer(.redis7, Self.withRights(Self.documentedRights.filter { $0 != right }))
        defer { server.stop() }
        await #expect(throws: StoreError.self) { try await Self.executeAll(try await server.session(Self.credentials)) }
    }

    @Test("the documented right of a user at a Sentinel suffices")
    func rightAtSentinel() async throws {
        let primary = try await RedisServer(.redis7, Self.withRights(Self.documentedRights))
        defer { primary.stop() }
        let directives = ["user doorman on >hunter2 resetchannels +sentinel|get-master-addr-by-name", "user default off"]
        let sentinel = try await RedisServer.sentinel(of: "tokens", at: primary, directives)
        defer { sentinel.stop() }
        let store = RedisStore.patient(sentinel.address, credentials: Self.credentials) { $0.sentinelPrimary = "tokens" }
        try await Self.executeAll(try await store.openSession())
    }

    @Test("a changed password counts for the next session", arguments: RedisServer.Program.allCases)
    func password(_ program: RedisServer.Program) async throws {
        let server = try await RedisServer(program, ["requirepass hunter2"])
        defer { server.stop() }
        let store = RedisStore.patient(server.address)
        #expect(try await OpeningTests.reason(store) == "\(server.address): the server needs a user and a password (NOAUTH)")
        store.replace(credentials: RedisCredentials(password: Self.bytes("hunter3")))
        #expect(try await OpeningTests.reason(store) == "\(server.address): the user or the password is wrong (WRONGPASS)")
        store.replace(credentials: RedisCredentials(password: Self.bytes("hunter2")))
        #expect(try await store.openSession().isResponsive)
    }

    @Test("a server with too many clients says so", arguments: RedisServer.Program.allCases)
    func clients(_ program: RedisServer.Program) async throws {
        let server = try await RedisServer(program)
        defer { server.stop() }
        let session = try await server.session()
        try await server.run("CONFIG", "SET", "maxclients", "1")
        let reason = try await OpeningTests.reason(.patient(server.address))
        #expect(reason.contains("the server has as many clients as it allows"))
        #expect(session.isResponsive)
    }

    @Test("a certificate must be from a trusted authority, for the server's name")
    func certificates() async throws {
        let (authority, other) = (try await TestAuthority(), try await TestAuthority())
        let server = try await RedisServer(tls: RedisServer.TLSFiles(from: authority, names: "DNS:localhost"))
        defer { server.stop() }
        let trusted = RedisCredentials(authorities: try authority.certificateBytes())
        let address = HostAndPort(host: "localhost", port: server.port)
        let store = RedisStore.patient(address, credentials: RedisCredentials(authorities: try other.certificateBytes())) {
            $0.usesTLS = true
        }
        #expect(try await OpeningTests.reason(store).contains("not from a trusted authority"))
        store.replace(credentials: RedisCredentials())
        #expect(try await OpeningTests.reason(store).contains("not from a trusted authority"))
        store.replace(credentials: RedisCredentials(authorities: Self.bytes("no certificate")))
        #expect(try await OpeningTests.reason(store) == "the certificates of the trusted authorities can't be used")
        store.replace(credentials: trusted)
        #expect(try await store.openSession().isResponsive)
        let byAddress = RedisStore.patient(server.address, credentials: trusted) { $0.usesTLS = true }
        #expect(try await OpeningTests.reason(byAddress).contains("not for 127.0.0.1: it is for DNS:localhost"))
        let withoutTLS = RedisStore.patient(server.address)
        #expect(try await OpeningTests.reason(withoutTLS) == "\(server.address): the server closed the connection")
        let plain = try await RedisServer()
        defer { plain.stop() }
        let needlessTLS = RedisStore.patient(plain.address) {
            $0.usesTLS = true
            $0.connectTimeout = .seconds(1)
        }
        #expect(
            try await OpeningTests.reason(needlessTLS) == "\(plain.address): no TLS handshake in time: does the server speak TLS?")
    }

    @Test("a full memory refuses writes and loses nothing", arguments: RedisServer.Program.allCases)
    func full(_ program: RedisServer.Program) async throws {
        let server = try await RedisServer(program)
        defer { server.stop() }
        let session = try await server.session()
        try await session.set([1], for: Self.key, lifetime: .seconds(60))
        try await server.run("CONFIG", "SET", "maxmemory", "1")
        await #expect(throws: StoreError.full) { try await session.set([2], for: Self.key, lifetime: .seconds(60)) }
        await #expect(throws: StoreError.full) {
            try await session.append(LogAppend([1], removing: [Self.key], keepingFrom: .zero), to: Self.log)
        }
        #expect(try await session.value(of: Self.key) == [1])
        #expect(try await session.logRange(of: Self.log) == nil)
        #expect(try await server.session().isResponsive)
    }

    @Test("a primary that needs a replica refuses writes without one", arguments: RedisServer.Program.allCases)
    func needsReplica(_ program: RedisServer.Program) async throws {
        let server = try await RedisServer(program, ["min-replicas-to-write 1"])
        defer { server.stop() }
        let session = try await server.session()
        #expect(session.server.needsReplicas)
        await #expect(throws: StoreError.refused("NOREPLICAS")) {
            try await session.append(LogAppend([1], keepingFrom: .zero), to: Self.log)
        }
        let replica = try await RedisServer(program, ["replicaof 127.0.0.1 \(server.port)"])
        defer { replica.stop() }
        #expect(try await OpeningTests.reason(.patient(replica.address)).contains("it is a replica"))
        try await eventually("the record is written") {
            (try? await session.append(LogAppend([1], keepingFrom: .zero), to: Self.log)) != nil
        }
        #expect(try await server.session().server.replicas == 1)
    }

    @Test("what a server keeps on disk is known", arguments: RedisServer.Program.allCases)
    func persistence(_ program: RedisServer.Program) async throws {
        let server = try await RedisServer(program, ["appendonly no"])
        defer { server.stop() }
        #expect(try await server.session().server.persistence == .none)
        try await server.run("SAVE")
        #expect(try await server.session().server.persistence == .snapshots)
        let another = try await RedisServer(program, ["appendonly yes"])
        defer { another.stop() }
        #expect(try await another.session().server.persistence == .appendOnlyFile)
    }

    @Test("keys of other types and foreign records do no harm", arguments: RedisServer.Program.allCases)
    func foreignData(_ program: RedisServer.Program) async throws {
        let server = try await RedisServer(program)
        defer { server.stop() }
        let session = try await server.session()
        try await server.run("RPUSH", "d1:{tag}:e:1", "x")
        try await server.run("RPUSH", "d1:{tag}:set", "x")
        await #expect(throws: StoreError.refused("WRONGTYPE")) { try await session.value(of: Self.key) }
        try await server.run("XADD", "d1:{tag}:log", "*", "other", "x")
        try await server.run("XADD", "d1:{tag}:log", "*", "r", "x", "s", "y")
        let id = try await session.append(LogAppend([1], keepingFrom: .zero), to: Self.log)
        let records = try await session.records(of: Self.log, after: .zero, limit: 10)
        #expect(records.map(\.data) == [[], [], [1]] && records.last?.id == id)
        let append = LogAppend([2], adding: ScoredMember([1], score: 1), to: Self.set, keepingFrom: .zero)
        await #expect(throws: StoreError.malformed) { try await session.append(append, to: Self.log) }
        try await server.run("DEL", "d1:{tag}:set")
        for score in ["-inf", "1.5", "+inf"] { try await server.run("ZADD", "d1:{tag}:set", score, "member \(score)") }
        let members = try await session.members(of: Self.set, from: 0, offset: 0, limit: 10)
        #expect(members.map(\.score) == [1, .max])
    }

    @Test("a demoted primary closes its sessions, and has another run id when it is back")
    func demotion() async throws {
        let (first, second) = (try await RedisServer(), try await RedisServer())
        defer { for server in [first, second] { server.stop() } }
        let session = try await first.session()
        try await first.run("REPLICAOF", "127.0.0.1", "\(second.port)")
        await #expect(throws: StoreError.refused("READONLY")) {
            try await session.append(LogAppend([1], keepingFrom: .zero), to: Self.log)
        }
        try await eventually("the session is closed") { !session.isResponsive }
        try await first.run("REPLICAOF", "NO", "ONE")
        #expect(try await first.session().server.runID != session.server.runID)
    }

    @Test("a stopped process costs the timeouts, and then the session")
    func stopped() async throws {
        let server = try await RedisServer()
        defer { server.stop() }
        let session = try await server.session(RedisCredentials()) {
            $0.commandTimeout = .milliseconds(20)
            $0.silenceTimeout = .milliseconds(200)
        }
        server.process.pause()
        await #expect(throws: StoreError.timedOut) { try await session.value(of: Self.key) }
        try await eventually("the session is closed") {
            do throws(StoreError) {
                _ = try await session.logRange(of: Self.log)
            } catch {
                return error == .unavailable("\(server.address): the connection is closed: the server has not responded for 200ms")
            }
            return false
        }
        // The kernel accepts connections for a stopped process.
        let store = RedisStore.patient(server.address) { $0.connectTimeout = .milliseconds(50) }
        #expect(try await OpeningTests.reason(store).contains("did not respond in time"))
        server.process.resume()
        #expect(try await server.session().isResponsive)
    }

    @Test("a killed process is back with another run id and without data")
    func killed() async throws {
        let server = try await RedisServer()
        defer { server.stop() }
        let session = try await server.session()
        _ = try await session.append(LogAppend([1], keepingFrom: .zero), to: Self.log)
        try await server.kill()
        try await eventually("the session is closed") { !session.isResponsive }
        #expect(try await OpeningTests.reason(.patient(server.address)) == "\(server.address): connection refused")
        try await server.start()
        let next = try await server.session()
        #expect(next.server.runID != session.server.runID)
        #expect(try await next.logRange(of: Self.log) == nil)
    }

    @Test("a Sentinel leads to the new primary after a failover", arguments: ["TCP", "TLS"])
    func failover(_ transport: String) async throws {
        let authority = try await TestAuthority()
        let tls = transport == "TLS" ? try await RedisServer.TLSFiles(from: authority) : nil
        let primary = try await RedisServer(tls: tls)
        defer { primary.stop() }
        let replica = try await RedisServer(.redis7, ["replicaof 127.0.0.1 \(primary.port)"], tls: tls)
        defer { replica.stop() }
        let sentinel = try await RedisServer.sentinel(of: "tokens", at: primary, tls: tls)
        defer { sentinel.stop() }
        let credentials = RedisCredentials(authorities: try authority.certificateBytes())
        let store = RedisStore.patient(sentinel.address, credentials: credentials) {
            $0.usesTLS = tls != nil
            $0.sentinelPrimary = "tokens"
        }
        let direct = RedisStore.patient(sentinel.address, credentials: credentials) { $0.usesTLS = tls != nil }
        #expect(try await OpeningTests.reason(direct).contains("it is a Sentinel"))
        let session = try await store.openSession()
        let id = try await session.append(LogAppend([1], keepingFrom: .zero), to: Self.log)
        try await eventually("the Sentinel knows the replica, and the replica the record") {
            let known = try await sentinel.run("SENTINEL", "REPLICAS", "tokens").contains("master-link-status\nok")
            let length = try await replica.run("XLEN", "d1:{tag}:log")
            return known && length == "1"
        }
        try await primary.kill()
        var next: (any StoreSession)?
        try await eventually("a session with the new primary", within: .seconds(60)) {
            next = try? await store.openSession()
            return next != nil
        }
        let found = try #require(next)
        #expect(found.server.runID != session.server.runID)
        #expect(try await found.logRange(of: Self.log) == id...id)
        #expect(try await found.append(LogAppend([2], keepingFrom: .zero), to: Self.log) > id)
    }
}
