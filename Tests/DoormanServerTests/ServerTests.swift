import DoormanCore
import DoormanServer
import DoormanWire
import TestKit
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite("A running server")
struct ServerTests {
    @Test(
        "each outcome has its row of the failure contract",
        arguments: [
            ("rejected", Failure.tokenRejected, nil), ("unavailable", .providerUnavailable, nil),
            ("busy", .providerBusy, Duration.milliseconds(1500)),
        ] as [(String, Failure, Duration?)])
    func outcomes(token: String, failure: Failure, retryAfter: Duration?) async throws {
        let provider = ScriptedProvider.held()
        provider.release()
        try await withServer(provider) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify(token, streamID: 1))
            let response = try await peer.readFrame()
            #expect(response.failure == failure)
            #expect(response.status?.retryAfter == retryAfter)
        }
    }

    @Test("a later call can finish before an earlier one")
    func outOfOrder() async throws {
        let provider = ScriptedProvider.held()
        try await withServer(provider) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("new", streamID: 1) + Frames.verify("cached", streamID: 3))
            #expect(try await peer.readFrame().streamID == 3)
            provider.release()
            #expect(try await peer.readFrame().streamID == 1)
        }
    }

    @Test("a call whose deadline passes is cancelled")
    func deadline() async throws {
        let provider = ScriptedProvider.held()
        try await withServer(provider) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("new", streamID: 1, timeout: .milliseconds(50)))
            #expect(try await peer.readFrame().failure == .deadlineExceeded)
            try await eventually("the work is cancelled") { provider.cancelledCount == 1 }
        }
    }

    @Test("the work for a closed connection is cancelled")
    func clientLeaves() async throws {
        let provider = ScriptedProvider.held()
        try await withServer(provider) { server, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("new", streamID: 1))
            try await eventually("the provider request starts") { provider.callCount == 1 }
            try peer.reset()
            try await eventually("the work is cancelled") { provider.cancelledCount == 1 }
            try await eventually("the connection is removed") { server.connectionCount == 0 }
            #expect(provider.callCount == 1)
        }
    }

    @Test("a client that half-closed gets all its responses")
    func halfClosedClient() async throws {
        let provider = ScriptedProvider.held()
        try await withServer(provider) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("new", streamID: 1))
            try peer.halfClose()
            try await eventually("the provider request starts") { provider.callCount == 1 }
            provider.release()
            #expect(try await peer.readFrame().identity == .someone)
            #expect(try await peer.readUntilEnd().isEmpty)
        }
    }

    @Test(
        "a health check of a known service returns SERVING",
        arguments: ["", "doorman.v1.Auth", "doorman.v1.Accounts", "grpc.health.v1.Health"])
    func health(service: String) async throws {
        try await withServer { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.health(streamID: 1, service: service))
            #expect(try await peer.readFrame().servingStatus == .serving)
        }
    }

    @Test("a health check returns NOT_SERVING until the backend is ready, and calls are answered")
    func notReady() async throws {
        let provider = ScriptedProvider.held()
        provider.release()
        let backend = ScriptedBackend(provider)
        backend.isReady = false
        try await withServer(backend: backend) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.health(streamID: 1))
            #expect(try await peer.readFrame().servingStatus == .notServing)
            try await peer.send(Frames.health(streamID: 3, service: "doorman.v1.Auth"))
            #expect(try await peer.readFrame().servingStatus == .notServing)
            try await peer.send(Frames.health(streamID: 5, service: "doorman.v9.Auth"))
            #expect(try await peer.readFrame().failure == .serviceUnknown)
            try await peer.send(Frames.verify("new", streamID: 7))
            #expect(try await peer.readFrame().identity == .someone)
            backend.isReady = true
            try await peer.send(Frames.health(streamID: 9))
            #expect(try await peer.readFrame().servingStatus == .serving)
        }
    }

    @Test("a health check of an unknown service fails with NOT_FOUND", arguments: ["doorman.v9.Auth", "doorman.v1", "auth"])
    func healthOfUnknownService(service: String) async throws {
        try await withServer { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.health(streamID: 1, service: service))
            #expect(try await peer.readFrame().failure == .serviceUnknown)
        }
    }

    private static var socketPath: String { "/tmp/doorman-server-test-\(getpid())-\(UInt32.random(in: .min ... .max)).sock" }

    @Test("a server removes the file of its Unix socket at the end")
    func unixSocket() async throws {
        let path = Self.socketPath
        try await withServer(settings: { $0.unixSocketPath = path }) { _, _ in
            let peer = try RawPeer.connect(unixPath: path)
            try await peer.send(Frames.verify("cached", streamID: 1))
            #expect(try await peer.readFrame().identity == .someone)
        }
        #expect(unsafe access(path, F_OK) != 0)
    }

    @Test("a Unix socket with a listener can't be bound")
    func unixSocketInUse() async throws {
        let path = Self.socketPath
        try await withServer(settings: { $0.unixSocketPath = path }) { _, _ in
            await #expect(throws: CannotListen.self) { try await withServer(settings: { $0.unixSocketPath = path }) { _, _ in } }
            let peer = try RawPeer.connect(unixPath: path)
            try await peer.send(Frames.verify("cached", streamID: 1))
            #expect(try await peer.readFrame().identity == .someone)
        }
    }

    @Test("a stale socket file is replaced")
    func leftOverSocketFile() async throws {
        let (path, aside) = (Self.socketPath, Self.socketPath)
        try await withServer(settings: { $0.unixSocketPath = path }) { server, _ in
            #expect(unsafe rename(path, aside) == 0)
            try await withServer(settings: { $0.unixSocketPath = path }) { _, _ in
                await server.stop()
                let peer = try RawPeer.connect(unixPath: path)
                try await peer.send(Frames.verify("cached", streamID: 1))
                #expect(try await peer.readFrame().identity == .someone)
            }
        }
        // The file at `aside` is a socket without a listener.
        #expect(unsafe rename(aside, path) == 0)
        try await withServer(settings: { $0.unixSocketPath = path }) { _, _ in _ = try RawPeer.connect(unixPath: path) }
        #expect(unsafe access(path, F_OK) != 0)
    }

    @Test("a draining server finishes the calls in flight")
    func drain() async throws {
        let provider = ScriptedProvider.held()
        try await withServer(provider) { server, port in
            let busy = try RawPeer.connect(port: port)
            try await busy.send(Frames.verify("new", streamID: 1))
            let idle = try RawPeer.connect(port: port)
            try await idle.send(Frames.verify("cached", streamID: 1))
            #expect(try await idle.readFrame().identity == .someone)
            try await eventually("the provider request starts") { provider.callCount == 1 }

            async let drained: Void = server.drain()
            try await eventually("new calls get DRAINING") {
                try await busy.send(Frames.verify("cached", streamID: 3))
                return try await busy.readFrame().failure == .draining
            }
            try await busy.send(Frames.health(streamID: 5))
            #expect(try await busy.readFrame().servingStatus == .notServing)
            #expect(throws: (any Error).self) { try RawPeer.connect(port: port) }
            // The idle connection is half-closed after the quiet period, and closed when its peer closes.
            #expect(try await idle.readUntilEnd().isEmpty)
            idle.close()
            provider.release()
            let response = try await busy.readFrame()
            #expect(response.streamID == 1)
            #expect(response.identity == .someone)
            #expect(try await busy.readUntilEnd().isEmpty)
            busy.close()
            await drained
            try await eventually("both connections are closed") { server.connectionCount == 0 }
        }
    }

    @Test("connections that outlast the drain timeout are closed")
    func drainTimeout() async throws {
        let log = LogRecorder()
        let provider = ScriptedProvider.held()
        try await withServer(provider, log: log, settings: { $0.drainTimeout = .milliseconds(100) }) { server, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("new", streamID: 1))
            // A connection that is not accepted yet would be closed with its listener.
            try await eventually("the provider request starts") { provider.callCount == 1 }
            await server.drain()
            try await eventually("the connection is closed") { server.connectionCount == 0 }
            peer.close()
        }
        #expect(log.lines.contains { $0.contains("server.drain-timeout") })
    }

    @Test("an address in use can't be bound")
    func addressInUse() async throws {
        try await withServer { _, port in
            await #expect(throws: CannotListen.self) {
                try await withServer(settings: { $0.tcp = .init(host: "127.0.0.1", port: port) }) { _, _ in }
            }
        }
    }
}
