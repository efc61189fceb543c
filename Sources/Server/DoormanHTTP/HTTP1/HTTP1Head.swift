internal import DoormanSupport
internal import DoormanTracing
internal import NIOHTTP1

/// What a connection needs to know of a request's head.
struct HTTP1Head {
    private let target: String
    private let method: HTTPRequestMethod
    private var authorization = ""
    private var authorizations = 0
    private var contentType = ""
    private var host = ""
    private(set) var traceFields = TraceFields()
    /// Whether the client keeps the connection open after the response.
    let keepsAlive: Bool
    let isHTTP10: Bool
    private(set) var hasBody = false
    /// The length of the body that the head announces; `nil` for chunks.
    private(set) var contentLength: Int?
    /// Whether the client waits for `100 Continue` before it sends the body.
    private(set) var expectsContinue = false
    /// Whether the parser reads nothing behind this request, because another protocol may follow it.
    private(set) var endsParsing: Bool

    var isHead: Bool { method == .head }

    /// - Returns: `nil` for a head that the parser accepts and HTTP/1.1 does not.
    init?(_ head: HTTPRequestHead) {
        target = head.uri
        method = HTTPRequestMethod(head.method)
        isHTTP10 = head.version.minor == 0
        keepsAlive = head.isKeepAlive
        endsParsing = head.method == .CONNECT
        var hosts = 0
        var isChunked = false
        for (name, value) in head.headers {
            guard !value.utf8Span.span.hasForbiddenByte else { return nil }
            switch HTTP1HeaderName(name.utf8Span.span) {
            case .authorization:
                authorizations += 1
                if authorizations == 1 { authorization = value }
            case .contentType: contentType = value
            case .host:
                hosts += 1
                host = value
            case .contentLength:
                guard contentLength == nil, let length = Int(value) else { return nil }
                contentLength = length
            case .transferEncoding:
                // Of another coding, the decoder may not find the end.
                guard !isChunked, value.utf8Span.span.isEqual(toLowercase: "chunked") else { return nil }
                isChunked = true
            case .upgrade: endsParsing = true
            case .trace(let name): traceFields.add(name, value)
            case .expect: expectsContinue = value.utf8Span.span.isEqual(toLowercase: "100-continue") && !isHTTP10
            case nil: break
            }
        }
        // Two ways to find the end of a body, or a host of which a gateway before may have seen another one.
        guard !isChunked || contentLength == nil && !isHTTP10, hosts == 1 || hosts == 0 && isHTTP10 else { return nil }
        hasBody = isChunked || contentLength ?? 0 > 0
    }

    /// Calls `body` with the fields that routes read.
    func withFields<Result>(isOnLoopback: Bool, _ body: (borrowing HTTPRequestFields) -> Result) -> Result {
        let facts = HTTPRequestFacts(authorizations: authorizations, hasBody: hasBody, isOnLoopback: isOnLoopback)
        let fields = HTTPRequestFields(
            method: method, target: target.utf8Span.span, authorization: authorization.utf8Span.span,
            contentType: contentType.utf8Span.span, host: host.utf8Span.span, facts: facts)
        return body(fields)
    }
}

/// The headers of requests that have a meaning here.
private enum HTTP1HeaderName {
    case authorization, contentLength, contentType, expect, host, transferEncoding, upgrade
    case trace(TraceFields.Name)

    /// The length tells nearly all names apart.
    init?(_ name: Span<UInt8>) {
        switch name.count {
        case 4 where name.isEqual(toLowercase: "host"): self = .host
        case 6 where name.isEqual(toLowercase: "expect"): self = .expect
        case 7 where name.isEqual(toLowercase: "upgrade"): self = .upgrade
        case 12 where name.isEqual(toLowercase: "content-type"): self = .contentType
        case 13 where name.isEqual(toLowercase: "authorization"): self = .authorization
        case 14 where name.isEqual(toLowercase: "content-length"): self = .contentLength
        case 17 where name.isEqual(toLowercase: "transfer-encoding"): self = .transferEncoding
        case 10, 11:
            guard let trace = TraceFields.Name(name) else { return nil }
            self = .trace(trace)
        default: return nil
        }
    }
}

extension HTTPRequestMethod {
    fileprivate init(_ method: HTTPMethod) {
        switch method {
        case .GET: self = .get
        case .HEAD: self = .head
        case .POST: self = .post
        default: self = .other
        }
    }
}

extension Span where Element == UInt8 {
    /// Whether a header's value has a control byte other than a tab. The parser lets folded lines pass.
    fileprivate var hasForbiddenByte: Bool {
        for index in indices where self[index] < 0x20 && self[index] != 0x09 || self[index] == 0x7f { return true }
        return false
    }
}
