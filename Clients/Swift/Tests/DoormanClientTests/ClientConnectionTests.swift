import DoormanWire
import Glibc
import Logging
import NIOCore
import TestKit
import Testing

@testable import DoormanClient

@Suite("the connection of a client", .timeLimit(.minutes(2)))
struct ClientConnectionTests {
    /// Returns a client with the patient configuration.
    private func patient(_ peer: ScriptedPeer, _ change: (inout DoormanClientConfiguration) -> Void = { _ in }) -> DoormanClient {
        var configuration = DoormanClientConfiguration.patient
        change(&configuration)
        return DoormanClient(target: peer.target, configuration: configuration)
    }

    /// Makes a call that succeeds, so that the connection is proven.
    private func prove(_ client: DoormanClient, _ peer: ScriptedPeer) async throws -> PeerConnection {
        async let identity = client.verify("EMAWfirst")
        let connection = try await peer.accept()
        try await connection.answer(connection.nextCall(), "first")
        #expect(try await identity.accountID == "first")
        return connection
    }

    @Test("a TCP connection has TCP_NODELAY, so that a small request is sent at once")
    func noDelay() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        let connection = try await prove(client, peer)
        let socket = try #require(SocketOptions.descriptor(connectedTo: Int(try peer.port)))
        #expect(SocketOptions.value(socket, CInt(IPPROTO_TCP), TCP_NODELAY) == 1)
        await client.close()
        try await connection.clientCloses()
    }

    @Test("a draining server loses no call")
    func draining() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        let old = try await prove(client, peer)
        async let slow = client.verify("EMAWslow")
        let slowCall = try await old.nextCall()
        async let code = client.exchange(AuthorizationCode("AQcode"))
        let refusedCall = try await old.nextCall()
        try await old.answer(refusedCall, FailureResponse(.draining, "shutting down"))

        let new = try await peer.accept()
        let again = try await new.nextCall()
        #expect(again.method == .exchange && again.secret == "AQcode")
        try await new.answer(again, ResponseEncoder.encode(.issued(Token("EMAWnew"), nil)))
        #expect(try await code.token == Token("EMAWnew"))
        #expect(try old.callIfThere() == nil)

        try await old.answer(slowCall, "slow")
        #expect(try await slow.accountID == "slow")
        try await old.clientCloses()
        await client.close()
    }

    @Test("a call fails after five attempts at draining servers")
    func alwaysDraining() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        let call = Task { try await client.verify("EMAW1") }
        for _ in 0..<5 {
            let connection = try await peer.accept()
            try await connection.answer(connection.nextCall(), FailureResponse(.draining, "shutting down"))
            try await connection.clientCloses()
        }
        let error = await #expect(throws: DoormanError.self) { try await call.value }
        #expect(error?.kind == .unavailable(.draining))
        await client.close()
    }

    @Test("a verify is retried after a lost connection, an exchange is not")
    func lostConnection() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        let old = try await prove(client, peer)
        async let identity = client.verify("EMAW1")
        _ = try await old.nextCall()
        let exchange = Task { try await client.exchange(AuthorizationCode("AQcode")) }
        _ = try await old.nextCall()
        old.close()

        let new = try await peer.accept()
        let again = try await new.nextCall()
        #expect(again.secret == "EMAW1")
        try await new.answer(again, "1")
        #expect(try await identity.accountID == "1")
        let error = await #expect(throws: DoormanError.self) { try await exchange.value }
        #expect(error?.kind == .unavailable(.connectionLost))
        #expect(error?.isRetryable == false)
        #expect(try new.callIfThere() == nil)
        await client.close()
    }

    @Test("a call succeeds if its server starts before the deadline")
    func lateServer() async throws {
        let path = "/tmp/doorman-late-\(UInt64.random(in: 0...(.max))).sock"
        defer { removeFile(path) }
        let recorder = LogRecorder()
        var logger = Logger(label: "test") { _ in recorder }
        logger.logLevel = .debug
        let client = DoormanClient(target: .unixSocket(path: path), configuration: .patient, logger: logger)
        async let identity = client.verify("EMAW1")
        try await eventually("a connection has failed") { recorder.lines.contains { $0.hasPrefix("debug cannot connect ") } }
        let peer = try ScriptedPeer(path: path)
        let connection = try await peer.accept()
        try await connection.answer(connection.nextCall(), "1")
        #expect(try await identity.accountID == "1")
        await client.close()
    }

    @Test("a call survives a server that accepts and closes connections")
    func acceptAndClose() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        async let identity = client.verify("EMAW1")
        for _ in 0..<3 {
            let connection = try await peer.accept()
            connection.close()
        }
        let connection = try await peer.accept()
        try await connection.answer(connection.nextCall(), "1")
        #expect(try await identity.accountID == "1")
        await client.close()
    }

    enum MalformedFrame: CaseIterable {
        case http, tooLong, unknownStream, wrongMessage

        func bytes(_ connection: PeerConnection, _ id: StreamID) -> [UInt8] {
            switch self {
            case .http: Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)
            case .tooLong: [0, 0xff, 0xff, 0xff, 0, 0, 0, 1, 2, 0]
            case .unknownStream: connection.frame(StreamID(999), [])
            case .wrongMessage: connection.frame(id, [0xff, 0xff, 0xff])
            }
        }
    }

    @Test("a malformed frame ends calls without a verdict", arguments: MalformedFrame.allCases)
    func malformed(_ frame: MalformedFrame) async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        let call = Task { try await client.verify("EMAW1") }
        let connection = try await peer.accept()
        let received = try await connection.nextCall()
        try await connection.send(frame.bytes(connection, received.streamID))
        let error = await #expect(throws: DoormanError.self) { try await call.value }
        #expect(error?.kind == .unavailable(.protocolViolation))
        #expect(error?.isRetryable == false)
        if frame != .wrongMessage { try await connection.clientCloses() }
        await client.close()
    }

    @Test("a response that is too long ends its own call only")
    func oversized() async throws {
        let peer = try ScriptedPeer()
        var configuration = DoormanClientConfiguration.patient
        configuration.maximumResponseBytes = 65_536
        let client = DoormanClient(target: peer.target, configuration: configuration)
        let connection = try await prove(client, peer)
        let long = Task { try await client.verify("EMAW1") }
        let longCall = try await connection.nextCall()
        let exchange = Task { try await client.exchange(AuthorizationCode("AQcode")) }
        let other = try await connection.nextCall()
        try await connection.send(connection.frame(longCall.streamID, [UInt8](repeating: 0, count: 65_537)))
        let error = await #expect(throws: DoormanError.self) { try await long.value }
        #expect(error?.kind == .unavailable(.protocolViolation))
        #expect(error?.message.contains("maximumResponseBytes (65536)") == true)
        #expect(error?.isRetryable == false)
        try await connection.answer(other, FailureResponse(.tokenRejected, "used"))
        let rejected = await #expect(throws: DoormanError.self) { try await exchange.value }
        #expect(rejected?.kind == .rejected(.tokenRejected))
        await client.close()
    }

    @Test(
        "a silent server keeps its calls if it responds to a health check",
        arguments: [nil, .callerNotAllowed, .tooManyCallsPerSecond, .unimplemented] as [Failure?])
    func slowProvider(failure: Failure?) async throws {
        let peer = try ScriptedPeer()
        let time = SteppedTime()
        var configuration = DoormanClientConfiguration.patient
        configuration.suspicionAfter = .milliseconds(20)
        let client = DoormanClient([peer.target], time: time, configuration: configuration)
        let connection = try await prove(client, peer)
        connection.answersPings = false
        async let identity = client.verify("EMAW1")
        let call = try await connection.nextCall()
        for _ in 0..<3 {
            try await time.advance(by: .milliseconds(20))
            let ping = try await connection.nextCall()
            #expect(ping.method == .healthCheck)
            let failed = failure.map { ResponseEncoder.encode(FailureResponse($0, "no")) }
            try await connection.answer(ping, failed ?? ResponseEncoder.encode(ServingStatus.serving))
            try await eventually("it takes calls again") {
                try await client.eventLoop.submit { [dispatcher = client.dispatcher] in !dispatcher.value.ready.isEmpty }.get()
            }
        }
        try await connection.answer(call, "1")
        #expect(try await identity.accountID == "1")
        #expect(try !peer.sawAnotherConnection())
        await client.close()
    }

    @Test("a hung server gets its calls back after a health check on a new connection")
    func hung() async throws {
        let peer = try ScriptedPeer()
        let time = SteppedTime()
        var configuration = DoormanClientConfiguration.patient
        configuration.suspicionAfter = .milliseconds(20)
        configuration.pingTimeout = .milliseconds(20)
        let client = DoormanClient([peer.target], time: time, configuration: configuration)
        let old = try await prove(client, peer)
        old.answersPings = false
        async let identity = client.verify("EMAW1")
        _ = try await old.nextCall()
        try await time.advance(by: .milliseconds(20))
        #expect(try await old.nextCall().method == .healthCheck)
        // The health check is found late twice. Then the back-off ends.
        try await time.advance(by: .milliseconds(30) + configuration.firstBackoff)

        let new = try await peer.accept()
        new.answersPings = false
        let ping = try await new.nextCall()
        #expect(ping.method == .healthCheck)
        try await new.answer(ping, ResponseEncoder.encode(ServingStatus.serving))
        let again = try await new.nextCall()
        #expect(again.secret == "EMAW1")
        try await new.answer(again, "1")
        #expect(try await identity.accountID == "1")
        try await old.clientCloses()
        await client.close()
    }

    @Test("an idle connection is closed until the next call")
    func idle() async throws {
        let peer = try ScriptedPeer()
        let time = SteppedTime()
        var configuration = DoormanClientConfiguration.patient
        configuration.idleTimeout = .seconds(10)
        let client = DoormanClient([peer.target], time: time, configuration: configuration)
        let old = try await prove(client, peer)
        try await time.advance(by: .seconds(11))
        try await old.clientCloses()
        #expect(try !peer.sawAnotherConnection())
        _ = try await prove(client, peer)
        await client.close()
    }

    @Test("a server that is not serving gets no further calls")
    func notServing() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        async let health = client.health()
        let old = try await peer.accept()
        old.answersPings = false
        try await old.answer(old.nextCall(), ResponseEncoder.encode(ServingStatus.notServing))
        #expect(try await health == .notServing)
        try await old.clientCloses()
        _ = try await prove(client, peer)
        await client.close()
    }

    @Test("a closed client ends its calls")
    func close() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        let call = Task { try await client.verify("EMAW1") }
        let connection = try await peer.accept()
        _ = try await connection.nextCall()
        await client.close()
        let error = await #expect(throws: DoormanError.self) { try await call.value }
        #expect(error?.kind == .unavailable(.clientClosed))
        let later = await #expect(throws: DoormanError.self) { try await client.verify("EMAW2") }
        #expect(later?.kind == .unavailable(.clientClosed))
        try await connection.clientCloses()
        await client.close()
    }

    @Test("a client that is deallocated closes its connection")
    func deallocation() async throws {
        let peer = try ScriptedPeer()
        var client: DoormanClient? = patient(peer)
        let connection = try await prove(try #require(client), peer)
        client = nil
        try await connection.clientCloses()
    }

    @Test("withDoormanClient closes the client when its body throws")
    func scoped() async throws {
        struct Stop: Error {}
        let peer = try ScriptedPeer()
        await #expect(throws: Stop.self) {
            try await withDoormanClient(target: peer.target, configuration: .patient) { client in
                async let identity = client.verify("EMAW1")
                let connection = try await peer.accept()
                try await connection.answer(connection.nextCall(), "1")
                #expect(try await identity.accountID == "1")
                throw Stop()
            }
        }
    }
}
