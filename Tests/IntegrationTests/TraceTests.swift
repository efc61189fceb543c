import DoormanClient
import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import InMemoryTracing
import NIOConcurrencyHelpers
import TestKit
import Testing
import Tracing

@testable import DoormanDaemon

/// Follows traces from a caller to the provider, over real sockets.
@Suite("A trace from the caller to the provider")
struct TraceTests {
    private static let traceID = "0af7651916cd43dd8448eb211c80319c"
    private static let callerSpan = "b7ad6b7169203331"
    private static let traceparent = "00-\(traceID)-\(callerSpan)-01"
    /// A token that passes the check of its syntax, and a planted secret.
    private static let token = "EMAWplantedtoken0001"

    enum Interface: String, CaseIterable {
        case ttrpc, grpc, http

        /// Sends a request for the token, and waits for an answer.
        func send(_ token: String, traceparent: String, port: Int) async throws {
            switch self {
            case .ttrpc:
                let peer = try RawPeer.connect(port: port)
                let metadata = [
                    MetadataEntry(key: "traceparent", value: traceparent), MetadataEntry(key: "tracestate", value: "a=b"),
                ]
                let data = try RequestEncoder.encode(
                    VerificationRequest(token: Token(token)), timeout: nil, metadata: metadata)
                try await peer.send(RawFrame(streamID: 1, type: 1, data: data).bytes)
                _ = try await peer.readFrame()
            case .grpc:
                let peer = try GRPCPeer.connect(port: port)
                _ = try await peer.call(
                    GRPCRequest.headers([("traceparent", traceparent), ("tracestate", "a=b")]), GRPCRequest.verify(token))
            case .http:
                let peer = try RawPeer.connect(port: port)
                let lines = [
                    "POST /v1/verify HTTP/1.1", "Host: localhost", "Authorization: Bearer \(token)",
                    "Content-Type: application/json",
                    "TraceParent: \(traceparent)", "tracestate: a=b", "Content-Length: 2", "", "{}",
                ]
                try await peer.send(Array(lines.joined(separator: "\r\n").utf8))
                _ = try await peer.readAvailable()
            }
        }
    }

    /// Runs a stack in front of a provider that rejects everything, and returns the headers of the requests about the token.
    private static func providerHeaders(
        propagates: Bool, _ body: (Stack) async throws -> Void
    ) async throws -> [[String: String]] {
        let seen = NIOLockedValueBox<[[String: String]]>([])
        try await ScriptedHTTPServer.run({ request in
            if request.path.contains(token) { seen.withLockedValue { $0.append(request.headers) } }
            return .init(status: 400, body: #"{"error":{"code":190,"message":"invalid"}}"#)
        }) { provider in
            try await Stack.run(
                settings: {
                    $0.accountKit.url = provider.url
                    $0.propagatesTraceContext = propagates
                }, awaitsCredentials: false, body)
        }
        return seen.withLockedValue { $0 }
    }

    @Test("without a tracer, the provider request has the caller's context", arguments: Interface.allCases)
    func passedOn(interface: Interface) async throws {
        let headers = try await Self.providerHeaders(propagates: true) { stack in
            try await interface.send(Self.token, traceparent: Self.traceparent, port: stack.port)
        }
        #expect(headers.first?["traceparent"] == Self.traceparent)
        #expect(headers.first?["tracestate"] == "a=b")
    }

    @Test("the provider learns nothing of the trace by default", arguments: Interface.allCases)
    func kept(interface: Interface) async throws {
        let headers = try await Self.providerHeaders(propagates: false) { stack in
            try await interface.send(Self.token, traceparent: Self.traceparent, port: stack.port)
        }
        #expect(!headers.isEmpty)
        #expect(headers.allSatisfy { $0["traceparent"] == nil && $0["tracestate"] == nil })
    }

    @Test("a malformed context goes nowhere, and its call is answered", arguments: Interface.allCases)
    func malformed(interface: Interface) async throws {
        let headers = try await Self.providerHeaders(propagates: true) { stack in
            for traceparent in ["00-" + String(repeating: "0", count: 52), "x", String(repeating: "y", count: 9_000)] {
                try await interface.send(Self.token, traceparent: traceparent, port: stack.port)
            }
        }
        #expect(!headers.isEmpty)
        #expect(headers.allSatisfy { $0["traceparent"] == nil && $0["tracestate"] == nil })
    }

    @Test(
        "with a tracer, the call has a server span, and the provider request a client span below it", arguments: Interface.allCases)
    func spans(interface: Interface) async throws {
        let tracer = TestTracer()
        let headers = try await withTracer(tracer) {
            try await Self.providerHeaders(propagates: true) { stack in
                try await interface.send(Self.token, traceparent: Self.traceparent, port: stack.port)
                try await eventually("the call has its span") { tracer.spans.contains { $0.kind == .server } }
            }
        }
        let call = try #require(tracer.spans.first { $0.kind == .server })
        let request = try #require(tracer.spans.first { $0.parentSpanID == call.spanID })
        #expect(call.traceID == Self.traceID)
        #expect(call.parentSpanID == Self.callerSpan)
        #expect(call.operationName == "doorman.v1.Auth/Verify")
        #expect(call.text(interface == .http ? "network.protocol.name" : "rpc.system") == interface.rawValue)
        #expect(request.kind == .client)
        #expect(request.operationName == "GET me")
        #expect(request.text("http.response.status_code") == "400")
        #expect(request.text("server.address") == "127.0.0.1")
        #expect(headers.first?["traceparent"] == "00-\(Self.traceID)-\(request.spanID)-01")
        #expect(headers.first?["baggage"] == nil)
        for span in tracer.spans { #expect(!span.everything.contains("planted")) }
    }

    @Test("a hit has a span only if its caller records its own", arguments: Interface.allCases)
    func hits(interface: Interface) async throws {
        let tracer = TestTracer()
        try await withTracer(tracer) {
            try await Stack.run { stack in
                let token = try stack.emulator.logIn(phone: "+15551234567")
                let unsampled = String(Self.traceparent.dropLast()) + "0"
                for traceparent in [unsampled, unsampled, Self.traceparent] {
                    try await interface.send(token, traceparent: traceparent, port: stack.port)
                }
            }
        }
        let calls = tracer.spans.filter { $0.kind == .server }
        #expect(calls.map { $0.text("doorman.response.source") } == ["provider", "cache"])
        #expect(calls.allSatisfy { $0.parentSpanID == Self.callerSpan && $0.text("rpc.grpc.status_code") == "0" })
    }

    @Test("a call of the client is one trace, from the client's span to the provider's")
    func client() async throws {
        let tracer = TestTracer()
        try await withTracer(tracer) {
            try await Stack.run { stack in
                let token = try stack.emulator.logIn(phone: "+15551234567")
                _ = try await stack.client.verify(Token(token))
                try await eventually("the spans end") { tracer.spans.count { $0.traceID == tracer.spans.last?.traceID } >= 3 }
                #expect(!tracer.spans.contains { $0.everything.contains(token) || $0.everything.contains("5551234567") })
            }
        }
        let client = try #require(tracer.spans.first { $0.kind == .client && $0.text("rpc.system") == "ttrpc" })
        let server = try #require(tracer.spans.first { $0.kind == .server })
        let request = try #require(tracer.spans.first { $0.parentSpanID == server.spanID })
        #expect(client.parentSpanID == nil)
        #expect(server.parentSpanID == client.spanID)
        #expect(Set([client, server, request].map(\.traceID)).count == 1)
        #expect(client.text("server.address") == "127.0.0.1")
        #expect(client.text("rpc.grpc.status_code") == "0")
        #expect(request.text("http.response.status_code") == "200")
    }
}
