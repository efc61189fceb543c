import Dispatch
import DoormanCore
import DoormanWire
import MetricsTestKit
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestKit
import Testing

@testable import DoormanClient

@Suite("calls that end with completions", .timeLimit(.minutes(2)))
struct ClientCompletionTests {
    typealias Outcome = Result<Identity, DoormanError>

    /// Each call of a completion: the outcome and the event loop.
    private final class Outcomes: Sendable {
        private let all = NIOLockedValueBox<[(outcome: Outcome, loop: ObjectIdentifier?)]>([])

        func note(_ outcome: Outcome) {
            all.withLockedValue { $0.append((outcome, MultiThreadedEventLoopGroup.currentEventLoop.map { ObjectIdentifier($0) })) }
        }

        var count: Int { all.withLockedValue(\.count) }
        var accounts: [String] { all.withLockedValue { $0.compactMap { try? $0.outcome.get().accountID } } }
        var loops: Set<ObjectIdentifier?> { all.withLockedValue { Set($0.map(\.loop)) } }
        var errors: [DoormanError.Kind] {
            all.withLockedValue { $0.compactMap { if case .failure(let error) = $0.outcome { error.kind } else { nil } } }
        }
    }

    /// Blocks a client's thread.
    private struct OccupiedThread {
        private let end = DispatchSemaphore(value: 0)

        init(_ eventLoop: any EventLoop) {
            eventLoop.execute { [end] in end.wait() }
        }

        func free() { end.signal() }
    }

    @Test("each completion is called once on the client's thread")
    func answers() async throws {
        let peer = try RespondingPeer()
        let client = DoormanClient(target: peer.target, configuration: .patient)
        let outcomes = Outcomes()
        let tokens = (0..<1000).map { "EMAW\($0)" }
        for token in tokens {
            try client.verify(Token(token)) { outcome in
                #expect((try? outcome.get())?.accountID == token)
                outcomes.note(outcome)
            }
        }
        try await eventually("all have ended") { outcomes.count >= tokens.count }
        await client.close()
        #expect(outcomes.count == tokens.count && Set(outcomes.accounts) == Set(tokens))
        #expect(outcomes.loops.count == 1 && !outcomes.loops.contains(nil))
    }

    @Test("a completion can make a call")
    func chain() async throws {
        let peer = try RespondingPeer()
        let client = DoormanClient(target: peer.target, configuration: .patient)
        let outcomes = Outcomes()
        @Sendable func call(_ number: Int) throws {
            try client.verify(Token("EMAW\(number)")) { outcome in
                outcomes.note(outcome)
                if number < 100 { #expect(throws: Never.self) { try call(number + 1) } }
            }
        }
        try call(1)
        try await eventually("the last has ended") { outcomes.count >= 100 }
        #expect(outcomes.accounts == (1...100).map { "EMAW\($0)" })
        await client.close()
    }

    @Test("a rejection and an outage reach the completion as different errors")
    func failures() async throws {
        let peer = try ScriptedPeer()
        var configuration = DoormanClientConfiguration.patient
        configuration.maximumAttempts = 1
        let client = DoormanClient(target: peer.target, configuration: configuration)
        let outcomes = Outcomes()
        try client.verify(Token("EMAW1"), maxAge: .seconds(30), applicationID: "5432", timeout: .seconds(50)) { outcomes.note($0) }
        let connection = try await peer.accept()
        var call = try await connection.nextCall()
        #expect(call.secret == "EMAW1" && call.applicationID == "5432" && call.maxAgeSeconds == 30)
        #expect(call.timeout.map { $0 > .seconds(20) && $0 <= .seconds(50) } == true)
        try await connection.answer(call, .init(.tokenRejected, "unknown token"))
        try client.verify(Token("EMAW2")) { outcomes.note($0) }
        call = try await connection.nextCall()
        try await connection.answer(call, .init(.providerUnavailable, "no way to the provider"))
        try await eventually("both have ended") { outcomes.count == 2 }
        #expect(outcomes.errors == [.rejected(.tokenRejected), .unavailable(.providerUnavailable)])
        await client.close()
    }

    @Test("a call without a response ends by its deadline or with the client")
    func ends() async throws {
        let peer = try RespondingPeer()
        let time = SteppedTime()
        let client = DoormanClient([peer.target], time: time)
        peer.behave(.hung)
        let outcomes = Outcomes()
        try client.verify(Token("EMAWlate"), timeout: .milliseconds(50)) { outcomes.note($0) }
        try await eventually("the call is made") { peer.calls.contains("EMAWlate") }
        try await time.advance(by: .milliseconds(50))
        try await eventually("it has ended") { outcomes.count == 1 }
        try client.verify(Token("EMAWclosed")) { outcomes.note($0) }
        try await eventually("the call is made") { peer.calls.contains("EMAWclosed") }
        await client.close()
        try await eventually("it has ended") { outcomes.count == 2 }
        try client.verify(Token("EMAWafter")) { outcomes.note($0) }
        try await client.hasLiveCalls(0)
        try await time.advance(by: .milliseconds(1))
        try await eventually("the later call has ended") { outcomes.count == 3 }
        let error = #expect(throws: DoormanError.self) {
            try client.verify(Token("EMAWnul"), applicationID: "54\u{0}32") { outcomes.note($0) }
        }
        #expect(error?.kind == .unavailable(.malformedRequest))
        #expect(
            outcomes.errors == [.unavailable(.deadlineExceeded), .unavailable(.clientClosed), .unavailable(.clientClosed)])
    }

    @Test("a call above the limit on waiting calls throws")
    func bound() async throws {
        let peer = try RespondingPeer()
        var configuration = DoormanClientConfiguration.patient
        configuration.maximumWaitingCalls = 3
        let metrics = TestMetrics()
        let client = DoormanClient(
            targets: [peer.target], configuration: configuration, environment: .init(metricsFactory: metrics))
        let outcomes = Outcomes()
        let thread = OccupiedThread(client.eventLoop)
        // Clients of other tests use this thread too.
        defer { thread.free() }
        for number in 1...3 { try client.verify(Token("EMAW\(number)")) { outcomes.note($0) } }
        let error = #expect(throws: DoormanError.self) { try client.verify(Token("EMAW4")) { outcomes.note($0) } }
        #expect(error?.kind == .unavailable(.tooManyWaiting) && error?.isRetryable == true)
        #expect(error?.message.contains("3 calls wait already; maximumWaitingCalls limits them") == true)
        thread.free()
        let labels = [("method", "Verify"), ("outcome", "CLIENT_QUEUE_FULL")]
        #expect(try metrics.expectCounter("doorman_client_calls_total", labels).totalValue == 1)
        try await eventually("the calls before it have ended") { outcomes.count == 3 }
        try client.verify(Token("EMAW5")) { outcomes.note($0) }
        try await eventually("there is room again") { outcomes.count == 4 }
        #expect(outcomes.accounts.sorted() == ["EMAW1", "EMAW2", "EMAW3", "EMAW5"])
        await client.close()
    }

    @Test("the limit on waiting calls covers near cache hits")
    func nearCacheBound() async throws {
        let peer = try ScriptedPeer()
        var configuration = DoormanClientConfiguration.patientWithNearCache
        configuration.maximumWaitingCalls = 3
        let client = DoormanClient(target: peer.target, configuration: configuration)
        _ = try await NearCacheFill(client, Token("EMAW1"), account: "1011", from: peer)
        let outcomes = Outcomes()
        let thread = OccupiedThread(client.eventLoop)
        // Clients of other tests use this thread too.
        defer { thread.free() }
        for _ in 1...3 { try client.verify(Token("EMAW1")) { outcomes.note($0) } }
        let error = #expect(throws: DoormanError.self) { try client.verify(Token("EMAW1")) { outcomes.note($0) } }
        #expect(error?.kind == .unavailable(.tooManyWaiting))
        thread.free()
        try await eventually("the calls before it have ended") { outcomes.accounts == ["1011", "1011", "1011"] }
        await client.close()
    }

    @Test("each completion is called once when calls move to another server")
    func moves() async throws {
        let (first, second) = (try RespondingPeer(), try RespondingPeer())
        let client = DoormanClient(targets: [first.target, second.target], configuration: .patient)
        let outcomes = Outcomes()
        for (behaviour, round) in zip([RespondingPeer.Behaviour.serving, .draining, .serving, .dropping], 1...) {
            first.behave(behaviour)
            for number in 0..<50 { try client.verify(Token("EMAW\(round)-\(number)")) { outcomes.note($0) } }
            try await eventually("this round has ended") { outcomes.count >= round * 50 }
        }
        await client.close()
        #expect(outcomes.count == 200 && Set(outcomes.accounts).count == 200)
    }

    @Test("a completion that retries at once does not starve the thread")
    func persistence() async throws {
        let client = DoormanClient(targets: [])
        let outcomes = Outcomes()
        @Sendable func call() throws {
            try client.verify(Token("EMAW1")) { outcome in
                outcomes.note(outcome)
                if outcomes.count < 100 { #expect(throws: Never.self) { try call() } }
            }
        }
        try call()
        await client.close()
        try await eventually("it has tried a hundred times") { outcomes.count == 100 }
        #expect(Set(outcomes.errors).isSubset(of: [.unavailable(.unreachable), .unavailable(.clientClosed)]))
    }

    @Test("the completion of a near cache hit is called after the call has returned")
    func nearCache() async throws {
        let peer = try ScriptedPeer()
        let client = DoormanClient(target: peer.target, configuration: .patientWithNearCache)
        _ = try await NearCacheFill(client, Token("EMAW1"), account: "1011", from: peer)
        let outcomes = Outcomes()
        try await client.eventLoop.submit {
            try client.verify(Token("EMAW1")) { outcomes.note($0) }
            #expect(outcomes.count == 0)
        }.get()
        try await eventually("it has ended") { outcomes.count == 1 }
        #expect(outcomes.accounts == ["1011"])
        #expect(outcomes.loops == [ObjectIdentifier(client.eventLoop)])
        await client.close()
    }

    @Test("the calls of one turn of the event loop leave on one connection")
    func collecting() async throws {
        let peer = try ScriptedPeer()
        var configuration = DoormanClientConfiguration.patient
        configuration.connectionsPerServer = 3
        let client = DoormanClient(target: peer.target, configuration: configuration)
        try client.verify(Token("EMAW0")) { _ in }
        let connections = [try await peer.accept(), try await peer.accept(), try await peer.accept()]
        try await eventually("all are ready") {
            try await client.eventLoop.submit { client.dispatcher.value.ready.count == 3 }.get()
        }
        try await eventually("the first call has come") { try connections.contains { try $0.callIfThere() != nil } }
        var used: Set<Int> = []
        try await eventually("each has been used") {
            try await client.eventLoop.submit { for number in 1...10 { try client.verify(Token("EMAW\(number)")) { _ in } } }.get()
            var counts = [0, 0, 0]
            try await eventually("the calls have come") {
                for (index, connection) in connections.enumerated() {
                    while try connection.callIfThere() != nil { counts[index] += 1 }
                }
                return counts.reduce(0, +) == 10
            }
            #expect(counts.max() == 10, "\(counts)")
            used.insert(counts.firstIndex(of: 10) ?? -1)
            return used == [0, 1, 2]
        }
        await client.close()
    }

    @Test("of many calls in one turn the first are written early unless the server is busy")
    func leavingEarly() async throws {
        let peer = try ScriptedPeer()
        var configuration = DoormanClientConfiguration.patient
        configuration.connectionsPerServer = 1
        let client = DoormanClient(target: peer.target, configuration: configuration)
        try client.verify(Token("EMAW0")) { _ in }
        let connection = try await peer.accept()
        _ = try await connection.nextCall()
        let token = Token(String(repeating: "E", count: 200))
        /// Makes calls in one turn of the event loop, and returns the number of unwritten calls at its end.
        func make(_ count: Int) async throws -> Int? {
            let unwritten = try await client.eventLoop.submit {
                for _ in 0..<count { try client.verify(token) { _ in } }
                return client.dispatcher.value.ready.first?.current?.unwritten
            }.get()
            _ = try await connection.nextCalls(count)
            return unwritten
        }
        #expect(try await make(3) == 3, "too few for a write")
        let unwritten = try #require(try await make(40))
        #expect(unwritten < 30)
        #expect(try await make(20) == 20, "44 calls are with the server already")
        await client.close()
    }

    @Test("each of several servers gets its first calls early")
    func leavingEarlyForEach() async throws {
        let peers = [try RespondingPeer(), try RespondingPeer(), try RespondingPeer(), try RespondingPeer()]
        let client = DoormanClient(targets: peers.map(\.target), configuration: .patient)
        _ = try await client.outcome(of: Token("EMAW1")).get()
        try await eventually("all are ready") {
            try await client.eventLoop.submit { client.dispatcher.value.readyServers == 4 }.get()
        }
        let token = Token(String(repeating: "E", count: 200))
        let outcomes = Outcomes()
        let unwritten = try await client.eventLoop.submit {
            for _ in 0..<160 { try client.verify(token) { outcomes.note($0) } }
            return client.dispatcher.value.ready.reduce(0) { $0 + ($1.current?.unwritten ?? 0) }
        }.get()
        #expect(unwritten < 120)
        try await eventually("all have ended") { outcomes.count == 160 }
        await client.close()
    }

    @Test("a client without references lives until its last call has ended")
    func lifetime() async throws {
        let peer = try ScriptedPeer()
        let outcomes = Outcomes()
        var client: DoormanClient? = DoormanClient(target: peer.target, configuration: .patient)
        try client?.verify(Token("EMAW1")) { outcomes.note($0) }
        weak let gone = client
        client = nil
        let connection = try await peer.accept()
        let call = try await connection.nextCall()
        try await connection.answer(call, "1011")
        try await eventually("it has ended") { outcomes.accounts == ["1011"] }
        try await eventually("the client is gone") { gone == nil }
        try await connection.clientCloses()
        #expect(outcomes.accounts == ["1011"], "its completion is called once")
    }
}
