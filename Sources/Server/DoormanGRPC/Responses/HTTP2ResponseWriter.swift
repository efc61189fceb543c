internal import DoormanHTTP
internal import DoormanSupport
internal import DoormanWire
internal import HTTP2Session
internal import NIOConcurrencyHelpers
internal import NIOCore

/// Writes a response of the HTTP API as HTTP/2.
struct HTTP2ResponseWriter: HTTPResponseWriter {
    private let stream: HTTP2Stream
    private let session: HTTP2Session
    private let omitsBody: Bool
    private var shape = HTTP2ResponseShape()
    private var values: [[UInt8]] = []

    /// - Parameter omitsBody: Whether the request was HEAD, whose response has headers only.
    init(_ stream: HTTP2Stream, _ session: HTTP2Session, omitsBody: Bool) {
        self.stream = stream
        self.session = session
        self.omitsBody = omitsBody
    }

    mutating func begin(_ status: HTTPStatus) { shape.status = status.rawValue }

    mutating func addHeader(_ name: HTTPHeaderName, _ value: StaticString) {
        shape.names.append(name.lowercase.description)
        values.append(Array(value.description.utf8))
    }

    mutating func addHeader(_ name: HTTPHeaderName, _ value: Span<UInt8>) {
        shape.names.append(name.lowercase.description)
        values.append(value.array)
    }

    mutating func end(_ body: ByteBuffer) {
        shape.names.append("content-length")
        values.append(Array("\(body.readableBytes)".utf8))
        var head = HTTP2ResponseHead(shape.template)
        for value in values { head.append(value.span) }
        if omitsBody {
            session.respond(to: stream, head)
        } else {
            session.respond(to: stream, head, body: body.readableBytesUInt8Span)
        }
    }
}

/// The status and the names of a response's headers. There are a few dozen of them, so each has its template for good.
private struct HTTP2ResponseShape: Hashable {
    var status: UInt16 = 0
    var names: [String] = []

    private static let templates = NIOLockedValueBox<[HTTP2ResponseShape: HTTP2HeadTemplate]>([:])

    var template: HTTP2HeadTemplate {
        Self.templates.withLockedValue { templates in
            if let template = templates[self] { return template }
            let template = HTTP2HeadTemplate([(":status", "\(status)"), ("cache-control", "no-store")], variables: names)
            templates[self] = template
            return template
        }
    }
}
