internal import NIOCore

/// How an answer goes out: which bytes, when, and what becomes of the connection. Over HTTP/1.1 its head is written here rather than
/// by NIO's encoder, which can't send half a header, a wrong length or a byte at a time. Over HTTP/2 a head is one thing.
package struct ResponseScript: Sendable, Hashable {
    package enum Step: Sendable, Hashable {
        case wait(Duration)
        /// Status and headers, over HTTP/2.
        case head(status: Int, headers: [GraphResponse.Header])
        /// Bytes of the body; over HTTP/1.1 also of status line and headers.
        case send([UInt8])
        /// The byte `a`, this many times.
        case fill(Int)
    }

    package enum End: Sendable, Hashable {
        /// The connection is ready for the next call.
        case keep
        case close
        /// A reset: of the TCP connection, or of the call's stream over HTTP/2.
        case reset
        /// A reset of the TCP connection.
        case resetConnection
        /// The connection ends in good order, and the call with it.
        case goAway
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
    init(_ answer: GraphResponse, for request: RequestShape, headPause: Duration? = nil, bodyPause: Duration? = nil) {
        let body = request.isHead ? [] : answer.body
        let length = answer.body.count
        self.init(status: answer.status, steps: [], end: request.keepsConnection ? .keep : .close)
        if let headPause {
            steps = Self.slowOpening(of: answer, for: request, length: length, pause: headPause) + Self.whole(body)
        } else if let bodyPause {
            steps = Self.opening(of: answer, for: request, length: length) + Self.trickle(body, bodyPause)
        } else {
            steps = Self.opening(of: answer, for: request, length: length, with: body)
        }
    }

    /// A JSON object of at least `count` bytes.
    init(oversized count: Int, like answer: GraphResponse, for request: RequestShape) {
        let (beginning, end) = (Array(#"{"id":""#.utf8), Array(#""}"#.utf8))
        let length = beginning.count + count + end.count
        var answer = answer
        answer.status = 200
        let opening = Self.opening(of: answer, for: request, length: length, with: beginning)
        self.init(status: 200, steps: opening + [.fill(count), .send(end)], end: request.keepsConnection ? .keep : .close)
    }

    /// The body in two chunks (RFC 9112, section 7.1), or in two frames of data over HTTP/2; its length is not said.
    init(chunked answer: GraphResponse, for request: RequestShape) {
        let half = answer.body.count / 2
        let pieces = [answer.body.prefix(half), answer.body.dropFirst(half)].filter { !$0.isEmpty }
        self.init(status: answer.status, steps: [], end: request.keepsConnection ? .keep : .close)
        if request.isHTTP2 {
            steps = Self.opening(of: answer, for: request, length: nil) + (request.isHead ? [] : pieces.map { .send(Array($0)) })
        } else {
            let chunks = pieces.flatMap { Array("\(String($0.count, radix: 16))\r\n".utf8) + $0 + Array("\r\n".utf8) }
            let body = request.isHead ? [] : chunks + Array("0\r\n\r\n".utf8)
            steps = Self.opening(of: answer, for: request, length: nil, with: body)
        }
    }

    /// Half of the body, then nothing more.
    init(halfOf answer: GraphResponse, for request: RequestShape, end: End) {
        let half = Array(answer.body.prefix(answer.body.count / 2))
        let steps = Self.opening(of: answer, for: request, length: answer.body.count, with: half)
        self.init(status: answer.status, steps: steps, end: end)
    }

    static func never(status: Int) -> ResponseScript {
        ResponseScript(status: status, steps: [], end: .never)
    }

    func delayed(by time: Duration) -> ResponseScript {
        ResponseScript(status: status, steps: [.wait(time)] + steps, end: end)
    }

    private static func whole(_ bytes: [UInt8]) -> [Step] {
        bytes.isEmpty ? [] : [.send(bytes)]
    }

    private static func trickle(_ bytes: [UInt8], _ pause: Duration) -> [Step] {
        bytes.flatMap { [.wait(pause), .send([$0])] }
    }

    /// Status and headers, with the first bytes of the body right behind.
    ///
    /// - Parameter length: Of the body; nil if it is not said.
    private static func opening(
        of answer: GraphResponse, for request: RequestShape, length: Int?, with body: [UInt8] = []
    ) -> [Step] {
        guard request.isHTTP2 else { return [.send(head(of: answer, for: request, length: length) + body)] }
        let lengths = length.map { [GraphResponse.Header("Content-Length", String($0))] } ?? []
        return [.head(status: answer.status, headers: answer.headers + lengths)] + whole(body)
    }

    /// The same at a byte a pause; over HTTP/2, where a head can't be sent in part, the whole of it after as long.
    private static func slowOpening(of answer: GraphResponse, for request: RequestShape, length: Int, pause: Duration) -> [Step] {
        let head = head(of: answer, for: request, length: length)
        guard request.isHTTP2 else { return trickle(head, pause) }
        return [.wait(pause * head.count)] + opening(of: answer, for: request, length: length)
    }

    /// Status line and headers (RFC 9112, sections 4 and 5).
    ///
    /// - Parameter length: Of the body; nil if it comes in chunks.
    private static func head(of answer: GraphResponse, for request: RequestShape, length: Int?) -> [UInt8] {
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
package struct RequestShape: Sendable, Hashable {
    /// A `HEAD` request: the response has no body.
    package var isHead: Bool
    /// Whether the connection stays open for another request.
    package var keepsConnection: Bool
    /// A call by HTTP/2, which has a stream of its own.
    package var isHTTP2: Bool

    package init(isHead: Bool = false, keepsConnection: Bool = true, isHTTP2: Bool = false) {
        self.isHead = isHead
        self.keepsConnection = keepsConnection
        self.isHTTP2 = isHTTP2
    }
}

/// Takes the steps of a delivery one after another, with their pauses.
final class ScriptRunner {
    private var timer: Scheduled<Void>?

    /// - Parameters:
    ///   - write: Called with each step; with a pause when it begins.
    ///   - end: Called after the last step.
    func start(
        _ script: ResponseScript, on loop: any EventLoop, write: @escaping (ResponseScript.Step) -> Void,
        end: @escaping (ResponseScript.End) -> Void
    ) {
        go(on: script, from: 0, loop, write, end)
    }

    func cancel() {
        timer?.cancel()
        timer = nil
    }

    private func go(
        on script: ResponseScript, from index: Int, _ loop: any EventLoop, _ write: @escaping (ResponseScript.Step) -> Void,
        _ end: @escaping (ResponseScript.End) -> Void
    ) {
        for position in index..<script.steps.count {
            let step = script.steps[position]
            write(step)
            guard case .wait(let time) = step else { continue }
            timer = loop.assumeIsolated().scheduleTask(in: TimeAmount(time)) {
                self.go(on: script, from: position + 1, loop, write, end)
            }
            return
        }
        end(script.end)
    }

    /// The byte `a`, this many times: pieces that share the memory of one.
    static func filling(_ count: Int) -> [ByteBuffer] {
        let piece = ByteBuffer(repeating: UInt8(ascii: "a"), count: min(count, 65_536))
        return stride(from: 0, to: count, by: 65_536).map { offset in
            piece.getSlice(at: 0, length: min(count - offset, piece.readableBytes)) ?? piece
        }
    }
}
