import Dispatch
import DoormanCore
import DoormanWire
import MetricsTestKit
import NIOConcurrencyHelpers
import NIOCore
import TestKit
import Testing

@testable import DoormanClient

@Suite("several servers", .timeLimit(.minutes(2)))
struct ClientServersTests {
    /// A verify that was sent to two servers, neither of which has responded.
    private struct HedgedCall {
        let client: DoormanClient
        let metrics = TestMetrics()
        let identity: Task<Identity, any Error>
        /// The connection and the call of each server, in the order of the attempts.
        let received: [(connection: PeerConnection, call: ReceivedCall)]

        init() async throws {
            let time = SteppedTime()
            let peers = [try ScriptedPeer(), try ScriptedPeer()]
            var configuration = DoormanClientConfiguration.patient
            configuration.hedgeAfter = .milliseconds(20)
            configuration.hedgeRatio = 1
            let client = DoormanClient(
                targets: peers.map(\.target), configuration: configuration,
                environment: .init(time: .stepped(time), metricsFactory: metrics))
            let identity = Task { try await client.verify("EMAW1") }
            let connections = [try await peers[0].accept(), try await peers[1].accept()]
            try await eventually("both connections take calls") {
                try await client.eventLoop.submit { client.dispatcher.value.ready.count == 2 }.get()
            }
            var first: [Int: ReceivedCall] = [:]
            try await eventually("a server has the call") {
                for index in 0...1 { first[index] = try connections[index].callIfThere() }
                return !first.isEmpty
            }
            let (index, call) = try #require(first.first)
            #expect(first.count == 1)
            try await time.advance(by: .milliseconds(20))
            let hedged = try await connections[1 - index].nextCall()
            #expect([call.secret, hedged.secret] == ["EMAW1", "EMAW1"])
            self.client = client
            self.identity = identity
            self.received = [(connections[index], call), (connections[1 - index], hedged)]
        }
    }

    @Test(
        "a hedged call waits for its other server if one gives no verdict",
        arguments: [.providerBusy, .providerMisconfigured, .tooManyMisses, .internal] as [Failure], [0, 1])
    func hedgeWithoutVerdict(failure: Failure, failing: Int) async throws {
        let hedged = try await HedgedCall()
        let (bad, good) = (hedged.received[failing], hedged.received[1 - failing])
        try await bad.connection.answer(bad.call, FailureResponse(failure, "no"))
        try await good.connection.answer(good.call, "1")
        #expect(try await hedged.identity.value.accountID == "1")
        await hedged.client.close()
    }

    @Test("calls are spread over all servers")
    func spread() async throws {
        let servers = try RespondingServers(3)
        try await servers.reachAll()
        let before = servers.peers.map { $0.calls.count }
        for _ in 0..<10 { try await servers.client.verifyTokens(30) }
        for (peer, count) in zip(servers.peers, before) { #expect((50...150).contains(peer.calls.count - count)) }
        await servers.client.close()
    }

    @Test("a missing server costs no call")
    func oneMissing() async throws {
        let servers = try RespondingServers(3)
        servers.peers[1].stop()
        try await servers.client.verifyTokens(100)
        #expect(servers.retries("connection_lost") <= 1)
        await servers.client.close()
    }

    @Test("the calls of a draining server move without a charge to the retry budget")
    func draining() async throws {
        let servers = try RespondingServers(3) { ($0.retryRatio, $0.retriesPerSecond) = (0, 0) }
        try await servers.reachAll()
        servers.peers[0].behave(.draining)
        for _ in 0..<5 { try await servers.client.verifyTokens(30) }
        let received = servers.peers[0].calls.count
        try await servers.client.verifyTokens(100)
        #expect(servers.peers[0].calls.count == received)
        // It gets calls again after it has passed a health check.
        servers.peers[0].behave(.serving)
        try await eventually("it gets calls again") {
            try await servers.client.verifyTokens(10)
            return servers.peers[0].calls.count > received
        }
        #expect(servers.peers[0].pings > 0)
        await servers.client.close()
    }

    @Test("a call is sent once to each server without a provider")
    func providerUnavailable() async throws {
        let servers = try RespondingServers(3)
        try await servers.reachAll()
        servers.peers[0].behave(.providerUnavailable)
        try await servers.client.verifyTokens(100)
        for peer in servers.peers { peer.behave(.providerUnavailable) }
        let before = servers.peers.reduce(0) { $0 + $1.calls.count }
        let error = await #expect(throws: DoormanError.self) { try await servers.client.verify("EMAWlast") }
        #expect(error?.kind == .unavailable(.providerUnavailable))
        #expect(servers.peers.reduce(0) { $0 + $1.calls.count } - before == 3)
        await servers.client.close()
    }

    @Test("without a retry budget no call that a server may have begun is retried")
    func noBudget() async throws {
        let servers = try RespondingServers(2) { ($0.retryRatio, $0.retriesPerSecond) = (0, 0) }
        try await servers.reachAll()
        for peer in servers.peers { peer.behave(.dropping) }
        let error = await #expect(throws: DoormanError.self) { try await servers.client.verify("EMAWonce") }
        #expect(error?.kind == .unavailable(.connectionLost))
        #expect(servers.peers.flatMap(\.calls).count { $0 == "EMAWonce" } == 1)
        await servers.client.close()
    }

    @Test("the retry budget limits the calls to servers that drop every call")
    func budget() async throws {
        let servers = try RespondingServers(2) {
            ($0.retryRatio, $0.retriesPerSecond) = (0.1, 0)
            $0.firstBackoff = .milliseconds(1)
            $0.longestBackoff = .milliseconds(1)
        }
        try await servers.reachAll()
        let made = servers.peers.reduce(0) { $0 + $1.calls.count }
        for peer in servers.peers { peer.behave(.dropping) }
        let failures = await withTaskGroup(of: Int.self) { tasks in
            for number in 0..<100 {
                tasks.addTask {
                    do throws(DoormanError) {
                        _ = try await servers.client.verify("EMAWlost\(number)", timeout: .milliseconds(500))
                        return 0
                    } catch {
                        return 1
                    }
                }
            }
            return await tasks.reduce(0, +)
        }
        #expect(failures == 100)
        let calls = servers.peers.flatMap(\.calls).count { $0.hasPrefix("EMAWlost") }
        #expect(calls <= 100 + (made + 100) / 10)
        await servers.client.close()
    }

    @Test("the response to a hedge counts")
    func hedged() async throws {
        let hedge = try await HedgedCall()
        let (connection, call) = hedge.received[1]
        try await connection.answer(call, "1")
        #expect(try await hedge.identity.value.accountID == "1")
        #expect(try hedge.metrics.expectCounter("doorman_client_hedges_total").totalValue == 1)
        await hedge.client.close()
    }

    @Test("a hedged verify outlives the failure of one attempt")
    func hedgedFailure() async throws {
        let hedge = try await HedgedCall()
        let (client, first, second) = (hedge.client, hedge.received[0], hedge.received[1])
        try await first.connection.answer(first.call, FailureResponse(.providerUnavailable, "no way to the provider"))
        try await eventually("the client has read this") {
            try await client.eventLoop.submit { [dispatcher = client.dispatcher] in
                dispatcher.value.ready.reduce(0) { $0 + ($1.current?.callsInFlight ?? 0) } == 1
            }.get()
        }
        // It goes to the server with fewer calls.
        async let other = client.verify("EMAW2")
        try await first.connection.answer(first.connection.nextCall(), "2")
        #expect(try await other.accountID == "2")
        try await second.connection.answer(second.call, "1")
        #expect(try await hedge.identity.value.accountID == "1")
        await hedge.client.close()
    }

    @Test("a call of a client without servers fails at once")
    func none() async {
        let client = DoormanClient(targets: [])
        let error = await #expect(throws: DoormanError.self) { try await client.verify("EMAW1") }
        #expect(error?.kind == .unavailable(.unreachable))
        #expect(error?.message.contains("no server") == true)
        await client.close()
    }

    @Test("a name is looked up again when its servers fail")
    func names() async throws {
        let peers = try (0..<3).map { _ in try RespondingPeer() }
        let known = NIOLockedValueBox([0])
        let lookUps = NIOLockedValueBox(0)
        let addresses = try peers.map { try SocketAddress(ipAddress: "127.0.0.1", port: $0.target.port) }
        let resolver = Resolver { _, _ throws(ConnectFailure) in
            lookUps.withLockedValue { $0 += 1 }
            return known.withLockedValue { $0.map { addresses[$0] } }
        }
        let client = DoormanClient(
            targets: [.hostAndPort("doorman.test")], configuration: .patient, environment: .init(resolver: resolver))
        try await client.verifyTokens(10)
        #expect(peers.map { $0.calls.isEmpty } == [false, true, true])
        known.withLockedValue { $0 = [1, 2] }
        peers[0].stop()
        try await eventually("the others are found") {
            try await client.verifyTokens(10)
            return !peers[1].calls.isEmpty && !peers[2].calls.isEmpty
        }
        #expect((2...30).contains(lookUps.withLockedValue { $0 }))
        await client.close()
    }

    @Test("the error of a missing name names the cause")
    func missingName() async throws {
        let peer = try RespondingPeer()
        let isKnown = NIOLockedValueBox(false)
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: peer.target.port)
        let resolver = Resolver { _, _ throws(ConnectFailure) in
            guard isKnown.withLockedValue({ $0 }) else { throw .noSuchName }
            return [address]
        }
        let time = SteppedTime()
        let client = DoormanClient([.hostAndPort("doorman.test")], time: time, resolver: resolver)
        let call = Task { try await client.verify("EMAW1", timeout: .milliseconds(200)) }
        try await client.hasFailedToConnect()
        try await time.advance(by: .milliseconds(200))
        let error = await #expect(throws: DoormanError.self) { try await call.value }
        #expect(error?.kind == .unavailable(.unreachable))
        #expect(error?.message.contains("doorman.test:7117") == true)
        isKnown.withLockedValue { $0 = true }
        let second = Task { try await client.verify("EMAW2") }
        try await client.hasLiveCalls(1)
        try await time.advance(by: ServerDirectory.shortestInterval)
        #expect(try await second.value.accountID == "EMAW2")
        await client.close()
    }

    @Test("a slow look-up delays no call to known servers")
    func slowName() async throws {
        let peer = try RespondingPeer()
        let isKnown = DispatchSemaphore(value: 0)
        let resolver = Resolver { _, _ throws(ConnectFailure) in
            isKnown.wait()
            throw .noSuchName
        }
        let slow = DoormanTarget.hostAndPort("slow.test")
        let both = DoormanClient(
            targets: [slow, peer.target], configuration: .patient, environment: .init(resolver: resolver))
        #expect(try await both.verify("EMAW1").accountID == "EMAW1")
        let time = SteppedTime()
        let alone = DoormanClient([slow], time: time, resolver: resolver)
        let call = Task { try await alone.verify("EMAW2", timeout: .milliseconds(50)) }
        try await alone.hasLiveCalls(1)
        try await time.advance(by: .milliseconds(50))
        let error = await #expect(throws: DoormanError.self) { try await call.value }
        #expect(error?.kind == .unavailable(.deadlineExceeded))
        for client in [both, alone] {
            isKnown.signal()
            await client.close()
        }
    }

    @Test("connectionsPerServer sets the number of connections")
    func connections() async throws {
        let servers = try RespondingServers(1) { $0.connectionsPerServer = 3 }
        try await eventually("three connections") {
            try await servers.client.verifyTokens(20)
            return servers.peers[0].connections == 3
        }
        try await servers.client.verifyTokens(100)
        #expect(servers.peers[0].connections == 3)
        await servers.client.close()
    }

    @Test("an idle connection gets health checks")
    func idle() async throws {
        let time = SteppedTime()
        let servers = try RespondingServers(1, time: time)
        try await servers.client.verifyTokens(1)
        for count in 1...2 {
            // The ticks of a client without calls are a second apart.
            try await time.advance(by: .seconds(31))
            try await eventually("a health check arrives") { servers.peers[0].pings == count }
            try await eventually("the client has the response") {
                try await servers.client.eventLoop.submit { [dispatcher = servers.client.dispatcher] in
                    dispatcher.value.ready.first?.current?.pingedSince == nil
                }.get()
            }
        }
        #expect(servers.peers[0].connections == 1)
        await servers.client.close()
    }

    @Test("an old connection is replaced without the loss of a call")
    func age() async throws {
        let time = SteppedTime()
        let peer = try ScriptedPeer()
        var configuration = DoormanClientConfiguration.patient
        configuration.maximumConnectionAge = .seconds(10)
        let client = DoormanClient([peer.target], time: time, configuration: configuration)
        async let first = client.verify("EMAW1")
        let old = try await peer.accept()
        let call = try await old.nextCall()
        try await time.advance(by: .seconds(11))
        async let second = client.verify("EMAW2")
        let new = try await peer.accept()
        try await new.answer(new.nextCall(), "2")
        #expect(try await second.accountID == "2")
        try await old.answer(call, "1")
        #expect(try await first.accountID == "1")
        try await old.clientCloses()
        await client.close()
    }

    @Test("a call that is cancelled at any moment leaves nothing behind")
    func cancellations() async throws {
        let servers = try RespondingServers(2)
        try await servers.client.verifyTokens(10)
        let count = TestSize.isFull ? 100_000 : 10_000
        let outcomes = NIOLockedValueBox((answered: 0, cancelled: 0))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for worker in 0..<50 {
                tasks.addTask {
                    for number in 0..<count / 50 {
                        let token = "EMAW\(worker)-\(number)"
                        let call = Task { try await servers.client.verify(token) }
                        for _ in 0..<Int.random(in: 0...40) { await Task.yield() }
                        call.cancel()
                        switch await call.result {
                        case .success(let identity):
                            #expect(identity.accountID == token)
                            outcomes.withLockedValue { $0.answered += 1 }
                        case .failure(let error):
                            #expect((error as? DoormanError)?.kind == .unavailable(.cancelled))
                            outcomes.withLockedValue { $0.cancelled += 1 }
                        }
                    }
                }
            }
            try await tasks.waitForAll()
        }
        let (answered, cancelled) = outcomes.withLockedValue { $0 }
        #expect(answered + cancelled == count)
        #expect(answered > 0 && cancelled > 0)
        try await eventually("no call is left") {
            try await servers.client.eventLoop.submit { [dispatcher = servers.client.dispatcher] in
                let dispatcher = dispatcher.value
                return dispatcher.liveCalls == 0 && dispatcher.deadlines.count == 0
                    && dispatcher.subchannels.allSatisfy { ($0.current?.callsInFlight ?? 0) == 0 }
            }.get()
        }
        try await servers.client.verifyTokens(100, prefix: "EMAWafter")
        await servers.client.close()
    }
}

extension DoormanTarget {
    var port: Int { if case .hostAndPort(_, let port) = address { port } else { 0 } }
}
