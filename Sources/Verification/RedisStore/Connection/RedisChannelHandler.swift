internal import NIOCore
internal import NIOTLS

/// Decodes the replies of a channel for its connection. Confined to its event loop.
final class RedisChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let connection: RedisConnection
    private let speaksTLS: Bool
    /// Succeeds when commands can be sent, and fails if the connection can't be established.
    private let established: EventLoopPromise<Void>
    private var decoder = RESPDecoder()

    init(_ connection: RedisConnection, speaksTLS: Bool, established: EventLoopPromise<Void>) {
        self.connection = connection
        self.speaksTLS = speaksTLS
        self.established = established
    }

    func channelActive(context: ChannelHandlerContext) {
        connection.opened(context.channel)
        if !speaksTLS { established.succeed() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { established.succeed() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        decoder.append(unwrapInboundIn(data))
        do throws(RESPError) {
            while connection.closeReason == nil, let reply = try decoder.next() { connection.received(reply) }
        } catch {
            connection.close(because: error.description)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        established.fail(error)
        connection.close(because: ConnectionFailure(error).description)
    }

    func channelInactive(context: ChannelHandlerContext) {
        established.fail(ConnectionFailure.closed)
        connection.close(because: ConnectionFailure.closed.description)
    }
}
