import DoormanWire
import TestKit
import Testing

@testable import DoormanClient

@Suite("deadlines and cancellation", .timeLimit(.minutes(2)))
struct ClientDeadlineTests {
    /// Returns the error of a call that can't connect.
    private func connectError(_ target: DoormanTarget) async throws -> DoormanError? {
        let time = SteppedTime()
        let client = DoormanClient([target], time: time)
        let call = Task { try await client.verify("EMAW1", timeout: .seconds(2)) }
        try await client.hasFailedToConnect()
        try await time.advance(by: .seconds(2))
        let error = await #expect(throws: DoormanError.self) { try await call.value }
        await client.close()
        return error
    }

    @Test("a call without a response ends at its deadline")
    func neverAnswers() async throws {
        let peer = try ScriptedPeer()
        let time = SteppedTime()
        let client = DoormanClient([peer.target], time: time)
        let outcomes = CallOutcomes()
        try client.verify(Token("EMAW1"), timeout: .seconds(2)) { outcomes.add($0) }
        let connection = try await peer.accept()
        let call = try await connection.nextCall()
        try await time.advance(by: .milliseconds(1999))
        #expect(outcomes.ended == 0)
        try await time.advance(by: .milliseconds(1))
        try await eventually("the call ends") { outcomes.ended == 1 }
        #expect(outcomes.errors.map(\.kind) == [.unavailable(.deadlineExceeded)])
        #expect(outcomes.errors.first?.isRetryable == true)
        try await connection.answer(call, "late")
        async let identity = client.verify("EMAW2", timeout: .seconds(60))
        try await connection.answer(connection.nextCall(), "2")
        #expect(try await identity.accountID == "2")
        await client.close()
    }

    @Test("the deadline covers connecting to a listener with a full backlog")
    func fullBacklog() async throws {
        let peer = try ScriptedPeer(backlog: 0)
        var clients: [DoormanClient] = []
        // The backlog accepts the connections of the first clients.
        for _ in 0..<6 {
            let time = SteppedTime()
            let client = DoormanClient([peer.target], time: time)
            let call = Task { try await client.verify("EMAW1", timeout: .milliseconds(500)) }
            try await client.hasLiveCalls(1)
            try await time.advance(by: .milliseconds(500))
            let error = await #expect(throws: DoormanError.self) { try await call.value }
            #expect(error?.kind == .unavailable(.deadlineExceeded))
            clients.append(client)
        }
        for client in clients { await client.close() }
    }

    @Test("a port without a listener is unreachable, not slow")
    func refused() async throws {
        let peer = try ScriptedPeer()
        peer.close()
        let error = try await connectError(peer.target)
        #expect(error?.kind == .unavailable(.unreachable))
        #expect(error?.isRetryable == true)
        #expect(error?.message.contains("127.0.0.1:\(try peer.port)") == true)
        #expect(error?.message.contains("refused") == true)
    }

    @Test(
        "the error of a missing socket file names the cause",
        arguments: ["/nonexistent/doorman.sock", "/" + String(repeating: "x", count: 300)])
    func noSuchSocket(path: String) async throws {
        let error = try await connectError(.unixSocket(path: path))
        #expect(error?.kind == .unavailable(.unreachable))
        #expect(error?.message.contains("socket") == true)
    }

    @Test("a call without time left is not sent")
    func noTime() async throws {
        let peer = try ScriptedPeer()
        let client = DoormanClient(target: peer.target)
        for timeout in [Duration.zero, .seconds(-1)] {
            let error = await #expect(throws: DoormanError.self) { try await client.verify("EMAW1", timeout: timeout) }
            #expect(error?.kind == .unavailable(.deadlineExceeded))
        }
        #expect(try !peer.sawAnotherConnection())
        await client.close()
    }

    @Test("an exchange is not retryable after its deadline")
    func exchange() async throws {
        let peer = try ScriptedPeer()
        let time = SteppedTime()
        let client = DoormanClient([peer.target], time: time)
        let call = Task { try await client.exchange(AuthorizationCode("AQcode"), timeout: .seconds(1)) }
        let connection = try await peer.accept()
        _ = try await connection.nextCall()
        try await time.advance(by: .seconds(1))
        let error = await #expect(throws: DoormanError.self) { try await call.value }
        #expect(error?.kind == .unavailable(.deadlineExceeded))
        #expect(error?.isRetryable == false)
        await client.close()
    }

    @Test("a late response to a cancelled call reaches no other call")
    func cancellation() async throws {
        let peer = try ScriptedPeer()
        let client = DoormanClient([peer.target], time: SteppedTime())
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

    @Test("a task that is cancelled early ends at once")
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

    @Test("a call above the limit on waiting calls fails at once")
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
        try await eventually("eight calls fail") { await errors.count(of: .unavailable(.tooManyWaiting)) == 8 }
        await client.close()
        try await eventually("two calls end with the client") { await errors.count(of: .unavailable(.clientClosed)) == 2 }
        #expect(await errors.count(of: .unavailable(.tooManyWaiting)) == 8)
    }

    @Test("calls that timed out do not count towards the limit on waiting calls")
    func queueOfTheLate() async throws {
        let gone = try ScriptedPeer()
        gone.close()
        var configuration = DoormanClientConfiguration()
        configuration.maximumWaitingCalls = 2
        let time = SteppedTime()
        let client = DoormanClient([gone.target], time: time, configuration: configuration)
        for number in 0..<5 {
            let call = Task { try await client.verify("EMAW\(number)", timeout: .milliseconds(20)) }
            try await client.hasLiveCalls(1)
            try await time.advance(by: .milliseconds(20))
            let error = await #expect(throws: DoormanError.self) { try await call.value }
            #expect(error?.kind != .unavailable(.tooManyWaiting))
        }
        await client.close()
    }
}
