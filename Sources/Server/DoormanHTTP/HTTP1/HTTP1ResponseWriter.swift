internal import DoormanWire
internal import NIOCore

/// Writes a response of HTTP/1.1 into a buffer.
struct HTTP1ResponseWriter: HTTPResponseWriter {
    /// What the response says about the connection.
    enum Persistence: Sendable, Hashable {
        /// Nothing: HTTP/1.1 keeps connections open.
        case keptByDefault
        /// An HTTP/1.0 client asked to keep the connection open.
        case kept
        case closes
    }

    /// The output, which the connection swaps in and out so that it is not copied.
    private(set) var buffer: ByteBuffer
    private let persistence: Persistence
    /// Whether the request was HEAD, whose response has headers only.
    private let omitsBody: Bool

    init(_ buffer: inout ByteBuffer, _ persistence: Persistence, omitsBody: Bool) {
        self.buffer = ByteBuffer()
        self.persistence = persistence
        self.omitsBody = omitsBody
        swap(&self.buffer, &buffer)
    }

    /// Gives the output back.
    mutating func finish(_ buffer: inout ByteBuffer) { swap(&self.buffer, &buffer) }

    mutating func begin(_ status: HTTPStatus) {
        if status == .ok {
            buffer.writeStaticString("HTTP/1.1 200 OK\r\n")
        } else {
            buffer.writeStaticString("HTTP/1.1 ")
            write(decimal: Int(status.rawValue))
            buffer.writeStaticString(" ")
            buffer.writeStaticString(status.phrase)
            buffer.writeStaticString("\r\n")
        }
        switch persistence {
        case .keptByDefault: break
        case .kept: buffer.writeStaticString("Connection: keep-alive\r\n")
        case .closes: buffer.writeStaticString("Connection: close\r\n")
        }
        buffer.writeStaticString("Cache-Control: no-store\r\n")
    }

    mutating func addHeader(_ name: HTTPHeaderName, _ value: StaticString) {
        buffer.writeStaticString(name.line)
        buffer.writeStaticString(value)
        buffer.writeStaticString("\r\n")
    }

    mutating func addHeader(_ name: HTTPHeaderName, _ value: Span<UInt8>) {
        buffer.writeStaticString(name.line)
        unsafe value.withUnsafeBytes { _ = unsafe buffer.writeBytes($0) }
        buffer.writeStaticString("\r\n")
    }

    mutating func end(_ body: ByteBuffer) {
        guard body.readableBytes > 0 else {
            buffer.writeStaticString("Content-Length: 0\r\n\r\n")
            return
        }
        buffer.writeStaticString("Content-Length: ")
        write(decimal: body.readableBytes)
        buffer.writeStaticString("\r\n\r\n")
        guard !omitsBody else { return }
        buffer.writeImmutableBuffer(body)
    }

    /// - Parameter number: A number that is not negative.
    private mutating func write(decimal number: Int) {
        if number >= 10 { write(decimal: number / 10) }
        buffer.writeInteger(UInt8(ascii: "0") + UInt8(number % 10))
    }
}
