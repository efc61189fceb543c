import DoormanSupport
import HTTP2Session
import NIOCore

/// A session with what it returned.
final class TestServer {
    let session: HTTP2Session
    var now = Instant(nanoseconds: 1)
    private(set) var requests: [HTTP2Stream] = []
    private(set) var resets: [HTTP2Reset] = []

    init(
        _ change: (inout HTTP2Limits) -> Void = { _ in }, pool: HTTP2StreamPool = HTTP2StreamPool(),
        wantsBody: @escaping (HTTP2RequestHead) -> Int? = { _ in 64 << 10 }
    ) {
        var limits = HTTP2Limits()
        change(&limits)
        session = HTTP2Session(limits: limits, pool: pool, now: now, wantsBody: wantsBody)
    }

    /// Handles bytes of the client.
    func receive(_ bytes: [UInt8]) throws(HTTP2Violation) {
        try session.receive(bytes.span, now: now)
        collect()
    }

    private func collect() {
        while let reset = session.nextReset() { resets.append(reset) }
        while let request = session.nextRequest() { requests.append(request) }
    }

    func output(limit: Int = .max) -> [UInt8] {
        var buffer = ByteBuffer()
        session.writeOutput(into: &buffer, limit: limit)
        return Array(buffer.readableBytesView)
    }

    func respond(to request: HTTP2Stream, _ body: String = "hello", trailers: HTTP2ResponseHead? = TestHeads.trailers) {
        let bytes = Array(body.utf8)
        session.respond(to: request, TestHeads.ok, body: bytes.span, trailers: trailers)
    }

    /// Exchanges bytes until neither side has any.
    func exchange(with client: HTTP2Client) throws(HTTP2Violation) {
        while true {
            let sent = client.output()
            try receive(sent)
            let answered = output()
            client.receive(answered)
            if sent.isEmpty && answered.isEmpty { return }
        }
    }
}

enum TestHeads {
    static let ok = HTTP2ResponseHead(HTTP2HeadTemplate([(":status", "200"), ("content-type", "application/grpc")]))
    static let trailers = HTTP2ResponseHead(HTTP2HeadTemplate([("grpc-status", "0")]))
    static let trailersOnly = HTTP2ResponseHead(
        HTTP2HeadTemplate([(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "12")]))

    /// The headers of a usual call.
    static let call = [
        (":method", "POST"), (":scheme", "http"), (":path", "/doorman.v1.Auth/Verify"), (":authority", "doorman:7070"),
        ("content-type", "application/grpc"), ("te", "trailers"), ("grpc-timeout", "1S"), ("user-agent", "test/1.0"),
    ]

    static let get = [(":method", "GET"), (":scheme", "http"), (":path", "/auth"), (":authority", "doorman")]
}

extension HTTP2RequestHead {
    func text(_ known: Known) -> String? {
        guard let value = self[known] else { return nil }
        return decoded(value)
    }

    func text(_ name: StaticString) -> String? {
        guard let value = self[name] else { return nil }
        return decoded(value)
    }

    var pathText: String { decoded(path) }
}

extension HTTP2Stream {
    var bodyText: String { decoded(body) }
    var bodyCount: Int { body.count }
}

func decoded(_ span: Span<UInt8>) -> String {
    String(decoding: span.indices.map { span[$0] }, as: UTF8.self)
}
