import DoormanTesting
import DoormanWire
import InMemoryTracing
import TestKit
import Testing
import Tracing

@testable import DoormanClient

@Suite("Spans of a client's calls", .timeLimit(.minutes(2)))
struct ClientTracingTests {
    private let tracer = TestTracer()

    private func client(_ peer: RespondingPeer) -> DoormanClient {
        DoormanClient(
            targets: [peer.target], configuration: .patient,
            environment: .init(tracing: CallTracing(tracer: tracer, instrument: tracer)))
    }

    @Test("a call has a span with its method, its status and its server, as a child of the task's span")
    func call() async throws {
        let peer = try RespondingPeer()
        let client = client(peer)
        let parent = tracer.startSpan("caller")
        // The tracer keeps a span, and the span the tracer, until the span ends.
        defer { parent.end() }
        _ = try await ServiceContext.withValue(parent.context) { try await client.verify("EMAWplanted") }
        let span = try #require(tracer.spans.first)
        #expect(tracer.spans.count == 1)
        #expect(span.operationName == "doorman.v1.Auth/Verify")
        #expect(span.kind == .client)
        #expect(span.parentSpanID == parent.spanID)
        #expect(span.text("rpc.system") == "ttrpc")
        #expect(span.text("rpc.method") == "Verify")
        #expect(span.text("rpc.grpc.status_code") == "0")
        #expect(span.text("server.address") == "127.0.0.1")
        #expect(span.text("server.port") != nil)
        #expect(span.status == nil)
        #expect(!span.everything.contains("planted"))
        await client.close()
        peer.stop()
    }

    @Test("a failed call has its reason")
    func failure() async throws {
        let peer = try RespondingPeer()
        let client = client(peer)
        peer.behave(.providerUnavailable)
        _ = await #expect(throws: DoormanError.self) { try await client.verify("EMAWplanted") }
        let span = try #require(tracer.spans.first)
        #expect(span.text("error.type") == "PROVIDER_UNAVAILABLE")
        #expect(span.text("rpc.grpc.status_code") == "14")
        #expect(span.status?.code == .error)
        #expect(!span.everything.contains("planted"))
        await client.close()
        peer.stop()
    }

    @Test("a call with a completion has a span")
    func completion() async throws {
        let peer = try RespondingPeer()
        let client = client(peer)
        _ = try await client.outcome(of: Token("EMAWplanted")).get()
        #expect(tracer.spans.map { $0.text("rpc.grpc.status_code") } == ["0"])
        #expect(tracer.spans.first?.text("server.address") == "127.0.0.1")
        await client.close()
        peer.stop()
    }

    @Test("a cancelled call ends its span")
    func cancelled() async throws {
        let peer = try RespondingPeer()
        peer.behave(.hung)
        let client = client(peer)
        let call = Task { try await client.verify("EMAWplanted", timeout: .seconds(60)) }
        try await eventually("the server has the call") { peer.calls.contains("EMAWplanted") }
        call.cancel()
        _ = await #expect(throws: DoormanError.self) { try await call.value }
        #expect(tracer.spans.first?.status?.code == .error)
        await client.close()
        peer.stop()
    }

    @Test("a call that is never sent has a span without a server")
    func unsent() async throws {
        let peer = try RespondingPeer()
        let client = client(peer)
        await client.close()
        _ = await #expect(throws: DoormanError.self) { try await client.verify("EMAWplanted") }
        #expect(tracer.spans.count == 1)
        #expect(tracer.spans.first?.text("server.address") == nil)
        #expect(tracer.spans.first?.text("error.type") == "CLIENT_CLOSED")
        peer.stop()
    }
}
