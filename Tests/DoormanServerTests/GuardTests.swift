import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import Glibc
import TestKit
import Testing

@Suite("Access to the listeners")
struct GuardTests {
    private static var socketPath: String { "/tmp/doorman-guard-test-\(getpid())-\(UInt32.random(in: .min ... .max)).sock" }

    private func mode(_ path: String) -> UInt32 {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    @Test(
        "without TLS only loopback addresses can be bound",
        arguments: ["0.0.0.0", "::"])
    func plaintext(host: String) async throws {
        let error = await #expect(throws: CannotListen.self) {
            try await withServer(settings: { $0.tcp = .init(host: host, port: 0) }) { _, _ in }
        }
        for name in ["tls.certificate-file", "server.unix-socket", "server.allow-plaintext-from-network"] {
            #expect(error?.description.contains(name) == true)
        }
    }

    @Test("a loopback address can be bound without TLS under any name", arguments: ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
    func loopback(host: String) async throws {
        try await withServer(settings: { $0.tcp = .init(host: host, port: 0) }) { server, _ in
            let families = host == "localhost" && BothFamiliesTests.hasIPv6 ? 2 : 1
            #expect(server.addresses.count == families)
        }
    }

    @Test("every address can be bound with TLS")
    func networkWithTLS() async throws {
        let tls = try ServerTLS.test(try await TestAuthority().leaf())
        try await withServer(tls: tls, settings: { $0.tcp = .init(host: "0.0.0.0", port: 0) }) { server, _ in
            #expect(server.addresses.count == 1)
        }
    }

    @Test("every address can be bound without TLS if the setting allows it")
    func networkWithoutTLS() async throws {
        let change = { (settings: inout ServerSettings) in
            settings.tcp = .init(host: "0.0.0.0", port: 0)
            settings.allowsPlaintextFromNetwork = true
        }
        try await withServer(settings: change) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("cached", streamID: 1))
            #expect(try await peer.readFrame().identity == .someone)
        }
    }

    @Test(
        "a Unix socket's file has exactly the configured mode under any umask",
        arguments: [0o600, 0o660, 0o666, 0o777] as [UInt32], [0o077, 0] as [mode_t])
    func socketMode(mode: UInt32, umask: mode_t) async throws {
        let path = Self.socketPath
        let before = Glibc.umask(umask)
        defer { _ = Glibc.umask(before) }
        let settings = { (settings: inout ServerSettings) in
            settings.unixSocketPath = path
            settings.unixSocketMode = mode
        }
        try await withServer(settings: settings) { _, _ in
            #expect(self.mode(path) == mode)
            _ = try RawPeer.connect(unixPath: path)
        }
    }

    @Test("by default only the owner may use a Unix socket")
    func defaultMode() async throws {
        let path = Self.socketPath
        try await withServer(settings: { $0.unixSocketPath = path }) { _, _ in #expect(mode(path) == 0o600) }
    }

    @Test("a Unix socket connection of a user that is not listed is closed at once")
    func users() async throws {
        let path = Self.socketPath
        let (mine, other) = (Caller(parsing: "uid:\(getuid())"), Caller(parsing: "uid:\(getuid() + 1)"))
        let log = LogRecorder()
        let others = { (settings: inout ServerSettings) in
            settings.unixSocketPath = path
            settings.unixSocketCallers = Set([other].compactMap { $0 })
        }
        try await withServer(log: log, settings: others) { server, port in
            let peer = try RawPeer.connect(unixPath: path)
            #expect(try await peer.readUntilEnd().isEmpty)
            try await eventually("the connection is removed") { server.connectionCount == 0 }
            #expect(await server.closed("unix_socket_caller") == 1)
            // The list applies to the Unix socket only.
            let byTCP = try RawPeer.connect(port: port)
            try await byTCP.send(Frames.verify("cached", streamID: 1))
            #expect(try await byTCP.readFrame().identity == .someone)
        }
        #expect(log.lines.contains { $0.contains("server.unix-socket-callers") && $0.contains("uid:\(getuid())") })
        let both = { (settings: inout ServerSettings) in
            settings.unixSocketPath = path
            settings.unixSocketCallers = Set([mine, other].compactMap { $0 })
        }
        try await withServer(settings: both) { _, _ in
            let peer = try RawPeer.connect(unixPath: path)
            try await peer.send(Frames.verify("cached", streamID: 1))
            #expect(try await peer.readFrame().identity == .someone)
        }
    }

    @Test("accepted sockets have TCP_NODELAY, so that a small response is sent at once")
    func noDelay() async throws {
        try await withServer { server, port in
            let peer = try RawPeer.connect(port: port)
            try await eventually("the client is connected") { server.connectionCount == 1 }
            let accepted = try #require(SocketOptions.descriptor(port: port, isListening: false), "no socket was accepted")
            #expect(SocketOptions.value(accepted, CInt(IPPROTO_TCP), TCP_NODELAY) == 1)
            peer.close()
        }
    }

    @Test("accepted sockets have the configured keepalive options")
    func keepalive() async throws {
        let settings = { (settings: inout ServerSettings) in
            settings.keepalive.idle = .seconds(41)
            settings.keepalive.interval = .milliseconds(6500)
            settings.keepalive.probes = 5
            settings.keepalive.userTimeout = .milliseconds(43_210)
        }
        try await withServer(settings: settings) { server, port in
            let peer = try RawPeer.connect(port: port)
            try await eventually("the client is connected") { server.connectionCount == 1 }
            let accepted = try #require(
                SocketOptions.descriptor(port: port, isListening: false), "no socket was accepted")
            #expect(SocketOptions.value(accepted, SOL_SOCKET, SO_KEEPALIVE) == 1)
            #expect(SocketOptions.value(accepted, CInt(IPPROTO_TCP), TCP_NODELAY) == 1)
            #expect(SocketOptions.value(accepted, CInt(IPPROTO_TCP), TCP_KEEPIDLE) == 41)
            #expect(SocketOptions.value(accepted, CInt(IPPROTO_TCP), TCP_KEEPINTVL) == 7)
            #expect(SocketOptions.value(accepted, CInt(IPPROTO_TCP), TCP_KEEPCNT) == 5)
            #expect(SocketOptions.value(accepted, CInt(IPPROTO_TCP), TCP_USER_TIMEOUT) == 43_210)
            peer.close()
        }
    }
}
