import DoormanFleet
import DoormanSupport
import DoormanWire
import TestKit
import Testing

@testable import RedisStore

/// What every store does, in memory as well as on servers.
@Suite("The contract of stores", .enabled(if: RedisServer.areInstalled, RedisServer.reason), .timeLimit(.minutes(2)))
struct StoreContractTests {
    enum Kind: CaseIterable, Sendable {
        case memory, redis7, redis7TLS, redis8, valkey9
    }

    /// A store, with what keeps it running.
    struct Stage {
        let session: any StoreSession
        private let clock: SteppedClock?
        private let server: RedisServer?

        init(_ kind: Kind) async throws {
            let program: RedisServer.Program
            switch kind {
            case .memory:
                let clock = SteppedClock()
                session = try await MemoryStore(timeSource: clock.timeSource).openSession()
                (self.clock, server) = (clock, nil)
                return
            case .redis7, .redis7TLS: program = .redis7
            case .redis8: program = .redis8
            case .valkey9: program = .valkey9
            }
            let authority = kind == .redis7TLS ? try await TestAuthority() : nil
            let tls = if let authority { try await RedisServer.TLSFiles(from: authority) } else { RedisServer.TLSFiles?.none }
            let server = try await RedisServer(program, tls: tls)
            let credentials = RedisCredentials(authorities: try authority?.certificateBytes())
            let store = RedisStore.patient(server.address, credentials: credentials) { $0.usesTLS = authority != nil }
            session = try await store.openSession()
            (clock, self.server) = (nil, server)
        }

        func end() {
            server?.stop()
        }

        /// Polls a condition while time passes.
        func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
            try await TestKit.eventually(what) {
                clock?.advance(by: .milliseconds(10))
                return try await condition()
            }
        }
    }

    private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    private static let all = (0...255).map { UInt8($0) }
    private static let key = bytes("d1:{tag}:e:") + all
    private static let lease = bytes("d1:{tag}:l:x")
    private static let log = bytes("d1:{tag}:log")
    private static let set = bytes("d1:{tag}:set")

    @Test("a session knows its server", arguments: Kind.allCases)
    func server(_ kind: Kind) async throws {
        let stage = try await Stage(kind)
        defer { stage.end() }
        let server = stage.session.server
        let version =
            switch kind {
            case .memory: "memory "
            case .redis7, .redis7TLS: "redis 7.0."
            case .redis8: "redis 8."
            case .valkey9: "valkey 9."
            }
        #expect(server.version.hasPrefix(version))
        #expect(!server.runID.isEmpty)
        #expect(server.persistence == .none && server.evictionPolicy == "noeviction")
        #expect(server.replicas == 0 && !server.needsReplicas)
    }

    @Test("a value is what was set", arguments: Kind.allCases)
    func values(_ kind: Kind) async throws {
        let stage = try await Stage(kind)
        defer { stage.end() }
        let session = stage.session
        #expect(try await session.value(of: Self.key) == nil)
        try await session.set(Self.all, for: Self.key, lifetime: .seconds(60))
        #expect(try await session.value(of: Self.key) == Self.all)
        let longest = [UInt8](repeating: 7, count: StoreLimits.value)
        try await session.set(longest, for: Self.key, lifetime: .seconds(60))
        #expect(try await session.value(of: Self.key) == longest)
        try await session.set([], for: Self.key, lifetime: .seconds(60))
        #expect(try await session.value(of: Self.key) == [])
    }

    @Test("a value ends with its lifetime", arguments: Kind.allCases)
    func lifetime(_ kind: Kind) async throws {
        let stage = try await Stage(kind)
        defer { stage.end() }
        try await stage.session.set([1], for: Self.key, lifetime: .microseconds(1))
        try await stage.eventually("the value is gone") { try await stage.session.value(of: Self.key) == nil }
    }

    @Test("a lease has one holder until it ends", arguments: Kind.allCases)
    func leases(_ kind: Kind) async throws {
        let stage = try await Stage(kind)
        defer { stage.end() }
        let session = stage.session
        #expect(try await session.takeLease(Self.lease, holder: Self.all, lifetime: .seconds(60)))
        #expect(try await !session.takeLease(Self.lease, holder: [2], lifetime: .seconds(60)))
        try await session.endLease(Self.lease, holder: [2])
        #expect(try await !session.takeLease(Self.lease, holder: [2], lifetime: .seconds(60)))
        try await session.endLease(Self.lease, holder: Self.all)
        #expect(try await session.takeLease(Self.lease, holder: [2], lifetime: .milliseconds(1)))
        try await stage.eventually("the lease ends by itself") {
            try await session.takeLease(Self.lease, holder: [3], lifetime: .seconds(60))
        }
    }

    @Test("records have rising ids, and are read in their order", arguments: Kind.allCases)
    func records(_ kind: Kind) async throws {
        let stage = try await Stage(kind)
        defer { stage.end() }
        let session = stage.session
        #expect(try await session.logRange(of: Self.log) == nil)
        #expect(try await session.records(of: Self.log, after: .zero, limit: 10).isEmpty)
        var written: [LogRecord] = []
        for number in 0..<20 {
            let data = Self.all + [UInt8(number)]
            written.append(LogRecord(try await session.append(LogAppend(data, keepingFrom: .zero), to: Self.log), data))
        }
        let ids = written.map(\.id)
        #expect(ids == ids.sorted() && Set(ids).count == ids.count)
        #expect(try await session.logRange(of: Self.log) == ids[0]...ids[19])
        #expect(try await session.records(of: Self.log, after: .zero, limit: 100) == written)
        #expect(try await session.records(of: Self.log, after: ids[4], limit: 3) == Array(written[5..<8]))
        #expect(try await session.records(of: Self.log, after: ids[19], limit: 3).isEmpty)
        #expect(try await session.records(of: Self.log, after: .zero, limit: 0).isEmpty)
    }

    @Test("a record removes keys and adds a member with it", arguments: Kind.allCases)
    func append(_ kind: Kind) async throws {
        let stage = try await Stage(kind)
        defer { stage.end() }
        let session = stage.session
        let keys = (0..<3).map { Self.key + [UInt8($0)] }
        for key in keys { try await session.set([1], for: key, lifetime: .seconds(60)) }
        let member = ScoredMember(Self.all, score: 1_800_000_000_123)
        let append = LogAppend([1], removing: Array(keys.prefix(2)), adding: member, to: Self.set, keepingFrom: .zero)
        let id = try await session.append(append, to: Self.log)
        #expect(try await session.records(of: Self.log, after: .zero, limit: 10) == [LogRecord(id, [1])])
        #expect(try await session.value(of: keys[0]) == nil)
        #expect(try await session.value(of: keys[1]) == nil)
        #expect(try await session.value(of: keys[2]) == [1])
        #expect(try await session.members(of: Self.set, from: .min, offset: 0, limit: 10) == [member])
    }

    @Test("a log forgets records before the id that is kept", arguments: Kind.allCases)
    func trimming(_ kind: Kind) async throws {
        let stage = try await Stage(kind)
        defer { stage.end() }
        let session = stage.session
        // A server forgets whole nodes of its tree only: 100 records by default.
        var last = LogID.zero
        for _ in 0..<300 { last = try await session.append(LogAppend([1], keepingFrom: .zero), to: Self.log) }
        let id = try await session.append(LogAppend([2], keepingFrom: last), to: Self.log)
        let range = try #require(try await session.logRange(of: Self.log))
        #expect(range.upperBound == id)
        let kept = try await session.records(of: Self.log, after: .zero, limit: 1000)
        #expect(kept.count < 150 && kept.first?.id == range.lowerBound)
        #expect(kept.suffix(2).map(\.id) == [last, id])
    }

    @Test("members of a set are in the order of their scores", arguments: Kind.allCases)
    func members(_ kind: Kind) async throws {
        let stage = try await Stage(kind)
        defer { stage.end() }
        let session = stage.session
        #expect(try await session.members(of: Self.set, from: 0, offset: 0, limit: 10).isEmpty)
        try await session.removeMembers(of: Self.set, below: 5)
        let time: Int64 = 1_800_000_000_000
        let members = (0..<10).map { ScoredMember(Self.all + [UInt8($0)], score: time + Int64($0 / 2)) }
        for member in members.reversed() { try await add(member, session) }
        #expect(try await session.members(of: Self.set, from: .min, offset: 0, limit: 100) == members)
        #expect(try await session.members(of: Self.set, from: time + 1, offset: 1, limit: 3) == Array(members[3..<6]))
        #expect(try await session.members(of: Self.set, from: time + 5, offset: 0, limit: 3).isEmpty)
        #expect(try await session.members(of: Self.set, from: .min, offset: 0, limit: 0).isEmpty)
        try await add(ScoredMember(members[0].member, score: time + 100), session)
        try await session.removeMembers(of: Self.set, below: time + 4)
        let left = try await session.members(of: Self.set, from: .min, offset: 0, limit: 100)
        #expect(left == Array(members[8...]) + [ScoredMember(members[0].member, score: time + 100)])
    }

    private func add(_ member: ScoredMember, _ session: any StoreSession) async throws {
        _ = try await session.append(LogAppend([1], adding: member, to: Self.set, keepingFrom: .zero), to: Self.log)
    }

    @Test("a closed session executes nothing", arguments: Kind.allCases)
    func closed(_ kind: Kind) async throws {
        let stage = try await Stage(kind)
        defer { stage.end() }
        let session = stage.session
        #expect(session.isResponsive)
        session.close()
        #expect(!session.isResponsive)
        do throws(StoreError) {
            _ = try await session.value(of: Self.key)
            Issue.record("the session is closed")
        } catch {
            guard case .unavailable = error else {
                Issue.record("\(error)")
                return
            }
        }
    }
}
