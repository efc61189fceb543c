import DoormanTesting
import DoormanWire
import Logging
import MetricsTestKit
import NIOConcurrencyHelpers
import ServiceContextModule
import ServiceLifecycle
import TestKit
import Testing
import Tracing

@testable import DoormanClient

@Suite("a client among services", .serialized, .timeLimit(.minutes(2)))
struct ClientServiceTests {
    @Test("a client closes when its service group shuts down")
    func lifecycle() async throws {
        let peer = try ScriptedPeer()
        let client = DoormanClient(target: peer.target)
        let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let group = ServiceGroup(services: [client], logger: quiet)
        let running = Task { try await group.run() }
        let connection = try await peer.accept()
        await group.triggerGracefulShutdown()
        try await running.value
        try await connection.clientCloses()
        let error = await #expect(throws: DoormanError.self) { try await client.verify("EMAW1") }
        #expect(error?.kind == .unavailable(.clientClosed))
    }

    @Test("a closed client leaves no connection object")
    func leavesNothing() async throws {
        let peer = try RespondingPeer()
        let client = DoormanClient(target: peer.target, configuration: .patient)
        _ = try await client.verify("EMAW1")
        let remains = try await client.eventLoop.submit { [dispatcher = client.dispatcher] in
            Remains(dispatcher.value.subchannels[0])
        }.get()
        #expect(!remains.areGone)
        await client.close()
        #expect(remains.areGone)
        let servers = try await client.eventLoop.submit { [dispatcher = client.dispatcher] in
            dispatcher.value.servers.servers
        }.get()
        #expect(servers.isEmpty)
    }

    @Test("log lines name the server and no token")
    func logging() async throws {
        let recorder = LogRecorder()
        var logger = Logger(label: "test") { _ in recorder }
        logger.logLevel = .trace
        let peer = try RespondingPeer()
        var configuration = DoormanClientConfiguration()
        configuration.timeout = .seconds(60)
        configuration.suspicionAfter = .milliseconds(20)
        configuration.pingTimeout = .milliseconds(20)
        let time = SteppedTime()
        let client = DoormanClient(
            targets: [peer.target], configuration: configuration, environment: .init(time: .stepped(time), logger: logger))
        _ = try await client.verify("EMAWplanted")
        peer.behave(.hung)
        async let late = client.verify("EMAWplantedtoo")
        try await eventually("the server has the call") { peer.calls.contains("EMAWplantedtoo") }
        // The client suspects the server, and then finds that it is hung.
        try await time.advance(by: .milliseconds(20 + 30))
        try await eventually("it is found hung") { recorder.lines.joined().contains("doesn't respond") }
        peer.behave(.serving)
        try await time.advance(by: configuration.firstBackoff)
        #expect(try await late.accountID == "EMAWplantedtoo")
        #expect(recorder.lines.joined().contains("\(peer.target)"))
        #expect(!recorder.lines.joined().contains("planted"))
        await client.close()
    }

    @Test("calls are counted by method and outcome")
    func metrics() async throws {
        let metrics = TestMetrics()
        let peer = try RespondingPeer()
        let client = DoormanClient(
            targets: [peer.target], configuration: .patient, environment: .init(metricsFactory: metrics))
        for _ in 0..<3 { _ = try await client.verify("EMAW1", timeout: .seconds(60)) }
        _ = try await client.outcome(of: Token("EMAW1")).get()
        peer.behave(.providerUnavailable)
        _ = await #expect(throws: DoormanError.self) { try await client.verify("EMAW1", timeout: .seconds(60)) }
        _ = await #expect(throws: DoormanError.self) { try await client.outcome(of: Token("EMAW1")).get() }
        func calls(_ outcome: String) throws -> Int64 {
            try metrics.expectCounter("doorman_client_calls_total", [("method", "Verify"), ("outcome", outcome)]).totalValue
        }
        #expect(try calls("ok") == 4)
        #expect(try calls("PROVIDER_UNAVAILABLE") == 2)
        #expect(try metrics.expectTimer("doorman_client_call_duration_seconds", [("method", "Verify")]).values.count == 6)
        await client.close()
    }

    @Test("a near cache serves a verdict until a revocation")
    func nearCache() async throws {
        let peer = try ScriptedPeer()
        let client = DoormanClient(target: peer.target, configuration: .patientWithNearCache)
        let lesson = try await NearCacheFill(client, Token("EMAW1"), account: "1", from: peer)
        let connection = lesson.connection
        #expect(lesson.identity.freshness == .fresh)
        #expect(try await client.verify("EMAW1").freshness == .cached)
        // A call with maxAge bypasses the near cache.
        async let fresh = client.verify("EMAW1", maxAge: .seconds(1))
        try await connection.answer(connection.nextCall(), ResponseEncoder.encode(lesson.identity))
        _ = try await fresh
        async let revoked = client.revoke(Token("EMAW1"))
        try await connection.answer(connection.nextCall(), ResponseEncoder.encodeRevoked(nil))
        _ = try await revoked
        async let after = client.verify("EMAW1")
        try await connection.answer(connection.nextCall(), "2")
        #expect(try await after.accountID == "2")
        await client.close()
    }

    @Test("the trace context is sent as metadata")
    func tracing() async throws {
        let peer = try ScriptedPeer()
        let client = DoormanClient(
            targets: [peer.target], configuration: DoormanClientConfiguration(),
            environment: .init(tracing: CallTracing(instrument: TraceparentInstrument())))
        var context = ServiceContext.topLevel
        context.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        let call = Task {
            try await ServiceContext.withValue(context) { try await client.verify("EMAW1", timeout: .seconds(60)) }
        }
        let connection = try await peer.accept()
        let received = try await connection.nextCall()
        let text = String(decoding: connection.lastData, as: UTF8.self)
        #expect(text.contains("traceparent"))
        #expect(text.contains("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
        try await connection.answer(received, "1")
        _ = try await call.value
        await client.close()
    }
}

private struct TraceparentKey: ServiceContextKey {
    typealias Value = String
}

extension ServiceContext {
    fileprivate var traceparent: String? {
        get { self[TraceparentKey.self] }
        set { self[TraceparentKey.self] = newValue }
    }
}

private struct TraceparentInstrument: Instrument {
    func extract<Carrier, Extract: Extractor>(_ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract)
    where Extract.Carrier == Carrier {}

    func inject<Carrier, Inject: Injector>(_ context: ServiceContext, into carrier: inout Carrier, using injector: Inject)
    where Inject.Carrier == Carrier {
        if let traceparent = context.traceparent { injector.inject(traceparent, forKey: "traceparent", into: &carrier) }
    }
}

/// Weak references to the objects of a connection.
///
/// `@unchecked`: weak references may be read by any thread.
private final class Remains: @unchecked Sendable {
    private weak var subchannel: Subchannel?
    private weak var connection: Connection?

    init(_ subchannel: Subchannel) {
        self.subchannel = subchannel
        self.connection = subchannel.current
    }

    var areGone: Bool { subchannel == nil && connection == nil }
}
