import CallerLimits
import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import Glibc
import NIOConcurrencyHelpers
import TestKit
import Testing

@Suite("Permission to manage accounts")
struct AccountsTests {
    private static let loopback = Caller(parsing: "ip:127.0.0.1").map { [$0] } ?? []
    private static let currentUser = Caller(parsing: "uid:\(getuid())").map { [$0] } ?? []

    private static var socketPath: String { "/tmp/doorman-accounts-test-\(getpid())-\(UInt32.random(in: .min ... .max)).sock" }

    private func page(_ frame: RawFrame) -> AccountPage? {
        guard case .success(let page) = ResponseDecoder.accounts(frame.data.span, in: MessageArena()) else { return nil }
        return page
    }

    @Test("by default no caller may use the Accounts service")
    func withoutPermission() async throws {
        let provider = ScriptedProvider.held()
        try await withServer(provider) { server, port in
            let peer = try RawPeer.connect(port: port)
            for bytes in [try Frames.listAccounts(streamID: 1), try Frames.deleteAccount("1", streamID: 1)] {
                try await peer.send(bytes)
                let response = try await peer.readFrame()
                #expect(response.failure == .callerNotAllowed)
                #expect(response.status?.message.contains("ip:127.0.0.1") == true)
                #expect(response.status?.message.contains("authorization.policy-file") == true)
            }
            try await peer.send(Frames.verify("cached", streamID: 3))
            #expect(try await peer.readFrame().identity == .someone)
            #expect(await server.failures(.callerNotAllowed) == 2)
        }
        #expect(provider.callCount == 0)
    }

    @Test("without a permission of its own no caller may revoke an account")
    func accountRevocation() async throws {
        let provider = ScriptedProvider.held()
        provider.release()
        try await withServer(provider) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.revoke(account: "1011", streamID: 1))
            let response = try await peer.readFrame()
            #expect(response.failure == .callerNotAllowed)
            #expect(response.status?.message.contains("is not allowed to revoke accounts") == true)
            try await peer.send(Frames.revoke("cached", streamID: 3))
            #expect(try await peer.readFrame().data == ResponseEncoder.encodeRevoked(nil))
        }
        #expect(provider.revocations.count == 1)
        let log = LogRecorder()
        try await withServer(provider, log: log, settings: { $0.policy = .granting(.revokeAccounts, to: Self.loopback) }) {
            _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.revoke("cached", streamID: 1))
            #expect(try await peer.readFrame().failure == .callerNotAllowed)
            try await peer.send(Frames.revoke(account: "1011", streamID: 3))
            #expect(try await peer.readFrame().data == ResponseEncoder.encodeRevoked(nil))
        }
        #expect(provider.revocations.requests.last?.caller == Self.loopback.first)
        #expect(
            log.lines.filter { $0.contains("revocation of all tokens of an account") && $0.contains("audit=account_revocation") }
                .count == 1)
    }

    @Test("no level of the log hides an audit line")
    func auditAtAnyLevel() async throws {
        var log = LogRecorder()
        log.logLevel = .critical
        let provider = ScriptedProvider()
        try await withServer(provider, log: log, settings: { $0.policy = .granting(.revokeAccounts, to: Self.loopback) }) {
            _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.revoke(account: "1011", streamID: 1))
            #expect(try await peer.readFrame().data == ResponseEncoder.encodeRevoked(nil))
        }
        #expect(log.lines.count == 1 && log.lines[0].contains("audit=account_revocation"), "\(log.lines)")
    }

    @Test(
        "an act has its audit line even if the caller leaves, or its deadline passes, before the provider answers",
        arguments: [true, false])
    func auditOfAbandonedAct(callerLeaves: Bool) async throws {
        let (provider, log) = (ScriptedProvider.held(), LogRecorder())
        try await withServer(
            provider, log: log,
            settings: {
                $0.policy = .granting(to: Self.loopback)
                if !callerLeaves { $0.connection.defaultCallTimeout = .milliseconds(50) }
            }
        ) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.deleteAccount("1011", streamID: 1))
            try await eventually("the deletion has begun") { provider.accountDeletions.count == 1 }
            if callerLeaves { try peer.reset() } else { #expect(try await peer.readFrame().failure == .deadlineExceeded) }
            try await eventually("the call is cancelled") { provider.accountDeletions.cancelledCount == 1 }
            provider.release()
            try await eventually("the act is logged") { log.lines.contains { $0.contains("audit=account_deletion") } }
        }
        #expect(
            log.lines.filter { $0.contains("audit=") } == [
                "notice deletion of an account account=1011 audit=account_deletion caller=ip:127.0.0.1 outcome=OK"
            ])
    }

    @Test("revocations and deletions of accounts have a rate limit of their own")
    func rateLimit() async throws {
        let provider = ScriptedProvider.held()
        provider.release()
        let charged = NIOLockedValueBox<[RateLimit?]>([])
        let backend = ScriptedBackend(
            provider: provider, cache: .init(),
            chargeRevocation: { _, limit, _ in
                charged.withLockedValue { $0.append(limit) }
                return charged.withLockedValue { $0.count } > 2 ? .milliseconds(250) : nil
            })
        var limits = CallerQuota.Limits()
        limits.accountRevocations = RateLimit(perSecond: 3, burst: 4)
        try await withServer(backend: backend, settings: { $0.policy = .granting(to: Self.loopback, limits) }) { _, port in
            let peer = try RawPeer.connect(port: port)
            for (frame, failure) in [
                (try Frames.revoke(account: "1", streamID: 1), nil), (try Frames.deleteAccount("1", streamID: 3), nil),
                (try Frames.revoke(account: "2", streamID: 5), .tooManyCallsPerSecond),
                (try Frames.deleteAccount("2", streamID: 7), .tooManyCallsPerSecond),
                (try Frames.revoke("token", streamID: 9), nil),
            ] as [([UInt8], Failure?)] {
                try await peer.send(frame)
                let response = try await peer.readFrame()
                #expect(response.failure == failure)
                guard failure != nil else { continue }
                #expect(response.status?.retryAfter == .milliseconds(250))
                #expect(response.status?.message.contains("account-revocations-per-second") == true)
            }
        }
        #expect(charged.withLockedValue { $0 } == Array(repeating: limits.accountRevocations, count: 4))
        #expect(provider.revocations.count == 2)
        #expect(provider.accountDeletions.count == 1)
    }

    @Test("the server does not read the payload of a caller without permission")
    func payloadUnread() async throws {
        try await withServer { _, port in
            let peer = try RawPeer.connect(port: port)
            // The missing account id is malformed for a caller with permission.
            try await peer.send(Frames.deleteAccount("", streamID: 1))
            #expect(try await peer.readFrame().failure == .callerNotAllowed)
        }
        try await withServer(settings: { $0.policy = .granting(to: Self.loopback) }) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.deleteAccount("", streamID: 1))
            #expect(try await peer.readFrame().failure == .malformedRequest)
        }
    }

    @Test("a caller named by its address may use the Accounts service over TCP")
    func address() async throws {
        let provider = ScriptedProvider.held()
        provider.release()
        let log = LogRecorder()
        try await withServer(provider, log: log, settings: { $0.policy = .granting(to: Self.loopback) }) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.listAccounts(AccountListRequest(pageSize: 3, after: "7"), streamID: 1))
            let page = try #require(page(try await peer.readFrame()))
            #expect(page.accounts.count == 3)
            #expect(page.next == "7")
            try await peer.send(Frames.deleteAccount("1011", streamID: 3))
            let response = try await peer.readFrame()
            #expect(response.data == ResponseEncoder.encodeAccountDeleted())
            try await peer.send(Frames.deleteAccount("unknown", streamID: 5))
            #expect(try await peer.readFrame().failure == .providerUnavailable)
        }
        #expect(
            log.lines.filter { $0.contains("deletion of an account") && $0.contains("ip:127.0.0.1") && $0.contains("outcome=OK") }
                .count == 1)
    }

    @Test("a Unix socket caller is the user that the kernel reports")
    func user() async throws {
        let provider = ScriptedProvider.held()
        provider.release()
        let path = Self.socketPath
        let ownUser: (inout ServerSettings) -> Void = {
            $0.unixSocketPath = path
            $0.policy = .granting(to: Self.currentUser)
        }
        try await withServer(provider, settings: ownUser) { _, port in
            let peer = try RawPeer.connect(unixPath: path)
            try await peer.send(Frames.listAccounts(AccountListRequest(pageSize: 1), streamID: 1))
            #expect(page(try await peer.readFrame())?.accounts.count == 1)
            let stranger = try RawPeer.connect(port: port)
            try await stranger.send(Frames.listAccounts(streamID: 1))
            #expect(try await stranger.readFrame().failure == .callerNotAllowed)
        }
        let otherUser: (inout ServerSettings) -> Void = {
            $0.unixSocketPath = path
            $0.policy = .granting(to: Self.loopback + [Caller(parsing: "uid:\(getuid() + 1)")].compactMap { $0 })
        }
        try await withServer(provider, settings: otherUser) { _, _ in
            let peer = try RawPeer.connect(unixPath: path)
            try await peer.send(Frames.listAccounts(streamID: 1))
            let response = try await peer.readFrame()
            #expect(response.failure == .callerNotAllowed)
            #expect(response.status?.message.contains("uid:\(getuid())") == true)
        }
    }

    @Test("a page above the frame limit of some clients fails with advice to request a smaller one")
    func pageTooLong() async throws {
        let provider = ScriptedProvider.held()
        provider.release()
        try await withServer(provider, settings: { $0.policy = .granting(to: Self.loopback) }) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.listAccounts(AccountListRequest(pageSize: 1000), streamID: 1))
            let response = try await peer.readFrame()
            #expect(response.failure == .malformedRequest)
            #expect(response.status?.message.contains("page_size") == true)
        }
    }

    @Test("a draining server starts no deletion")
    func draining() async throws {
        let provider = ScriptedProvider.held()
        try await withServer(provider, settings: { $0.policy = .granting(to: Self.loopback) }) { server, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("new", streamID: 1))
            try await eventually("the provider request starts") { provider.callCount == 1 }
            async let drained: Void = server.drain()
            try await eventually("new calls get DRAINING") {
                try await peer.send(Frames.verify("cached", streamID: 3))
                return try await peer.readFrame().failure == .draining
            }
            try await peer.send(Frames.deleteAccount("1011", streamID: 5))
            #expect(try await peer.readFrame().failure == .draining)
            provider.release()
            #expect(try await peer.readFrame().identity == .someone)
            #expect(try await peer.readUntilEnd().isEmpty)
            peer.close()
            await drained
        }
    }
}

@Suite("Caller names")
struct CallerTests {
    @Test(
        "all spellings of an address name the same caller",
        arguments: [
            ("ip:10.0.0.7", "ip:10.0.0.7"), ("ip:::1", "ip:127.0.0.1"), ("ip:0:0:0:0:0:0:0:1", "ip:127.0.0.1"),
            ("ip:127.9.9.9", "ip:127.0.0.1"), ("ip:::ffff:127.0.0.2", "ip:127.0.0.1"), ("ip:12.7.0.1", "ip:12.7.0.1"),
            ("ip:2001:DB8::0001", "ip:2001:db8::1"), ("ip:::ffff:10.0.0.7", "ip:10.0.0.7"), ("uid:0", "uid:0"),
            ("uid:007", "uid:7"), ("uid:4294967294", "uid:4294967294"),
        ])
    func canonical(text: String, name: String) {
        #expect(Caller(parsing: text)?.name == name)
    }

    @Test(
        "any other text names no caller",
        arguments: [
            "", "unknown", "ip:", "ip:localhost", "ip:10.0.0", "ip:10.0.0.0/8", "10.0.0.7", "uid:", "uid:root", "uid:-1", "uid:+1",
            "uid:4294967295", "uid:4294967296", "IP:10.0.0.7", " uid:0", "uid:0 ", "*",
        ])
    func invalid(text: String) {
        #expect(Caller(parsing: text) == nil)
    }
}
