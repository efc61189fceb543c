import DoormanSupport
import Logging
import NIOConcurrencyHelpers
import NIOCore
import TestKit
import Testing

@testable import DoormanClient

/// The lines of the client's log from `info` on, which are all that an operator sees by default.
@Suite("the log of a client", .timeLimit(.minutes(2)))
struct ClientLogTests {
    private static let lost = "warning server lost, no call goes to it until it responds again"
    private static let unreachable = "warning cannot reach server, no call goes to it until it responds"
    private static let drains = "info server drains, calls move to other servers"
    private static let back = "notice server takes calls again"
    private static let hung = "the server accepts connections and doesn't respond"
    private static let noSocket = "the socket file does not exist"
    private static let closedByPeer = "the server closed the connection before it responded"

    /// A client with stepped time, and its log.
    private struct Scene {
        let time = SteppedTime()
        let recorder = LogRecorder()
        let client: DoormanClient

        init(
            _ targets: [DoormanTarget], resolver: Resolver = .system,
            _ change: (inout DoormanClientConfiguration) -> Void = { _ in }
        ) {
            var configuration = DoormanClientConfiguration.patient
            configuration.timeout = .seconds(600)
            change(&configuration)
            var logger = Logger(label: "test") { [recorder] _ in recorder }
            logger.logLevel = .info
            client = DoormanClient(
                targets: targets, configuration: configuration,
                environment: .init(time: .stepped(time), resolver: resolver, logger: logger))
        }

        /// Waits for a line, and checks that there is no other.
        func hasLines(_ lines: [String]) async throws {
            try await eventually("line \(lines.count)") { recorder.lines.count >= lines.count }
            #expect(recorder.lines == lines)
        }

        /// Advances in steps that are longer than the longest back-off, so that each step is time for an attempt to connect.
        func advance(steps: Int) async throws {
            for _ in 0..<steps {
                try await time.advance(by: .milliseconds(250))
                // The loop reads its sockets between two steps.
                for _ in 0..<3 { try await client.eventLoop.submit {}.get() }
            }
        }

        /// Makes calls until one succeeds. The time advances by a step before each further call.
        func succeeds() async throws {
            let identity = Task { try await client.verify("EMAWback") }
            let ended = NIOLockedValueBox(false)
            let waiter = Task {
                _ = await identity.result
                ended.withLockedValue { $0 = true }
            }
            try await eventually("a call succeeds") {
                try await advance(steps: 1)
                return ended.withLockedValue { $0 }
            }
            await waiter.value
            _ = try await identity.value
        }
    }

    private static func path() -> String { "/tmp/doorman-log-\(UInt64.random(in: 0...(.max))).sock" }

    /// Stops a peer on a Unix socket, so that nothing is left of it.
    private static func remove(_ peer: RespondingPeer, _ path: String) {
        peer.stop()
        removeFile(path)
    }

    @Test("a server that goes away and returns has one line each, with the cause and the time")
    func lostAndBack() async throws {
        let path = Self.path()
        defer { removeFile(path) }
        let peer = try RespondingPeer(path: path)
        let scene = Scene([peer.target])
        _ = try await scene.client.verify("EMAW1")
        #expect(scene.recorder.lines.isEmpty)

        Self.remove(peer, path)
        let lost = "\(Self.lost) reason=\(Self.noSocket) server=unix:\(path)"
        try await scene.hasLines([lost])
        let call = Task { try await scene.client.verify("EMAW2") }
        try await scene.client.hasLiveCalls(1)
        try await scene.advance(steps: 20)
        #expect(scene.recorder.lines == [lost])

        let second = try RespondingPeer(path: path)
        try await scene.advance(steps: 1)
        try await eventually("a connection takes calls") { second.connections == 1 && second.pings == 1 }
        #expect(try await call.value.accountID == "EMAW2")
        #expect(scene.recorder.lines == [lost])
        try await scene.time.advance(by: ServerAvailability.stableTime)
        try await scene.hasLines([lost, "\(Self.back) away_seconds=5.250 server=unix:\(path)"])
        await scene.client.close()
        withExtendedLifetime(second) {}
    }

    @Test("a server that was never reachable has one line, and another once it takes calls")
    func neverReachable() async throws {
        let path = Self.path()
        defer { removeFile(path) }
        let scene = Scene([.unixSocket(path: path)])
        let call = Task { try await scene.client.verify("EMAW1") }
        let unreachable = "\(Self.unreachable) reason=\(Self.noSocket) server=unix:\(path)"
        try await scene.hasLines([unreachable])
        try await scene.advance(steps: 40)
        #expect(scene.recorder.lines == [unreachable])
        let peer = try RespondingPeer(path: path)
        try await scene.succeeds()
        #expect(try await call.value.accountID == "EMAW1")
        try await scene.time.advance(by: ServerAvailability.stableTime)
        try await eventually("the second line") { scene.recorder.lines.count == 2 }
        #expect(scene.recorder.lines.last?.hasPrefix("\(Self.back) away_seconds=1") == true)
        await scene.client.close()
        withExtendedLifetime(peer) {}
    }

    @Test("a server that comes and goes has one line until it stays")
    func flapping() async throws {
        let peer = try RespondingPeer()
        let scene = Scene([peer.target]) { $0.retriesPerSecond = 0 }
        _ = try await scene.client.verify("EMAW1")
        peer.behave(.droppingCalls)
        let lost = "\(Self.lost) reason=\(Self.closedByPeer) server=\(peer.target)"
        for number in 0..<20 {
            let call = Task { try await scene.client.verify("EMAWflap\(number)") }
            // The server passes a health check after each loss, and then loses the next call.
            try await eventually("the call ends") {
                try await scene.advance(steps: 1)
                return try await scene.client.eventLoop.submit { [client = scene.client] in client.dispatcher.value.liveCalls == 0 }
                    .get()
            }
            _ = await call.result
        }
        #expect(scene.recorder.lines == [lost])
        peer.behave(.serving)
        try await scene.succeeds()
        try await scene.time.advance(by: ServerAvailability.stableTime)
        try await eventually("the second line") { scene.recorder.lines.count >= 2 }
        #expect(scene.recorder.lines.count == 2)
        #expect(scene.recorder.lines.last?.hasPrefix(Self.back) == true)
        await scene.client.close()
    }

    @Test("each of several servers has its own line")
    func several() async throws {
        let paths = (0..<3).map { _ in Self.path() }
        defer { for path in paths { removeFile(path) } }
        let peers = try paths.map { try RespondingPeer(path: $0) }
        let scene = Scene(peers.map(\.target))
        try await eventually("every server is called") {
            try await scene.client.verifyTokens(10)
            return peers.allSatisfy { !$0.calls.isEmpty }
        }
        Self.remove(peers[1], paths[1])
        try await scene.hasLines(["\(Self.lost) reason=\(Self.noSocket) server=unix:\(paths[1])"])
        Self.remove(peers[2], paths[2])
        try await scene.hasLines([1, 2].map { "\(Self.lost) reason=\(Self.noSocket) server=unix:\(paths[$0])" })
        try await scene.advance(steps: 10)
        try await scene.client.verifyTokens(10)
        #expect(scene.recorder.lines.count == 2)
        await scene.client.close()
        #expect(scene.recorder.lines.count == 2)
    }

    @Test("a server that does not respond is lost")
    func hung() async throws {
        let peer = try RespondingPeer()
        let scene = Scene([peer.target]) { ($0.suspicionAfter, $0.pingTimeout) = (.milliseconds(250), .milliseconds(250)) }
        _ = try await scene.client.verify("EMAW1")
        peer.behave(.hung)
        let call = Task { try await scene.client.verify("EMAW2") }
        try await eventually("the server has the call") { peer.calls.count == 2 }
        try await scene.time.advance(by: .milliseconds(250))
        try await eventually("a health check") { peer.pings == 1 }
        #expect(scene.recorder.lines.isEmpty)
        try await eventually("it is found hung") {
            try await scene.advance(steps: 1)
            return !scene.recorder.lines.isEmpty
        }
        try await scene.advance(steps: 10)
        #expect(scene.recorder.lines == ["\(Self.lost) reason=\(Self.hung) server=\(peer.target)"])
        await scene.client.close()
        await #expect(throws: DoormanError.self) { try await call.value }
        #expect(scene.recorder.lines.count == 1)
    }

    @Test("a server with another connection that takes calls is not lost")
    func otherConnection() async throws {
        let peer = try ScriptedPeer()
        let scene = Scene([peer.target]) { ($0.connectionsPerServer, $0.retriesPerSecond, $0.retryRatio) = (2, 0, 0) }
        let call = Task { try await scene.client.verify("EMAW1") }
        let connections = [try await peer.accept(), try await peer.accept()]
        try await eventually("a connection is lost with the call") {
            for connection in connections where try connection.callIfThere() != nil {
                connection.close()
                return true
            }
            return false
        }
        await #expect(throws: DoormanError.self) { try await call.value }
        #expect(scene.recorder.lines.isEmpty)
        await scene.client.close()
    }

    @Test("a draining server has one line, whatever its connections are", arguments: [1, 3])
    func draining(connections: Int) async throws {
        let peers = [try RespondingPeer(), try RespondingPeer()]
        let scene = Scene(peers.map(\.target)) { $0.connectionsPerServer = connections }
        try await eventually("every connection is open") {
            try await scene.client.verifyTokens(20)
            return peers.allSatisfy { $0.connections == connections && !$0.calls.isEmpty }
        }
        peers[0].behave(.draining)
        let drains = "\(Self.drains) server=\(peers[0].target)"
        try await eventually("it drains") {
            try await scene.client.verifyTokens(20)
            return !scene.recorder.lines.isEmpty
        }
        try await scene.advance(steps: 10)
        try await scene.client.verifyTokens(20)
        #expect(scene.recorder.lines == [drains])
        peers[0].behave(.serving)
        let before = peers[0].calls.count
        try await eventually("it gets calls again") {
            try await scene.advance(steps: 1)
            try await scene.client.verifyTokens(20)
            return peers[0].calls.count > before
        }
        try await scene.time.advance(by: ServerAvailability.stableTime)
        try await eventually("the second line") { scene.recorder.lines.count >= 2 }
        #expect(scene.recorder.lines.count == 2)
        #expect(scene.recorder.lines.last?.hasPrefix(Self.back) == true)
        await scene.client.close()
    }

    @Test("a server that its name no longer has is not lost")
    func removedAddress() async throws {
        let peers = [try RespondingPeer(), try RespondingPeer()]
        let addresses = try peers.map { try SocketAddress(ipAddress: "127.0.0.1", port: $0.target.port) }
        let known = NIOLockedValueBox([0, 1])
        let resolver = Resolver { _, _ throws(ConnectFailure) in known.withLockedValue { $0.map { addresses[$0] } } }
        let scene = Scene([.hostAndPort("doorman.test")], resolver: resolver)
        try await eventually("every server is called") {
            try await scene.client.verifyTokens(10)
            return peers.allSatisfy { !$0.calls.isEmpty }
        }
        known.withLockedValue { $0 = [1] }
        try await eventually("the name has one server") {
            try await scene.time.advance(by: .seconds(30))
            try await scene.client.verifyTokens(2)
            return try await scene.client.eventLoop.submit { [client = scene.client] in
                client.dispatcher.value.subchannels.count { $0.state != .closed } == 1
            }.get()
        }
        peers[0].stop()
        try await scene.advance(steps: 10)
        try await scene.client.verifyTokens(10)
        #expect(scene.recorder.lines.isEmpty)
        await scene.client.close()
    }

    @Test("a name that can't be resolved has one line, and another once it can")
    func names() async throws {
        let peer = try RespondingPeer()
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: peer.target.port)
        let (isKnown, lookUps) = (NIOLockedValueBox(false), NIOLockedValueBox(0))
        let resolver = Resolver { _, _ throws(ConnectFailure) in
            lookUps.withLockedValue { $0 += 1 }
            guard isKnown.withLockedValue({ $0 }) else { throw .noSuchName }
            return [address]
        }
        let scene = Scene([.hostAndPort("doorman.test")], resolver: resolver)
        let call = Task { try await scene.client.verify("EMAW1") }
        let unresolved = "warning cannot resolve name reason=the name has no address server=doorman.test:7117"
        try await scene.hasLines([unresolved])
        try await eventually("five look-ups") {
            try await scene.advance(steps: 1)
            return lookUps.withLockedValue { $0 } >= 5
        }
        #expect(scene.recorder.lines == [unresolved])
        isKnown.withLockedValue { $0 = true }
        try await eventually("the second line") {
            try await scene.advance(steps: 1)
            return scene.recorder.lines.count >= 2
        }
        #expect(try await call.value.accountID == "EMAW1")
        #expect(scene.recorder.lines.count == 2)
        #expect(scene.recorder.lines.last?.hasPrefix("notice name resolves again away_seconds=") == true)
        await scene.client.close()
    }

    @Test("a client that is closed with calls in flight logs nothing")
    func shutdown() async throws {
        let peers = [try RespondingPeer(), try RespondingPeer()]
        let scene = Scene(peers.map(\.target))
        try await eventually("every server is called") {
            try await scene.client.verifyTokens(10)
            return peers.allSatisfy { !$0.calls.isEmpty }
        }
        for peer in peers { peer.behave(.hung) }
        let calls = (0..<10).map { number in Task { try await scene.client.verify("EMAWlast\(number)") } }
        try await scene.client.hasLiveCalls(10)
        await scene.client.close()
        for call in calls { await #expect(throws: DoormanError.self) { try await call.value } }
        try await scene.time.advance(by: .seconds(10))
        #expect(scene.recorder.lines.isEmpty)
    }

    @Test("a client that is closed while it connects logs nothing")
    func shutdownWhileConnecting() async throws {
        let peer = try RespondingPeer()
        let scene = Scene([peer.target])
        let waiting = try await scene.client.eventLoop.submit { [client = scene.client] in
            // The connection can't be established before this turn of the loop ends.
            client.dispatcher.value.warmUp()
            return client.dispatcher.value.close()
        }.get()
        _ = waiting
        await scene.client.close()
        try await scene.time.advance(by: .seconds(10))
        #expect(scene.recorder.lines.isEmpty)
    }
}
