package import DoormanServer
package import NIOCore
internal import NIOHTTP1

/// Serves the HTTP API over HTTP/1.1.
package struct HTTP1Endpoint: ProtocolEndpoint {
    /// The maximum bytes that the decoder keeps between two reads. It bounds what the limits of headers do not count, such as spaces.
    private static let maximumBufferedBytes = 2 * HTTP1Connection.maximumHeadBytes

    private let configuration: ReloadableHTTPConfiguration

    package init(_ configuration: ReloadableHTTPConfiguration) {
        self.configuration = configuration
    }

    package func makeHandlers(for connection: AcceptedConnection) -> [any ChannelHandler] {
        let channel = HTTP1Channel(isOnLoopback: connection.isOnLoopback)
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = HTTP1Connection.maximumHeadBytes
        limits.maxHeaderListSize = HTTP1Connection.maximumHeadBytes
        limits.maxHeaderFieldCount = HTTP1Connection.maximumHeaders
        let decoder = HTTPRequestDecoder(
            leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .drop, limitConfiguration: limits)
        return [
            HTTP1ReadHandler(channel), ByteToMessageHandler(decoder, maximumBufferSize: Self.maximumBufferedBytes),
            ConnectionHandler(connection) { HTTP1Connection($0, HTTPRouter(configuration), channel) },
        ]
    }
}

/// What a connection knows about its channel. Used on the channel's event loop only.
final class HTTP1Channel {
    /// Whether the connection came to a loopback address.
    let isOnLoopback: Bool
    /// Whether bytes have arrived after the last whole part of a request.
    var hasIncompletePart = false

    init(isOnLoopback: Bool) {
        self.isOnLoopback = isOnLoopback
    }
}

/// Stands before the decoder: bounds reads, and notes bytes that may be less than a part of a request.
final class HTTP1ReadHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// The maximum bytes of a read. All of its requests are decoded at once, and a small request takes 2 µs.
    private static let maximumReadBytes = 16 << 10

    private let channel: HTTP1Channel

    init(_ channel: HTTP1Channel) {
        self.channel = channel
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let allocator = AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 2048, maximum: Self.maximumReadBytes)
        try? context.channel.syncOptions?.setOption(.recvAllocator, value: allocator)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        channel.hasIncompletePart = true
        context.fireChannelRead(data)
    }
}
