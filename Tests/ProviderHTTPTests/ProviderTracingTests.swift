import DoormanCore
import DoormanSupport
import DoormanTracing
import ProviderHTTP
import TestKit
import Testing
import Tracing

@Suite("Traces of requests to a provider")
struct ProviderTracingTests {
    private static let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    private static let request = HTTPRequest(
        .post, url: "https://id.example.com:8443/t/planted0path?token=planted0query", headers: ["Authorization": "planted0header"],
        form: [(name: "token", value: Array("planted0form".utf8))], isRepeatable: true)

    /// Sends a request for a call, and returns it as the transport got it.
    private static func send(
        _ tracing: ProviderTracing, _ response: Result<HTTPResponse, TransportError> = .response(200, "planted0body"),
        for trace: CallTrace? = nil
    ) async throws -> HTTPRequest {
        let clock = SteppedClock()
        let transport = ScriptedTransport(response)
        var client = ProviderClient(transport: transport, time: clock.timeSource)
        client.tracing = tracing
        let deadline = Deadline(clock.now.advanced(by: .seconds(1)))
        await CallTrace.$current.withValue(trace) { [client] in
            // The test looks at the request and its span, whatever its outcome.
            _ = try? await client.send(request, to: ProviderEndpoint("introspect"), deadline: deadline) { _ in ((), .success) }
        }
        return try #require(await transport.requests.first)
    }

    private static func trace(_ state: String = "") -> CallTrace {
        CallTrace(parent: TraceContext(traceparent: parent, tracestate: state), span: nil)
    }

    @Test("the provider does not learn of the trace by default")
    func noHeader() async throws {
        let tracer = TestTracer()
        for tracer in [nil, CallTracer(tracer)] {
            let tracing = ProviderTracing(tracer: tracer, propagation: .none, provider: "main")
            #expect(try await Self.send(tracing, for: Self.trace("a=b")) == Self.request)
        }
        #expect(tracer.spans.count == 1)
    }

    @Test("without a tracer, the provider gets the caller's context if the setting says so")
    func passedOn() async throws {
        let tracing = ProviderTracing(tracer: nil, propagation: .traceContext, provider: "main")
        let sent = try await Self.send(tracing, for: Self.trace("a=b"))
        #expect(sent.headers["traceparent"] == Self.parent)
        #expect(sent.headers["tracestate"] == "a=b")
        #expect(sent.headers["Authorization"] == "planted0header")
        #expect(sent.form == Self.request.form)
        #expect(try await Self.send(tracing, for: Self.trace()).headers["tracestate"] == nil)
        #expect(try await Self.send(tracing) == Self.request)
    }

    @Test("a request has a client span, which is a child of the call's")
    func span() async throws {
        let tracer = TestTracer()
        let own = CallTracer(tracer)
        let parent = try #require(TraceContext(traceparent: Self.parent))
        let call = own.startCall("doorman.v1.Auth/Verify", parent: parent)
        let tracing = ProviderTracing(tracer: own, propagation: .traceContext, provider: "main")
        let sent = try await Self.send(tracing, for: CallTrace(parent: parent, span: call))
        call.end()
        let (span, callSpan) = (try #require(tracer.spans.first), try #require(tracer.spans.last))
        #expect(span.operationName == "POST introspect")
        #expect(span.kind == .client)
        #expect(span.traceID == "0af7651916cd43dd8448eb211c80319c")
        #expect(span.parentSpanID == callSpan.spanID)
        #expect(callSpan.parentSpanID == "b7ad6b7169203331")
        #expect(sent.headers["traceparent"] == "00-\(span.traceID)-\(span.spanID)-01")
        #expect(sent.headers["baggage"] == nil)
        #expect(span.text("http.request.method") == "POST")
        #expect(span.text("server.address") == "id.example.com")
        #expect(span.text("server.port") == "8443")
        #expect(span.text("url.scheme") == "https")
        #expect(span.text("doorman.provider") == "main")
        #expect(span.text("doorman.provider.endpoint") == "introspect")
        #expect(span.text("http.response.status_code") == "200")
        #expect(span.text("error.type") == nil)
        #expect(!span.everything.contains("planted"))
    }

    @Test(
        "a failed request has the cause in its span",
        arguments: [
            (.response(503, "planted0body"), "503"), (.failure(.connectionLost, sent: true), "connection_lost"),
            (.failure(.timedOut, sent: true), "timed_out"),
        ] as [(Result<HTTPResponse, TransportError>, String)])
    func failures(response: Result<HTTPResponse, TransportError>, type: String) async throws {
        let tracer = TestTracer()
        let tracing = ProviderTracing(tracer: CallTracer(tracer), propagation: .none, provider: "main")
        _ = try await Self.send(tracing, response)
        let span = try #require(tracer.spans.first)
        #expect(span.text("error.type") == type)
        #expect(span.status?.code == .error)
        #expect(span.parentSpanID == nil)
        #expect(!span.everything.contains("planted"))
    }
}
