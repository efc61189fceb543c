import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanTracing
import DoormanWire
import InMemoryTracing
import TestKit
import Testing
import Tracing

@Suite("Traces of a server's calls")
struct TraceTests {
    private static let sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    private static let unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"

    private static func verify(_ token: String, _ streamID: UInt32, _ traceparent: String?) throws -> [UInt8] {
        let metadata = traceparent.map { [MetadataEntry(key: "traceparent", value: $0)] } ?? []
        let data = try RequestEncoder.encode(VerificationRequest(token: Token(token)), timeout: nil, metadata: metadata)
        return RawFrame(streamID: streamID, type: 1, data: data).bytes
    }

    /// Runs a server with a tracer, makes calls one after another, and returns the spans.
    private static func spans(of calls: [(token: String, traceparent: String?)]) async throws -> [FinishedInMemorySpan] {
        let tracer = TestTracer()
        let provider = ScriptedProvider.held()
        provider.release()
        try await withTracer(tracer) {
            try await withServer(provider) { _, port in
                let peer = try RawPeer.connect(port: port)
                for (index, call) in calls.enumerated() {
                    try await peer.send(verify(call.token, UInt32(2 * index + 1), call.traceparent))
                    _ = try await peer.readFrame()
                }
            }
        }
        return tracer.spans
    }

    @Test("a miss has a server span, which is a child of the caller's")
    func miss() async throws {
        let spans = try await Self.spans(of: [("planted", Self.sampled)])
        let span = try #require(spans.first)
        #expect(spans.count == 1)
        #expect(span.operationName == "doorman.v1.Auth/Verify")
        #expect(span.kind == .server)
        #expect(span.traceID == "0af7651916cd43dd8448eb211c80319c")
        #expect(span.parentSpanID == "b7ad6b7169203331")
        #expect(span.text("rpc.system") == "ttrpc")
        #expect(span.text("rpc.service") == "doorman.v1.Auth")
        #expect(span.text("rpc.method") == "Verify")
        #expect(span.text("rpc.grpc.status_code") == "0")
        #expect(span.text("doorman.response.source") == "provider")
        #expect(span.text("error.type") == nil)
        #expect(!span.everything.contains("planted"))
    }

    @Test(
        "a failure has its reason, and is an error only if it is not the caller's",
        arguments: [("rejected", Failure.tokenRejected), ("unavailable", .providerUnavailable)] as [(String, Failure)])
    func failures(token: String, failure: Failure) async throws {
        let span = try #require(try await Self.spans(of: [(token, nil)]).first)
        #expect(span.parentSpanID == nil)
        #expect(span.text("error.type") == failure.row.reason)
        #expect(span.text("rpc.grpc.status_code") == "\(failure.row.code.rawValue)")
        #expect((span.status?.code == .error) == (failure == .providerUnavailable))
    }

    @Test("a hit has a span only if the caller records its own")
    func hits() async throws {
        let spans = try await Self.spans(of: [
            ("cached", nil), ("cached", Self.unsampled), ("cached", "malformed"), ("cached", Self.sampled),
        ])
        #expect(spans.count == 1)
        #expect(spans.first?.parentSpanID == "b7ad6b7169203331")
        #expect(spans.first?.text("doorman.response.source") == "cache")
        #expect(spans.first?.text("rpc.grpc.status_code") == "0")
    }

    @Test("a malformed trace parent begins a trace of its own", arguments: ["", "x", "00-0-0-0", sampled + "-x"])
    func malformed(traceparent: String) async throws {
        let span = try #require(try await Self.spans(of: [("new", traceparent)]).first)
        #expect(span.parentSpanID == nil)
        #expect(span.traceID != "0af7651916cd43dd8448eb211c80319c")
    }

    @Test("the audit line of an act has the id of its trace")
    func audit() async throws {
        let log = LogRecorder()
        let provider = ScriptedProvider.held()
        provider.release()
        try await withServer(provider, log: log) { _, port in
            let peer = try RawPeer.connect(port: port)
            let data = try RequestEncoder.encode(
                RevocationRequest(.token(Token("planted"))), timeout: nil,
                metadata: [MetadataEntry(key: "traceparent", value: Self.sampled)])
            try await peer.send(RawFrame(streamID: 1, type: 1, data: data).bytes)
            _ = try await peer.readFrame()
            try await eventually("the act is logged") { log.lines.contains { $0.contains("revocation of a token") } }
        }
        let line = try #require(log.lines.first { $0.contains("revocation of a token") })
        #expect(line.contains("0af7651916cd43dd8448eb211c80319c"))
        #expect(!line.contains("planted"))
    }
}
