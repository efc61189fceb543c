internal import NIOHTTP1

/// Collects the parts of a request within the limits. The body is counted and not kept, because the Graph API reads no bodies.
struct RequestAssembler {
    enum Progress {
        case incomplete
        case complete(HTTPRequestHead)
        /// The request exceeds a limit; its remaining parts are ignored.
        case tooLong(status: Int)
    }

    private let limits: EmulatorSettings.Limits
    private var head: HTTPRequestHead?
    private var bodyBytes = 0

    init(limits: EmulatorSettings.Limits) {
        self.limits = limits
    }

    mutating func add(_ part: HTTPServerRequestPart) -> Progress {
        switch part {
        case .head(let head):
            guard head.uri.utf8.count <= limits.headBytes else { return .tooLong(status: 414) }
            self.head = head
            bodyBytes = 0
            return .incomplete
        case .body(let bytes):
            bodyBytes += bytes.readableBytes
            guard head != nil, bodyBytes > limits.bodyBytes else { return .incomplete }
            head = nil
            return .tooLong(status: 413)
        case .end:
            guard let head else { return .incomplete }
            self.head = nil
            return .complete(head)
        }
    }
}
