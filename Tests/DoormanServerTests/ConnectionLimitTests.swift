import CallerLimits
import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import Glibc
import TestKit
import Testing

/// Tests the connections of one caller over real sockets.
@Suite("Connections of callers")
struct ConnectionLimitTests {
    private static let closed = "too_many_connections_of_caller"

    /// Connects and checks the server's health.
    private func connect(_ port: Int) async throws -> RawPeer {
        let peer = try RawPeer.connect(port: port)
        try await peer.send(Frames.health(streamID: 1))
        #expect(try await peer.readFrame().servingStatus == .serving)
        return peer
    }

    private func expectRefusal(_ peer: RawPeer) async throws {
        do {
            try await peer.send(Frames.health(streamID: 1))
            #expect(try await peer.readUntilEnd().isEmpty)
        } catch RawPeer.Failure.reset {
            // The server closed the connection before it read the request.
        }
    }

    @Test("one caller gets a quarter of the connections by default")
    func quarter() async throws {
        let (log, path) = (LogRecorder(), "/tmp/doorman-limit-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock")
        let settings: (inout ServerSettings) -> Void = {
            $0.maximumConnections = 12
            $0.connectionsPerCaller = ServerSettings().connectionsPerCaller
            $0.unixSocketPath = path
        }
        try await withServer(log: log, settings: settings) { server, port in
            var peers: [RawPeer] = []
            for _ in 0..<3 { peers.append(try await connect(port)) }
            try await expectRefusal(try RawPeer.connect(port: port))
            #expect(await server.closed(Self.closed) == 1)
            #expect(log.lines.contains { $0.contains("3 (authorization.connections)") && $0.contains("ip:127.0.0.1") })
            // Another caller has connections of its own.
            let other = try RawPeer.connect(unixPath: path)
            try await other.send(Frames.verify("cached", streamID: 1))
            #expect(try await other.readFrame().identity == .someone)
            // A closed connection makes room for the next one.
            peers.removeLast().close()
            try await eventually("the connection ends") { server.connectionCount == 3 }
            try await eventually("a connection is accepted") { (try? await connect(port)) != nil }
        }
    }

    @Test("a rule of the policy can allow more connections")
    func policy() async throws {
        var limits = CallerQuota.Limits()
        limits.connections = 5
        let policy = CallerPolicy.granting(.verify, to: [Caller(name: "ip:127.0.0.1")], limits)
        let log = LogRecorder()
        let settings: (inout ServerSettings) -> Void = {
            $0.maximumConnections = 8
            $0.policy = policy
        }
        try await withServer(log: log, settings: settings) { server, port in
            var peers: [RawPeer] = []
            for _ in 0..<5 { peers.append(try await connect(port)) }
            try await expectRefusal(try RawPeer.connect(port: port))
            #expect(log.lines.contains { $0.contains("5 (connections in authorization.policy-file)") })
            // The client sees the end before the server forgets the connection.
            try await eventually("the refused connection is removed") { server.connectionCount == 5 }
        }
    }

    @Test("the callers of an address count by their certificates")
    func certificates() async throws {
        let authority = try await TestAuthority()
        let tls = try ServerTLS.test(try await authority.leaf(), callersOf: authority)
        let (billing, shop) = (try await authority.leaf(names: "DNS:billing"), try await authority.leaf(names: "DNS:shop"))
        let log = LogRecorder()
        let settings: (inout ServerSettings) -> Void = {
            $0.maximumConnections = 8
            $0.connectionsPerCaller = 0.25
        }
        try await withServer(log: log, tls: tls, settings: settings) { server, port in
            var peers: [TLSPeer] = []
            for leaf in [billing, billing, shop, shop] {
                let peer = try await TLSPeer.connect(port: port, trusting: authority, as: leaf)
                try await peer.send(Frames.verify("cached", streamID: 1))
                #expect(try await peer.readFrame().identity == .someone)
                peers.append(peer)
            }
            await #expect(throws: (any Error).self) {
                let third = try await TLSPeer.connect(port: port, trusting: authority, as: billing)
                try await third.send(Frames.verify("cached", streamID: 1))
                _ = try await third.readFrame()
            }
            #expect(await server.closed(Self.closed) == 1)
            #expect(log.lines.contains { $0.contains("dns:billing") && $0.contains("2 (authorization.connections)") })
        }
    }

    @Test("connections within their handshake count by address")
    func handshakes() async throws {
        let authority = try await TestAuthority()
        let tls = try ServerTLS.test(try await authority.leaf(), callersOf: authority)
        let settings: (inout ServerSettings) -> Void = {
            $0.maximumConnections = 8
            $0.connectionsPerCaller = 0.25
            // Long enough for the third connection to come while both handshakes wait.
            $0.handshakeTimeout = .seconds(3)
        }
        try await withServer(tls: tls, settings: settings) { server, port in
            let silent = (try RawPeer.connect(port: port), try RawPeer.connect(port: port))
            try await eventually("two handshakes wait") { server.connectionCount == 2 }
            let third = try RawPeer.connect(port: port)
            try await expectRefusal(third)
            #expect(await server.closed(Self.closed) == 1)
            // The handshakes time out, and give their permits back.
            #expect(try await silent.0.readUntilEnd().isEmpty)
            #expect(try await silent.1.readUntilEnd().isEmpty)
            try await eventually("a connection is accepted") {
                let leaf = try await authority.leaf(names: "DNS:billing")
                let peer = try? await TLSPeer.connect(port: port, trusting: authority, as: leaf)
                try await peer?.send(Frames.verify("cached", streamID: 1))
                return try await peer?.readFrame().identity == .someone
            }
        }
    }

    @Test("the limit of a rule for addresses is no limit for handshakes of callers with certificates")
    func handshakesOfOthers() async throws {
        let authority = try await TestAuthority()
        let tls = try ServerTLS.test(try await authority.leaf(), callersOf: authority)
        let billing = try await authority.leaf(names: "DNS:billing")
        var few = CallerQuota.Limits()
        few.connections = 1
        let policy = CallerPolicy(
            [
                .init([.one(Caller(name: "dns:billing"))], CallerPermissions(.verify)),
                .init([.any], CallerPermissions([], few)),
            ], setting: "authorization.policy-file")
        try await withServer(tls: tls, settings: { $0.policy = policy }) { server, port in
            let silent = (try RawPeer.connect(port: port), try RawPeer.connect(port: port))
            try await eventually("two handshakes wait") { server.connectionCount == 2 }
            for _ in 0..<3 {
                let peer = try await TLSPeer.connect(port: port, trusting: authority, as: billing)
                try await peer.send(Frames.verify("cached", streamID: 1))
                #expect(try await peer.readFrame().identity == .someone)
            }
            silent.0.close()
            silent.1.close()
        }
    }

    @Test("a caller without permissions gets ten failures, and then its connection is closed")
    func noPermissions() async throws {
        let policy = CallerPolicy([.init([.any], .nothing)], setting: "authorization.policy-file")
        let log = LogRecorder()
        try await withServer(log: log, settings: { $0.policy = policy }) { server, port in
            let peer = try RawPeer.connect(port: port)
            // Health checks are allowed, and do not count.
            for index in 0..<20 {
                try await peer.send(Frames.health(streamID: UInt32(2 * index + 1)))
                #expect(try await peer.readFrame().servingStatus == .serving)
            }
            for index in 0..<10 {
                try await peer.send(Frames.verify("cached", streamID: UInt32(2 * index + 1)))
                #expect(try await peer.readFrame().failure == .callerNotAllowed)
            }
            #expect(try await peer.readUntilEnd().isEmpty)
            #expect(await server.closed("no_permission") == 1)
            #expect(log.lines.contains { $0.contains("a caller without any permission made 10 calls") })
        }
    }

    @Test("forbidden calls of a caller that has another permission close nothing")
    func otherPermissions() async throws {
        try await withServer(settings: { $0.policy = .granting(.verify, to: [Caller(name: "ip:127.0.0.1")]) }) { _, port in
            let peer = try RawPeer.connect(port: port)
            for index in 0..<30 {
                try await peer.send(Frames.listAccounts(streamID: UInt32(2 * index + 1)))
                #expect(try await peer.readFrame().failure == .callerNotAllowed)
            }
            try await peer.send(Frames.verify("cached", streamID: 1))
            #expect(try await peer.readFrame().identity == .someone)
        }
    }

    @Test("a connection is half-closed at its maximum age")
    func maximumAge() async throws {
        let clock = SteppedClock()
        let backend = { ScriptedBackend($0, timeSource: clock.timeSource) }
        try await withServer(backend: backend, settings: { $0.connection.maximumAge = .milliseconds(200) }) { server, port in
            let peer = try await connect(port)
            clock.advance(by: .seconds(1))
            #expect(try await peer.readUntilEnd().isEmpty)
            try peer.halfClose()
            try await eventually("the connection is counted") { await server.closed("max_connection_age") == 1 }
        }
    }

    @Test("a connection drains when its caller's certificate ends")
    func certificateEnds() async throws {
        let authority = try await TestAuthority()
        let tls = try ServerTLS.test(try await authority.leaf(), callersOf: authority)
        let leaf = try await authority.leaf(names: "DNS:billing")
        // The certificate is valid for two days. The server's clock is 1 s before its end.
        let end = TimeSource.system.wallTime().advanced(by: .seconds(2 * 86_400))
        let late = SteppedClock(start: TimeSource.system.now(), wallStart: end.advanced(by: .seconds(-30)))
        let backend = { ScriptedBackend($0, timeSource: late.timeSource) }
        try await withServer(tls: tls, backend: backend) { server, port in
            let peer = try await TLSPeer.connect(port: port, trusting: authority, as: leaf)
            try await peer.send(Frames.verify("cached", streamID: 1))
            #expect(try await peer.readFrame().identity == .someone)
            late.advance(by: .seconds(60))
            try await peer.send(Frames.verify("cached", streamID: 3))
            #expect(try await peer.readFrame().failure == .draining)
        }
    }
}
