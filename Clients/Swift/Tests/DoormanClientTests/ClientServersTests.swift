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
    private struct Setup {
        let peers: [AnsweringPeer]
        let client: DoormanClient
        let metrics: TestMetrics

        func retries(_ cause: String) -> Int64 {
            (try? metrics.expectCounter("doorman_client_retries_total", [("cause", cause)]))?.totalValue ?? 0
        }
    }

    /// Servers, and a client of all of them whose calls wait as long as a slow machine needs, and that suspects no server for being
    /// slow unless it is told so.
    private func setUp(_ count: Int, _ change: (inout DoormanClientSettings) -> Void = { _ in }) throws -> Setup {
        let peers = try (0..<count).map { _ in try AnsweringPeer() }
        var settings = DoormanClientSettings.patient
        change(&settings)
        let metrics = TestMetrics()
        let client = DoormanClient(targets: peers.map(\.target), settings: settings, resolver: .system, metricsFactory: metrics)
        return Setup(peers: peers, client: client, metrics: metrics)
    }

    /// Two servers that answer when the test says so, and a client that soon hedges each verify.
    private func setUpHedging() throws -> (peers: [ScriptedPeer], client: DoormanClient, metrics: TestMetrics) {
        let peers = [try ScriptedPeer(), try ScriptedPeer()]
        var settings = DoormanClientSettings.patient
        settings.hedgeAfter = .milliseconds(20)
        settings.hedgeRatio = 1
        let metrics = TestMetrics()
        let client = DoormanClient(targets: peers.map(\.target), settings: settings, resolver: .system, metricsFactory: metrics)
        return (peers, client, metrics)
    }

    private func verify(_ count: Int, _ client: DoormanClient, prefix: String = "EMAW") async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for number in 0..<count {
                tasks.addTask {
                    let token = "\(prefix)\(number)"
                    let identity = try await client.verify(token)
                    #expect(identity.accountID == token)
                }
            }
            try await tasks.waitForAll()
        }
    }

    /// Makes calls until every server has had one.
    private func reachAll(_ setup: Setup) async throws {
        try await eventually("every server is called") {
            try await verify(10, setup.client)
            return setup.peers.allSatisfy { !$0.calls.isEmpty }
        }
    }

    @Test("calls are spread over all of them")
    func spread() async throws {
        let setup = try setUp(3)
        try await reachAll(setup)
        let before = setup.peers.map { $0.calls.count }
        for _ in 0..<10 { try await verify(30, setup.client) }
        for (peer, count) in zip(setup.peers, before) { #expect((50...150).contains(peer.calls.count - count)) }
        await setup.client.close()
    }

    @Test("one that is not there costs no call")
    func oneMissing() async throws {
        let setup = try setUp(3)
        setup.peers[1].stop()
        try await verify(100, setup.client)
        #expect(setup.retries("connection_lost") <= 1)
        await setup.client.close()
    }

    @Test("one that drains is left by calls that it did not begin, at no cost to the budget")
    func draining() async throws {
        let setup = try setUp(3) { ($0.retryRatio, $0.retriesPerSecond) = (0, 0) }
        try await reachAll(setup)
        setup.peers[0].behave(.draining)
        for _ in 0..<5 { try await verify(30, setup.client) }
        let refused = setup.peers[0].calls.count
        try await verify(100, setup.client)
        #expect(setup.peers[0].calls.count == refused)
        // It is asked for its health, and gets calls again when it serves.
        setup.peers[0].behave(.serving)
        try await eventually("it gets calls again") {
            try await verify(10, setup.client)
            return setup.peers[0].calls.count > refused
        }
        #expect(setup.peers[0].pings > 0)
        await setup.client.close()
    }

    @Test("one that hangs loses its calls to others, gets none while it hangs, and some again when it doesn't")
    func hanging() async throws {
        let setup = try setUp(3) {
            $0.suspicionAfter = .milliseconds(50)
            $0.pingTimeout = .milliseconds(50)
        }
        try await reachAll(setup)
        setup.peers[0].behave(.hung)
        for _ in 0..<5 { try await verify(30, setup.client) }
        let hung = setup.peers[0].calls.count
        try await verify(100, setup.client)
        #expect(setup.peers[0].calls.count == hung)
        setup.peers[0].behave(.serving)
        try await eventually("it gets calls again") {
            try await verify(10, setup.client)
            return setup.peers[0].calls.count > hung
        }
        await setup.client.close()
    }

    @Test("one that can't ask the provider is not the last that is asked, and all that can't are each asked once")
    func providerUnavailable() async throws {
        let setup = try setUp(3)
        try await reachAll(setup)
        setup.peers[0].behave(.providerUnavailable)
        try await verify(100, setup.client)
        for peer in setup.peers { peer.behave(.providerUnavailable) }
        let before = setup.peers.reduce(0) { $0 + $1.calls.count }
        let error = await #expect(throws: DoormanError.self) { try await setup.client.verify("EMAWlast") }
        #expect(error?.kind == .couldNotAsk(.providerUnavailable))
        #expect(setup.peers.reduce(0) { $0 + $1.calls.count } - before == 3)
        await setup.client.close()
    }

    @Test("without a budget no call is sent again that a server may have begun")
    func noBudget() async throws {
        let setup = try setUp(2) { ($0.retryRatio, $0.retriesPerSecond) = (0, 0) }
        try await reachAll(setup)
        for peer in setup.peers { peer.behave(.dropping) }
        let error = await #expect(throws: DoormanError.self) { try await setup.client.verify("EMAWonce") }
        #expect(error?.kind == .couldNotAsk(.connectionLost))
        #expect(setup.peers.flatMap(\.calls).count { $0 == "EMAWonce" } == 1)
        await setup.client.close()
    }

    @Test("servers that drop every call are not asked more often than the budget says")
    func budget() async throws {
        let setup = try setUp(2) {
            ($0.retryRatio, $0.retriesPerSecond) = (0.1, 0)
            $0.firstBackoff = .milliseconds(1)
            $0.longestBackoff = .milliseconds(1)
        }
        try await reachAll(setup)
        let made = setup.peers.reduce(0) { $0 + $1.calls.count }
        for peer in setup.peers { peer.behave(.dropping) }
        let failures = await withTaskGroup(of: Int.self) { tasks in
            for number in 0..<100 {
                tasks.addTask {
                    do throws(DoormanError) {
                        _ = try await setup.client.verify("EMAWlost\(number)", timeout: .milliseconds(500))
                        return 0
                    } catch {
                        return 1
                    }
                }
            }
            return await tasks.reduce(0, +)
        }
        #expect(failures == 100)
        let calls = setup.peers.flatMap(\.calls).count { $0.hasPrefix("EMAWlost") }
        #expect(calls <= 100 + (made + 100) / 10)
        await setup.client.close()
    }

    @Test("a verify that waits is hedged at another server, whose answer counts")
    func hedged() async throws {
        let hedge = try setUpHedging()
        async let identity = hedge.client.verify("EMAW1")
        let connections = [try await hedge.peers[0].accept(), try await hedge.peers[1].accept()]
        let calls = [try await connections[0].nextCall(), try await connections[1].nextCall()]
        #expect(calls.map(\.secret) == ["EMAW1", "EMAW1"])
        // Whichever of them was asked first.
        try await connections[1].answer(calls[1], "1")
        #expect(try await identity.accountID == "1")
        #expect(try hedge.metrics.expectCounter("doorman_client_hedges_total").totalValue == 1)
        await hedge.client.close()
    }

    @Test("of a hedged verify, a server that can't ask the provider does not speak for the one that may yet answer")
    func hedgedFailure() async throws {
        let hedge = try setUpHedging()
        async let identity = hedge.client.verify("EMAW1")
        let connections = [try await hedge.peers[0].accept(), try await hedge.peers[1].accept()]
        let calls = [try await connections[0].nextCall(), try await connections[1].nextCall()]
        try await connections[0].answer(calls[0], FailureAnswer(.providerUnavailable, "no way to the provider"))
        // What is answered later on the same connection shows that this was read.
        async let other = hedge.client.verify("EMAW2")
        try await connections[0].answer(connections[0].nextCall(), "2")
        #expect(try await other.accountID == "2")
        try await connections[1].answer(calls[1], "1")
        #expect(try await identity.accountID == "1")
        await hedge.client.close()
    }

    @Test("a client of no servers says so at once")
    func none() async {
        let client = DoormanClient(targets: [])
        let error = await #expect(throws: DoormanError.self) { try await client.verify("EMAW1") }
        #expect(error?.kind == .couldNotAsk(.unreachable))
        #expect(error?.message.contains("no server") == true)
        await client.close()
    }

    @Test("a name's addresses are all used, and looked up again when servers fail")
    func names() async throws {
        let peers = try (0..<3).map { _ in try AnsweringPeer() }
        let known = NIOLockedValueBox([0])
        let lookUps = NIOLockedValueBox(0)
        let addresses = try peers.map { try SocketAddress(ipAddress: "127.0.0.1", port: $0.target.port) }
        let resolver = Resolver { _, _ throws(ConnectFailure) in
            lookUps.withLockedValue { $0 += 1 }
            return known.withLockedValue { $0.map { addresses[$0] } }
        }
        let client = DoormanClient(
            targets: [.hostAndPort("doorman.test")], settings: .patient, resolver: resolver, metricsFactory: TestMetrics())
        try await verify(10, client)
        #expect(peers.map { $0.calls.isEmpty } == [false, true, true])
        known.withLockedValue { $0 = [1, 2] }
        peers[0].stop()
        try await eventually("the others are found") {
            try await verify(10, client)
            return !peers[1].calls.isEmpty && !peers[2].calls.isEmpty
        }
        #expect((2...30).contains(lookUps.withLockedValue { $0 }))
        await client.close()
    }

    @Test("a name that has no address is named as the cause, and found when it has one")
    func missingName() async throws {
        let peer = try AnsweringPeer()
        let isKnown = NIOLockedValueBox(false)
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: peer.target.port)
        let resolver = Resolver { _, _ throws(ConnectFailure) in
            guard isKnown.withLockedValue({ $0 }) else { throw .noSuchName }
            return [address]
        }
        let client = DoormanClient(
            targets: [.hostAndPort("doorman.test")], settings: DoormanClientSettings(), resolver: resolver,
            metricsFactory: TestMetrics())
        let error = await #expect(throws: DoormanError.self) { try await client.verify("EMAW1", timeout: .milliseconds(200)) }
        #expect(error?.kind == .couldNotAsk(.unreachable))
        #expect(error?.message.contains("doorman.test:7117") == true)
        isKnown.withLockedValue { $0 = true }
        #expect(try await client.verify("EMAW2", timeout: .seconds(60)).accountID == "EMAW2")
        await client.close()
    }

    @Test("a name that takes long to look up keeps no call from servers that are known, and costs none more than its deadline")
    func slowName() async throws {
        let peer = try AnsweringPeer()
        let isKnown = DispatchSemaphore(value: 0)
        let resolver = Resolver { _, _ throws(ConnectFailure) in
            isKnown.wait()
            throw .noSuchName
        }
        let slow = DoormanTarget.hostAndPort("slow.test")
        let both = DoormanClient(
            targets: [slow, peer.target], settings: .patient, resolver: resolver, metricsFactory: TestMetrics())
        #expect(try await both.verify("EMAW1").accountID == "EMAW1")
        let alone = DoormanClient(targets: [slow], settings: .patient, resolver: resolver, metricsFactory: TestMetrics())
        let error = await #expect(throws: DoormanError.self) { try await alone.verify("EMAW2", timeout: .milliseconds(50)) }
        #expect(error?.kind == .couldNotAsk(.deadlineExceeded))
        for client in [both, alone] {
            isKnown.signal()
            await client.close()
        }
    }

    @Test("several connections to a server are opened where that is set")
    func connections() async throws {
        let setup = try setUp(1) { $0.connectionsPerServer = 3 }
        try await eventually("three connections") {
            try await verify(20, setup.client)
            return setup.peers[0].connections == 3
        }
        await setup.client.close()
    }

    @Test("a connection that nobody uses is asked whether its server is there")
    func idle() async throws {
        let setup = try setUp(1) { $0.pingInterval = .milliseconds(10) }
        try await verify(1, setup.client)
        try await eventually("its health is asked") { setup.peers[0].pings > 1 }
        #expect(setup.peers[0].connections == 1)
        await setup.client.close()
    }

    @Test("a connection that is old is replaced by another, and no call fails for it")
    func age() async throws {
        let setup = try setUp(1) { $0.maximumConnectionAge = .milliseconds(100) }
        try await eventually("there was a third connection") {
            try await verify(20, setup.client)
            return setup.peers[0].connections > 2
        }
        await setup.client.close()
    }

    @Test("cancelled at whatever moment, calls end, and no answer reaches another call")
    func cancellations() async throws {
        let setup = try setUp(2)
        try await verify(10, setup.client)
        let count = TestSize.isFull ? 100_000 : 10_000
        let outcomes = NIOLockedValueBox((answered: 0, cancelled: 0))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for worker in 0..<50 {
                tasks.addTask {
                    for number in 0..<count / 50 {
                        let token = "EMAW\(worker)-\(number)"
                        let call = Task { try await setup.client.verify(token) }
                        for _ in 0..<Int.random(in: 0...40) { await Task.yield() }
                        call.cancel()
                        switch await call.result {
                        case .success(let identity):
                            #expect(identity.accountID == token)
                            outcomes.withLockedValue { $0.answered += 1 }
                        case .failure(let error):
                            #expect((error as? DoormanError)?.kind == .couldNotAsk(.cancelled))
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
        try await eventually("nothing is left of them") {
            try await setup.client.eventLoop.submit { [dispatcher = setup.client.dispatcher] in
                let dispatcher = dispatcher.value
                return dispatcher.liveCalls == 0 && dispatcher.deadlines.count < 1100
                    && dispatcher.subchannels.allSatisfy { ($0.current?.callsInFlight ?? 0) == 0 }
            }.get()
        }
        try await verify(100, setup.client, prefix: "EMAWafter")
        await setup.client.close()
    }
}

extension DoormanTarget {
    fileprivate var port: Int { if case .hostAndPort(_, let port) = address { port } else { 0 } }
}
