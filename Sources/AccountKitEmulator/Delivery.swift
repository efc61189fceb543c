/// How an answer's bytes go out: which, when, and what becomes of the connection. Written here rather than by NIO's encoder, which
/// can't send half a header, a wrong length or a byte at a time.
package struct Delivery: Sendable, Hashable {
    package enum Step: Sendable, Hashable {
        case wait(Duration)
        case send([UInt8])
        /// The byte `a`, this many times.
        case fill(Int)
    }

    package enum End: Sendable, Hashable {
        /// The connection is ready for the next call.
        case keep
        case close
        /// A TCP reset.
        case reset
        /// The call is never answered.
        case never
    }

    /// For the log.
    package let status: Int
    package var steps: [Step]
    package let end: End

    private init(status: Int, steps: [Step], end: End) {
        self.status = status
        self.steps = steps
        self.end = end
    }

    /// - Parameters:
    ///   - headPause: The pause before each byte of status line and headers; nil to send them in one.
    ///   - bodyPause: The same for the body.
    init(_ answer: Answer, for request: RequestForm, headPause: Duration? = nil, bodyPause: Duration? = nil) {
        let head = Self.head(of: answer, for: request, length: answer.body.count)
        let body = request.isHead ? [] : answer.body
        self.init(status: answer.status, steps: [], end: request.keepsConnection ? .keep : .close)
        if headPause == nil, bodyPause == nil {
            steps = [.send(head + body)]
        } else {
            steps = Self.trickle(head, headPause) + Self.trickle(body, bodyPause)
        }
    }

    /// A JSON object of at least `count` bytes.
    init(oversized count: Int, like answer: Answer, for request: RequestForm) {
        let (opening, closing) = (Array(#"{"id":""#.utf8), Array(#""}"#.utf8))
        let length = opening.count + count + closing.count
        var answer = answer
        answer.status = 200
        let head = Self.head(of: answer, for: request, length: length)
        self.init(
            status: 200, steps: [.send(head + opening), .fill(count), .send(closing)], end: request.keepsConnection ? .keep : .close
        )
    }

    /// The body in two chunks (RFC 9112, section 7.1).
    init(chunked answer: Answer, for request: RequestForm) {
        let half = answer.body.count / 2
        let pieces = [answer.body.prefix(half), answer.body.dropFirst(half)].filter { !$0.isEmpty }
        let chunks = pieces.flatMap { Array("\(String($0.count, radix: 16))\r\n".utf8) + $0 + Array("\r\n".utf8) }
        let body = request.isHead ? [] : chunks + Array("0\r\n\r\n".utf8)
        let head = Self.head(of: answer, for: request, length: nil)
        self.init(status: answer.status, steps: [.send(head + body)], end: request.keepsConnection ? .keep : .close)
    }

    /// Half of the body, then a reset.
    init(resetting answer: Answer, for request: RequestForm) {
        let head = Self.head(of: answer, for: request, length: answer.body.count)
        self.init(status: answer.status, steps: [.send(head + answer.body.prefix(answer.body.count / 2))], end: .reset)
    }

    static func never(status: Int) -> Delivery {
        Delivery(status: status, steps: [], end: .never)
    }

    func delayed(by time: Duration) -> Delivery {
        Delivery(status: status, steps: [.wait(time)] + steps, end: end)
    }

    private static func trickle(_ bytes: [UInt8], _ pause: Duration?) -> [Step] {
        guard let pause else { return bytes.isEmpty ? [] : [.send(bytes)] }
        return bytes.flatMap { [.wait(pause), .send([$0])] }
    }

    /// Status line and headers (RFC 9112, sections 4 and 5).
    ///
    /// - Parameter length: Of the body; nil if it comes in chunks.
    private static func head(of answer: Answer, for request: RequestForm, length: Int?) -> [UInt8] {
        var text = "HTTP/1.1 \(answer.status) \(reason(answer.status))\r\n"
        for header in answer.headers {
            text += "\(header.name): \(header.value)\r\n"
        }
        text += length.map { "Content-Length: \($0)\r\n" } ?? "Transfer-Encoding: chunked\r\n"
        if !request.keepsConnection { text += "Connection: close\r\n" }
        return Array((text + "\r\n").utf8)
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 400: "Bad Request"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 502: "Bad Gateway"
        default: "Unknown"
        }
    }
}

/// What the form of a request asks of its response.
package struct RequestForm: Sendable, Hashable {
    /// A `HEAD` request: the response has no body.
    package var isHead: Bool
    /// Whether the connection stays open for another request.
    package var keepsConnection: Bool

    package init(isHead: Bool = false, keepsConnection: Bool = true) {
        self.isHead = isHead
        self.keepsConnection = keepsConnection
    }
}
