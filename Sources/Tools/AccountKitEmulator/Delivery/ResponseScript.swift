/// A description of sending a response: the pieces, the waits between them, and the end of the connection or stream. A
/// ``ScriptRunner`` carries it out.
///
/// Over HTTP/1.1 the script contains the bytes of the head. NIO's encoder can't send half a header, a wrong length or one byte at a
/// time. Over HTTP/2 a head is indivisible.
package struct ResponseScript: Sendable, Hashable {
    package enum Step: Sendable, Hashable {
        case wait(Duration)
        /// Sends status and headers; over HTTP/2 only.
        case head(status: Int, headers: [GraphResponse.Header])
        /// Sends bytes of the body; over HTTP/1.1 also those of the status line and headers.
        case send([UInt8])
        /// Sends the byte `a` so many times.
        case fill(Int)
    }

    package enum End: Sendable, Hashable {
        /// Completes the response and keeps the connection for the next request.
        case keep
        /// Completes the response and closes the connection; over HTTP/1.1 only.
        case close
        /// Resets the TCP connection over HTTP/1.1, the request's stream over HTTP/2.
        case reset
        /// Resets the TCP connection.
        case resetConnection
        /// Closes the connection in good order, with the response incomplete.
        case goAway
        /// Leaves the request without a response.
        case never
    }

    /// The status for the log.
    package let status: Int
    package var steps: [Step]
    package let end: End

    private init(status: Int, steps: [Step], end: End) {
        self.status = status
        self.steps = steps
        self.end = end
    }

    /// Creates the script of a complete response.
    ///
    /// - Parameters:
    ///   - headPause: The pause before each byte of status line and headers; `nil` to send them at once.
    ///   - bodyPause: The pause before each byte of the body; `nil` to send it at once. Ignored if there is a `headPause`.
    init(_ response: GraphResponse, for shape: RequestShape, headPause: Duration? = nil, bodyPause: Duration? = nil) {
        let body = shape.isHead ? [] : response.body
        let length = response.body.count
        self.init(status: response.status, steps: [], end: shape.keepsConnection ? .keep : .close)
        if let headPause {
            steps = Self.slowOpening(of: response, for: shape, length: length, pause: headPause) + Self.whole(body)
        } else if let bodyPause {
            steps = Self.opening(of: response, for: shape, length: length) + Self.trickle(body, bodyPause)
        } else {
            steps = Self.opening(of: response, for: shape, length: length, with: body)
        }
    }

    /// Creates the script of a JSON object of at least `count` bytes, with the headers of `response`.
    init(oversized count: Int, like response: GraphResponse, for shape: RequestShape) {
        let (beginning, end) = (Array(#"{"id":""#.utf8), Array("\"}\n".utf8))
        let length = beginning.count + count + end.count
        var response = response
        response.status = 200
        let opening = Self.opening(of: response, for: shape, length: length, with: beginning)
        self.init(status: 200, steps: opening + [.fill(count), .send(end)], end: shape.keepsConnection ? .keep : .close)
    }

    /// Creates the script of a response without a length: two chunks over HTTP/1.1 (RFC 9112, section 7.1), or two data frames over
    /// HTTP/2.
    init(chunked response: GraphResponse, for shape: RequestShape) {
        let half = response.body.count / 2
        let pieces = [response.body.prefix(half), response.body.dropFirst(half)].filter { !$0.isEmpty }
        self.init(status: response.status, steps: [], end: shape.keepsConnection ? .keep : .close)
        if shape.isHTTP2 {
            steps = Self.opening(of: response, for: shape, length: nil) + (shape.isHead ? [] : pieces.map { .send(Array($0)) })
        } else {
            let chunks = pieces.flatMap { Array("\(String($0.count, radix: 16))\r\n".utf8) + $0 + Array("\r\n".utf8) }
            let body = shape.isHead ? [] : chunks + Array("0\r\n\r\n".utf8)
            steps = Self.opening(of: response, for: shape, length: nil, with: body)
        }
    }

    /// Creates the script of a response that ends after half of its body.
    init(halfOf response: GraphResponse, for shape: RequestShape, end: End) {
        let half = Array(response.body.prefix(response.body.count / 2))
        let steps = Self.opening(of: response, for: shape, length: response.body.count, with: half)
        self.init(status: response.status, steps: steps, end: end)
    }

    /// Returns a script that sends nothing.
    static func never(status: Int) -> ResponseScript {
        ResponseScript(status: status, steps: [], end: .never)
    }

    /// Returns this script after a wait.
    func delayed(by time: Duration) -> ResponseScript {
        ResponseScript(status: status, steps: [.wait(time)] + steps, end: end)
    }

    private static func whole(_ bytes: [UInt8]) -> [Step] {
        bytes.isEmpty ? [] : [.send(bytes)]
    }

    private static func trickle(_ bytes: [UInt8], _ pause: Duration) -> [Step] {
        bytes.flatMap { [.wait(pause), .send([$0])] }
    }

    /// Returns the steps for status and headers, followed by the first bytes of the body.
    ///
    /// - Parameter length: Length of the body; `nil` to send none.
    private static func opening(
        of response: GraphResponse, for shape: RequestShape, length: Int?, with body: [UInt8] = []
    ) -> [Step] {
        guard shape.isHTTP2 else { return [.send(head(of: response, for: shape, length: length) + body)] }
        let lengths = length.map { [GraphResponse.Header("Content-Length", String($0))] } ?? []
        return [.head(status: response.status, headers: response.headers + lengths)] + whole(body)
    }

    /// Returns the steps for status and headers with a pause before each byte. Over HTTP/2 the whole head is delayed by the same
    /// time.
    private static func slowOpening(of response: GraphResponse, for shape: RequestShape, length: Int, pause: Duration) -> [Step] {
        let head = head(of: response, for: shape, length: length)
        guard shape.isHTTP2 else { return trickle(head, pause) }
        return [.wait(pause * head.count)] + opening(of: response, for: shape, length: length)
    }

    /// Returns the bytes of status line and headers (RFC 9112, sections 4 and 5).
    ///
    /// - Parameter length: Length of the body; `nil` if it is chunked.
    private static func head(of response: GraphResponse, for shape: RequestShape, length: Int?) -> [UInt8] {
        var text = "HTTP/1.1 \(response.status) \(reason(response.status))\r\n"
        for header in response.headers {
            text += "\(header.name): \(header.value)\r\n"
        }
        text += length.map { "Content-Length: \($0)\r\n" } ?? "Transfer-Encoding: chunked\r\n"
        if !shape.keepsConnection { text += "Connection: close\r\n" }
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

/// The properties of a request that decide how its response is framed.
package struct RequestShape: Sendable, Hashable {
    /// Whether the method is `HEAD`: the response has no body.
    package var isHead: Bool
    /// Whether the connection stays open for another request.
    package var keepsConnection: Bool
    /// Whether the request came over HTTP/2, on a stream of its own.
    package var isHTTP2: Bool

    package init(isHead: Bool = false, keepsConnection: Bool = true, isHTTP2: Bool = false) {
        self.isHead = isHead
        self.keepsConnection = keepsConnection
        self.isHTTP2 = isHTTP2
    }
}
