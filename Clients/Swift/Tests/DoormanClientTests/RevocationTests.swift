import DoormanCore
import DoormanWire
import MetricsTestKit
import NIOCore
import TestKit
import Testing

@testable import DoormanClient

@Suite("a revocation goes to every server", .timeLimit(.minutes(2)))
struct RevocationTests {
    private static let token = Token("EMAWrevoked")

    /// Returns the targets of the servers.
    private func targets(_ servers: [ServerAddress]) -> Set<DoormanTarget> { Set(servers.map(\.target)) }

    /// Returns an address on which no server listens.
    private func deadTarget() throws -> DoormanTarget {
        let peer = try ScriptedPeer()
        defer { peer.close() }
        return peer.target
    }

    @Test("every server gets it once, and confirms it")
    func everyServer() async throws {
        let servers = try RespondingServers(3)
        let result = try await servers.client.revoke(Self.token)
        #expect(result.confirmed.map(\.target) == servers.peers.map(\.target))
        #expect(result.unreachable.isEmpty && result.failed.isEmpty)
        let ofAccount = try await servers.client.revoke(accountID: "1011")
        #expect(ofAccount == result)
        for peer in servers.peers {
            #expect(peer.calls == ["EMAWrevoked", "1011"])
            #expect(peer.methods == [.revoke, .revoke])
        }
        await servers.client.close()
    }

    @Test("servers without a fleet give no position")
    func noPosition() async throws {
        let servers = try RespondingServers(2)
        #expect(try await servers.client.revoke(Self.token).position == nil)
        await servers.client.close()
    }

    @Test("the position is that of a server which has confirmed the revocation")
    func position() async throws {
        let servers = try RespondingServers(3)
        for (index, peer) in servers.peers.enumerated() { peer.position = RevocationPosition(bytes: [UInt8(index)]) }
        #expect(try await servers.client.revoke(Self.token).position == RevocationPosition(bytes: [0]))
        servers.peers[0].stop()
        try await eventually("the server is gone") { try await servers.client.revoke(Self.token).unreachable.count == 1 }
        #expect(try await servers.client.revoke(accountID: "1011").position == RevocationPosition(bytes: [1]))
        #expect(try await servers.client.deleteAccount("1011").position == RevocationPosition(bytes: [1]))
        await servers.client.close()
    }

    @Test("a revocation that a server can't announce is an error that may be repeated")
    func storeUnavailable() async throws {
        let servers = try RespondingServers(2)
        servers.peers[0].position = RevocationPosition(bytes: [1])
        servers.peers[1].behave(.storeUnavailable)
        let error = await #expect(throws: DoormanError.self) { try await servers.client.revoke(Self.token) }
        #expect(error?.kind == .unavailable(.storeUnavailable) && error?.isRetryable == true)
        #expect(error?.revocation?.failed.map(\.server.target) == [servers.peers[1].target])
        #expect(error?.revocation?.position == RevocationPosition(bytes: [1]))
        await servers.client.close()
    }

    @Test("a target that is given twice gets it once")
    func repeatedTarget() async throws {
        let peer = try RespondingPeer()
        let client = DoormanClient(targets: [peer.target, peer.target], configuration: .patient)
        let result = try await client.revoke(Self.token)
        #expect(result.confirmed.map(\.target) == [peer.target])
        #expect(peer.calls.count == 1)
        await client.close()
    }

    @Test("every address of a name gets it")
    func addresses() async throws {
        let peers = [try RespondingPeer(), try RespondingPeer()]
        let addresses = try peers.map { try SocketAddress(ipAddress: "127.0.0.1", port: $0.target.port) }
        let target = DoormanTarget.hostAndPort("doorman.test")
        let client = DoormanClient(
            targets: [target], configuration: .patient,
            environment: .init(resolver: Resolver { _, _ throws(ConnectFailure) in addresses }))
        let result = try await client.revoke(Self.token)
        #expect(result.confirmed.count == 2 && result.unreachable.isEmpty)
        #expect(Set(result.confirmed.map(\.description)) == ["doorman.test:7117 (127.0.0.1)"])
        #expect(peers.allSatisfy { $0.calls == ["EMAWrevoked"] })
        await client.close()
    }

    @Test("a server that is down is no error, and delays the result by one attempt to connect")
    func oneDown() async throws {
        let peer = try RespondingPeer()
        let dead = try deadTarget()
        let client = DoormanClient(targets: [dead, peer.target], configuration: .patient)
        let result = try await client.revoke(Self.token)
        #expect(targets(result.confirmed) == [peer.target])
        #expect(result.unreachable.map(\.server.target) == [dead])
        #expect(result.unreachable.first?.error.kind == .unavailable(.unreachable))
        #expect(result.unreachable.first?.error.message.contains("connection refused") == true)
        await client.close()
    }

    @Test("a draining server counts as unreachable")
    func draining() async throws {
        let servers = try RespondingServers(2)
        try await servers.reachAll()
        servers.peers[0].behave(.draining)
        let result = try await servers.client.revoke(Self.token)
        #expect(targets(result.confirmed) == [servers.peers[1].target])
        #expect(targets(result.unreachable.map(\.server)) == [servers.peers[0].target])
        await servers.client.close()
    }

    @Test("a server that does not respond before the deadline counts as unreachable")
    func silent() async throws {
        let servers = try RespondingServers(2)
        try await servers.reachAll()
        servers.peers[0].behave(.hung)
        let result = try await servers.client.revoke(Self.token, timeout: .milliseconds(300))
        #expect(targets(result.confirmed) == [servers.peers[1].target])
        #expect(result.unreachable.map(\.server.target) == [servers.peers[0].target])
        #expect(result.unreachable.first?.error.kind == .unavailable(.deadlineExceeded))
        await servers.client.close()
    }

    @Test("a name without an address counts as unreachable")
    func missingName() async throws {
        let peer = try RespondingPeer()
        let missing = DoormanTarget.hostAndPort("missing.test")
        let client = DoormanClient(
            targets: [missing, peer.target], configuration: .patient,
            environment: .init(resolver: Resolver { _, _ throws(ConnectFailure) in throw .noSuchName }))
        for _ in 0..<2 {
            let result = try await client.revoke(Self.token)
            #expect(targets(result.confirmed) == [peer.target])
            #expect(result.unreachable.map(\.server.target) == [missing])
            #expect(result.unreachable.first?.error.message.contains("the name has no address") == true)
        }
        await client.close()
    }

    @Test("an address above maximumServers counts as unreachable")
    func tooManyServers() async throws {
        let servers = try RespondingServers(3) { $0.maximumServers = 2 }
        let result = try await servers.client.revoke(Self.token)
        #expect(result.confirmed.count == 2 && result.unreachable.count == 1)
        #expect(result.unreachable.first?.error.message.contains("maximumServers") == true)
        await servers.client.close()
    }

    @Test("it is an error if no server answers, and the error has the outcome at each")
    func noneReachable() async throws {
        let dead = [try deadTarget(), try deadTarget()]
        let client = DoormanClient(targets: dead, configuration: .patient)
        let error = await #expect(throws: DoormanError.self) { try await client.revoke(Self.token, timeout: .milliseconds(300)) }
        #expect(error?.revocation?.confirmed.isEmpty == true)
        #expect(error?.revocation?.unreachable.map(\.server.target) == dead)
        #expect(error?.kind == error?.revocation?.unreachable.first?.error.kind)
        await client.close()
    }

    @Test("an answer with a failure fails the call, and the error says which servers confirmed it")
    func oneFails() async throws {
        let servers = try RespondingServers(3)
        servers.peers[1].behave(.providerUnavailable)
        let error = await #expect(throws: DoormanError.self) { try await servers.client.revoke(Self.token) }
        #expect(error?.kind == .unavailable(.providerUnavailable))
        #expect(error?.revocation?.confirmed.map(\.target) == [servers.peers[0].target, servers.peers[2].target])
        #expect(error?.revocation?.failed.map(\.server.target) == [servers.peers[1].target])
        #expect(error?.revocation?.unreachable.isEmpty == true)
        // No other server gets the call that one has failed.
        #expect(servers.peers.allSatisfy { $0.calls == ["EMAWrevoked"] })
        await servers.client.close()
    }

    @Test("a call whose connection is lost is sent again to the same server")
    func connectionLost() async throws {
        let peer = try ScriptedPeer()
        let other = try RespondingPeer()
        let client = DoormanClient(targets: [peer.target, other.target], configuration: .patient)
        async let revoked = client.revoke(Self.token)
        let first = try await peer.accept()
        #expect(try await first.nextCall().secret == "EMAWrevoked")
        first.close()
        let second = try await peer.accept()
        let call = try await second.nextCall()
        #expect(call.secret == "EMAWrevoked")
        try await second.answer(call, ResponseEncoder.encodeRevoked(nil))
        let result = try await revoked
        #expect(targets(result.confirmed) == [peer.target, other.target])
        #expect(other.calls == ["EMAWrevoked"])
        await client.close()
    }

    @Test("cancellation ends it at once")
    func cancelled() async throws {
        let servers = try RespondingServers(2)
        for peer in servers.peers { peer.behave(.hung) }
        let call = Task { try await servers.client.revoke(Self.token) }
        try await eventually("the servers have it") { servers.peers.allSatisfy { !$0.calls.isEmpty } }
        call.cancel()
        let error = await #expect(throws: DoormanError.self) { try await call.value }
        #expect(error?.kind == .unavailable(.cancelled))
        try await servers.client.hasLiveCalls(0)
        await servers.client.close()
        let afterwards = await #expect(throws: DoormanError.self) { try await servers.client.revoke(Self.token) }
        #expect(afterwards?.kind == .unavailable(.clientClosed))
    }

    @Test("other calls are not delayed by a revocation that waits for a server")
    func otherCalls() async throws {
        let servers = try RespondingServers(2)
        try await servers.reachAll()
        servers.peers[0].behave(.hung)
        let call = Task { try await servers.client.revoke(Self.token) }
        try await eventually("the servers have it") { servers.peers.allSatisfy { $0.calls.contains("EMAWrevoked") } }
        servers.peers[0].stop()
        try await servers.client.verifyTokens(50)
        #expect(try await targets(call.value.confirmed) == [servers.peers[1].target])
        await servers.client.close()
    }

    @Test("it is counted as one call")
    func metrics() async throws {
        let peers = [try RespondingPeer(), try RespondingPeer()]
        let metrics = TestMetrics()
        let client = DoormanClient(
            targets: peers.map(\.target), configuration: .patient, environment: .init(metricsFactory: metrics))
        try await client.revoke(Self.token)
        let counter = try metrics.expectCounter(
            "doorman_client_calls_total", [("method", "Revoke"), ("outcome", "ok")])
        #expect(counter.totalValue == 1)
        await client.close()
    }

    @Test("the deletion of an account revokes its tokens at every server first")
    func deletion() async throws {
        let servers = try RespondingServers(3)
        let result = try await servers.client.deleteAccount("1011")
        #expect(result.confirmed.map(\.target) == servers.peers.map(\.target))
        #expect(servers.peers.allSatisfy { $0.methods.first == .revoke && $0.calls.allSatisfy { $0 == "1011" } })
        #expect(servers.peers.flatMap(\.methods).count { $0 == .deleteAccount } == 1)
        servers.peers[2].behave(.providerUnavailable)
        let error = await #expect(throws: DoormanError.self) { try await servers.client.deleteAccount("1012") }
        #expect(error?.revocation?.confirmed.count == 2 && error?.revocation?.failed.count == 1)
        #expect(servers.peers.flatMap(\.methods).count { $0 == .deleteAccount } == 1)
        await servers.client.close()
    }

    @Test("the only server deletes an account with one call")
    func deletionAtOneServer() async throws {
        let servers = try RespondingServers(1)
        let result = try await servers.client.deleteAccount("1011")
        #expect(result.confirmed.map(\.target) == servers.peers.map(\.target))
        #expect(servers.peers[0].methods == [.deleteAccount])
        await servers.client.close()
    }

    @Test("the near cache forgets a deleted account")
    func nearCache() async throws {
        let peer = try RespondingPeer()
        let client = DoormanClient(target: peer.target, configuration: .patientWithNearCache)
        let nearCache = try #require(client.nearCache)
        for account in ["1011", "1012"] {
            var identity = Identity.sample(account)
            identity.validUntil = Timestamp(millisecondsSince1970: .max)
            nearCache.store(
                identity, for: NearCache.Key(token: Token(account), requirements: .none), revocations: nearCache.revocations,
                at: client.time.now, civil: .now)
        }
        #expect(nearCache.count == 2)
        try await client.deleteAccount("1011")
        #expect(nearCache.count == 1)
        try await client.revoke(accountID: "1012")
        #expect(nearCache.count == 0)
        await client.close()
    }

    @Test("a stale identity of a second server does not overrule the first server's error")
    func stale() async throws {
        let servers = try RespondingServers(2)
        try await servers.reachAll()
        servers.peers[0].behave(.providerUnavailable)
        servers.peers[1].behave(.stale)
        var overruled = 0
        for number in 0..<40 {
            let token = "EMAWstale\(number)"
            let outcome = await servers.client.outcome(of: Token(token))
            guard servers.peers[0].calls.contains(token) else {
                #expect(try outcome.get().freshness == .stale)
                continue
            }
            overruled += 1
            #expect(servers.peers[1].calls.contains(token))
            #expect(throws: DoormanError.self) { try outcome.get() }
        }
        #expect(overruled > 0 && overruled < 40)
        // A fresh identity does.
        servers.peers[1].behave(.serving)
        try await servers.client.verifyTokens(20, prefix: "EMAWfresh")
        await servers.client.close()
    }
}
