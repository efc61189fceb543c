import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL
import TestKit

/// A connection that sends requests byte for byte and collects the response bytes.
final class HTTPClient: Sendable {
    private let channel: any Channel
    private let received: NIOLockedValueBox<Received>

    struct Received {
        var bytes: [UInt8] = []
        var isClosed = false
        var error: (any Error)?

        var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    /// - Parameter tls: The context for HTTPS; `nil` for HTTP.
    init(port: Int, tls: NIOSSLContext? = nil) async throws {
        let received = NIOLockedValueBox(Received())
        self.received = received
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        let handler = try NIOSSLClientHandler(context: tls, serverHostname: "localhost")
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    try channel.pipeline.syncOperations.addHandler(Collector(received: received))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
    }

    func send(_ text: String) {
        channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
    }

    func send(_ bytes: [UInt8]) {
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    func stopReading() async throws { try await channel.setOption(.autoRead, value: false).get() }

    func get(_ target: String, method: String = "GET", headers: String = "") {
        send("\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n\(headers)\r\n")
    }

    var state: Received { received.withLockedValue { $0 } }

    /// Waits for a whole response and removes it from the received bytes.
    func response() async throws -> Wire {
        try await eventually("a whole response") { self.wholeLength != nil || self.state.isClosed }
        guard let length = wholeLength else { return Wire(state.text) }
        return received.withLockedValue { received in
            let wire = Wire(String(decoding: received.bytes.prefix(length), as: UTF8.self))
            received.bytes.removeFirst(length)
            return wire
        }
    }

    private var wholeLength: Int? {
        let wire = Wire(String(decoding: state.bytes.prefix(4096), as: UTF8.self))
        let headLength = wire.head.utf8.count + 4
        guard let length = wire.header("Content-Length").flatMap(Int.init), headLength <= state.bytes.count else { return nil }
        let whole = headLength + length
        return state.bytes.count >= whole ? whole : nil
    }

    func closed() async throws {
        try await eventually("the end of the connection") { self.state.isClosed }
    }

    func close() async {
        // The channel may be closed already.
        try? await channel.close()
    }
}

private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let received: NIOLockedValueBox<HTTPClient.Received>

    init(received: NIOLockedValueBox<HTTPClient.Received>) {
        self.received = received
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        received.withLockedValue { $0.bytes.append(contentsOf: bytes.readableBytesView) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        received.withLockedValue { $0.error = error }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        received.withLockedValue { $0.isClosed = true }
    }
}
