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
        "answers each outcome with its row of the contract",
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
            let answer = try await peer.readFrame()
            #expect(answer.failure == failure)
            #expect(answer.status?.retryAfter == retryAfter)
        }
    }

    @Test("answers later calls while an earlier one waits")
    func outOfOrder() async throws {
        let provider = ScriptedProvider.held()
        try await withServer(provider) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("new", streamID: 1) + Frames.verify("remembered", streamID: 3))
            #expect(try await peer.readFrame().streamID == 3)
            provider.release()
            #expect(try await peer.readFrame().streamID == 1)
        }
    }

    @Test("answers a call whose deadline passes, and tells whoever works on it to stop")
    func deadline() async throws {
        let provider = ScriptedProvider.held()
        try await withServer(provider) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("new", streamID: 1, timeout: .milliseconds(50)))
            #expect(try await peer.readFrame().failure == .deadlineExceeded)
            try await eventually("the work is cancelled") { provider.cancelled == 1 }
        }
    }

    @Test("stops working for a client that is gone")
    func clientLeaves() async throws {
        let provider = ScriptedProvider.held()
        try await withServer(provider) { server, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("new", streamID: 1))
            try await eventually("the provider is asked") { provider.asked == 1 }
            try peer.reset()
            try await eventually("the work is cancelled") { provider.cancelled == 1 }
            try await eventually("the connection is forgotten") { server.connectionCount == 0 }
            #expect(provider.asked == 1)
        }
    }

    @Test("answers everything to a client that has closed its side already")
    func halfClosedClient() async throws {
        let provider = ScriptedProvider.held()
        try await withServer(provider) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("new", streamID: 1))
            try peer.halfClose()
            try await eventually("the provider is asked") { provider.asked == 1 }
            provider.release()
            #expect(try await peer.readFrame().identity == .someone)
            #expect(try await peer.readUntilEnd().isEmpty)
        }
    }

    @Test("says whether it serves", arguments: ["", "doorman.v1.Auth", "doorman.v1.Accounts", "grpc.health.v1.Health"])
    func health(service: String) async throws {
        try await withServer { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.health(streamID: 1, service: service))
            #expect(try await peer.readFrame().servingStatus == .serving)
        }
    }

    @Test("finds no health of what it does not have", arguments: ["doorman.v9.Auth", "doorman.v1", "auth"])
    func healthOfNothing(service: String) async throws {
        try await withServer { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.health(streamID: 1, service: service))
            #expect(try await peer.readFrame().failure == .serviceUnknown)
        }
    }

    private static var socketPath: String { "/tmp/doorman-server-test-\(getpid())-\(UInt32.random(in: .min ... .max)).sock" }

    @Test("serves a Unix socket, and removes its file")
    func unixSocket() async throws {
        let path = Self.socketPath
        try await withServer(settings: { $0.unixSocketPath = path }) { _, _ in
            let peer = try RawPeer.connect(unixPath: path)
            try await peer.send(Frames.verify("remembered", streamID: 1))
            #expect(try await peer.readFrame().identity == .someone)
            // Nobody takes the place of a server that lives.
            await #expect(throws: CannotListen.self) { try await withServer(settings: { $0.unixSocketPath = path }) { _, _ in } }
        }
        #expect(unsafe access(path, F_OK) != 0)
    }

    @Test("takes the place of a file that a killed server left, and leaves its successor's file alone")
    func leftOverSocketFile() async throws {
        let (path, aside) = (Self.socketPath, Self.socketPath)
        try await withServer(settings: { $0.unixSocketPath = path }) { server, _ in
            #expect(unsafe rename(path, aside) == 0)
            try await withServer(settings: { $0.unixSocketPath = path }) { _, _ in
                await server.stop()
                let peer = try RawPeer.connect(unixPath: path)
                try await peer.send(Frames.verify("remembered", streamID: 1))
                #expect(try await peer.readFrame().identity == .someone)
            }
        }
        // What lies aside is a socket's file that nobody listens on.
        #expect(unsafe rename(aside, path) == 0)
        try await withServer(settings: { $0.unixSocketPath = path }) { _, _ in _ = try RawPeer.connect(unixPath: path) }
        #expect(unsafe access(path, F_OK) != 0)
    }

    @Test("drains: finishes what is in flight, answers DRAINING and NOT_SERVING meanwhile, closes, and takes nobody new")
    func drain() async throws {
        let provider = ScriptedProvider.held()
        try await withServer(provider) { server, port in
            let busy = try RawPeer.connect(port: port)
            try await busy.send(Frames.verify("new", streamID: 1))
            let idle = try RawPeer.connect(port: port)
            try await idle.send(Frames.verify("remembered", streamID: 1))
            #expect(try await idle.readFrame().identity == .someone)
            try await eventually("the provider is asked") { provider.asked == 1 }

            async let drained: Void = server.drain()
            try await eventually("new calls are told") {
                try await busy.send(Frames.verify("remembered", streamID: 3))
                return try await busy.readFrame().failure == .draining
            }
            try await busy.send(Frames.health(streamID: 5))
            #expect(try await busy.readFrame().servingStatus == .notServing)
            #expect(throws: (any Error).self) { try RawPeer.connect(port: port) }
            // The idle one is half-closed after its quiet time, and gone when its peer closes.
            #expect(try await idle.readUntilEnd().isEmpty)
            idle.close()
            provider.release()
            let answer = try await busy.readFrame()
            #expect(answer.streamID == 1)
            #expect(answer.identity == .someone)
            #expect(try await busy.readUntilEnd().isEmpty)
            busy.close()
            await drained
            try await eventually("both connections are gone") { server.connectionCount == 0 }
        }
    }

    @Test("cuts off what does not end within the drain time-out")
    func drainTimeout() async throws {
        let log = LogRecorder()
        let provider = ScriptedProvider.held()
        try await withServer(provider, log: log, settings: { $0.drainTimeout = .milliseconds(100) }) { server, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("new", streamID: 1))
            // One that is only being accepted goes with its listener.
            try await eventually("the provider is asked") { provider.asked == 1 }
            await server.drain()
            try await eventually("the connection is gone") { server.connectionCount == 0 }
            peer.close()
        }
        #expect(log.lines.contains { $0.contains("server.drain-timeout") })
    }

    @Test("says which address can't be listened on")
    func addressInUse() async throws {
        try await withServer { _, port in
            await #expect(throws: CannotListen.self) {
                try await withServer(settings: { $0.tcp = .init(host: "127.0.0.1", port: port) }) { _, _ in }
            }
        }
    }
}
