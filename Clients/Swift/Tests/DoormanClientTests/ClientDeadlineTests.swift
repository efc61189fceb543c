import DoormanClient
import DoormanWire
import TestKit
import Testing

@Suite("deadlines and cancellation", .timeLimit(.minutes(2)))
struct ClientDeadlineTests {
    /// A client that a slow machine does not make connect twice.
    private func steady(_ peer: ScriptedPeer) -> DoormanClient {
        var configuration = DoormanClientConfiguration()
        configuration.connectTimeout = .seconds(60)
        configuration.suspicionAfter = .seconds(60)
        return DoormanClient(target: peer.target, configuration: configuration)
    }

    /// How a call that can't succeed ends.
    private func failure(_ client: DoormanClient, timeout: Duration = .seconds(2)) async -> DoormanError? {
        await #expect(throws: DoormanError.self) { try await client.verify("EMAW1", timeout: timeout) }
    }

    @Test("a server that never answers costs the deadline, no more; its late answer is ignored")
    func neverAnswers() async throws {
        let peer = try ScriptedPeer()
        let client = steady(peer)
        let began = ContinuousClock.now
        let error = await failure(client)
        #expect(error?.kind == .unavailable(.deadlineExceeded))
        #expect(error?.isRetryable == true)
        #expect(ContinuousClock.now - began < .seconds(20))
        let connection = try await peer.accept()
        try await connection.answer(connection.nextCall(), "late")
        async let identity = client.verify("EMAW2", timeout: .seconds(60))
        try await connection.answer(connection.nextCall(), "2")
        #expect(try await identity.accountID == "2")
        await client.close()
    }

    @Test("the deadline covers connecting: a listener that accepts no connection and has a full backlog")
    func fullBacklog() async throws {
        let peer = try ScriptedPeer(backlog: 0)
        var configuration = DoormanClientConfiguration()
        configuration.timeout = .milliseconds(500)
        var clients: [DoormanClient] = []
        for _ in 0..<6 { clients.append(DoormanClient(target: peer.target, configuration: configuration)) }
        for client in clients {
            let error = await #expect(throws: DoormanError.self) { try await client.verify("EMAW1") }
            #expect(error?.kind == .unavailable(.deadlineExceeded))
        }
        for client in clients { await client.close() }
    }

    @Test("a port without a listener is told apart from one that is slow")
    func refused() async throws {
        let peer = try ScriptedPeer()
        let client = DoormanClient(target: peer.target)
        peer.close()
        let error = await failure(client)
        #expect(error?.kind == .unavailable(.unreachable))
        #expect(error?.isRetryable == true)
        #expect(error?.message.contains("127.0.0.1:\(try peer.port)") == true)
        #expect(error?.message.contains("refused") == true)
        await client.close()
    }

    @Test(
        "a socket file that does not exist is named as the cause",
        arguments: ["/nonexistent/doorman.sock", "/" + String(repeating: "x", count: 300)])
    func noSuchPlace(path: String) async {
        let client = DoormanClient(target: .unixSocket(path: path))
        let error = await failure(client)
        #expect(error?.kind == .unavailable(.unreachable))
        #expect(error?.message.contains("socket") == true)
        await client.close()
    }

    @Test("a call without time is not made")
    func noTime() async throws {
        let peer = try ScriptedPeer()
        let client = DoormanClient(target: peer.target)
        for timeout in [Duration.zero, .seconds(-1)] {
            #expect(await failure(client, timeout: timeout)?.kind == .unavailable(.deadlineExceeded))
        }
        #expect(try !peer.sawAnotherConnection())
        await client.close()
    }

    @Test("an exchange that ran out of time may have spent its code, so it is not retryable")
    func exchange() async throws {
        let peer = try ScriptedPeer()
        let client = steady(peer)
        async let identity = client.verify("EMAW1", timeout: .seconds(60))
        let connection = try await peer.accept()
        try await connection.answer(connection.nextCall(), "1")
        _ = try await identity
        let error = await #expect(throws: DoormanError.self) {
            try await client.exchange(AuthorizationCode("AQcode"), timeout: .seconds(1))
        }
        #expect(error?.kind == .unavailable(.deadlineExceeded))
        #expect(error?.isRetryable == false)
        await client.close()
    }

    @Test("a cancelled task is free at once, and the response to its call disturbs no other call")
    func cancellation() async throws {
        let peer = try ScriptedPeer()
        let client = steady(peer)
        let cancelled = Task { try await client.verify("EMAW1", timeout: .seconds(600)) }
        let connection = try await peer.accept()
        let call = try await connection.nextCall()
        cancelled.cancel()
        let error = await #expect(throws: DoormanError.self) { try await cancelled.value }
        #expect(error?.kind == .unavailable(.cancelled))
        try await connection.answer(call, "late")
        async let identity = client.verify("EMAW2", timeout: .seconds(60))
        try await connection.answer(connection.nextCall(), "2")
        #expect(try await identity.accountID == "2")
        await client.close()
    }

    @Test("a task that is cancelled before its call, or while it waits, is free at once too")
    func earlyCancellation() async throws {
        let peer = try ScriptedPeer()
        var configuration = DoormanClientConfiguration()
        configuration.maximumCallsInFlight = 1
        configuration.timeout = .seconds(600)
        configuration.connectTimeout = .seconds(60)
        let client = DoormanClient(target: peer.target, configuration: configuration)
        let holder = Task { try await client.verify("EMAW1") }
        let connection = try await peer.accept()
        let call = try await connection.nextCall()
        for _ in 0..<200 {
            let task = Task { try await client.verify("EMAW2") }
            if Bool.random() { await Task.yield() }
            task.cancel()
            let error = await #expect(throws: DoormanError.self) { try await task.value }
            #expect(error?.kind == .unavailable(.cancelled))
        }
        try await connection.answer(call, "1")
        #expect(try await holder.value.accountID == "1")
        #expect(try connection.callIfThere() == nil)
        await client.close()
    }

    @Test("one call too many fails at once")
    func queueLimit() async throws {
        let gone = try ScriptedPeer()
        gone.close()
        var configuration = DoormanClientConfiguration()
        configuration.maximumWaitingCalls = 2
        configuration.timeout = .seconds(600)
        configuration.connectTimeout = .seconds(60)
        let client = DoormanClient(target: gone.target, configuration: configuration)
        let tasks = (0..<10).map { number in Task { try await client.verify("EMAW\(number)") } }
        let errors = OutcomeCounts()
        for task in tasks {
            Task {
                do { _ = try await task.value } catch let error as DoormanError { await errors.add(error.kind) }
            }
        }
        try await eventually("eight fail at once") { await errors.count(of: .unavailable(.tooManyWaiting)) == 8 }
        await client.close()
        try await eventually("two end with the client") { await errors.count(of: .unavailable(.clientClosed)) == 2 }
        #expect(await errors.count(of: .unavailable(.tooManyWaiting)) == 8)
    }

    @Test("calls that timed out while they waited do not count towards the limit")
    func queueOfTheLate() async throws {
        let gone = try ScriptedPeer()
        gone.close()
        var configuration = DoormanClientConfiguration()
        configuration.maximumWaitingCalls = 2
        let client = DoormanClient(target: gone.target, configuration: configuration)
        for number in 0..<5 {
            let error = await #expect(throws: DoormanError.self) {
                try await client.verify("EMAW\(number)", timeout: .milliseconds(20))
            }
            #expect(error?.kind != .unavailable(.tooManyWaiting))
        }
        await client.close()
    }
}
