internal import DoormanClient
internal import NIOCore
internal import NIOTLS

/// Reports the events of one connection to its ``LoadLoop``.
final class LoadHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let loop: LoadLoop
    private let index: Int

    /// - Parameter index: The connection's index within the loop.
    init(loop: LoadLoop, index: Int) {
        self.loop = loop
        self.index = index
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        loop.receive(unwrapInboundIn(data), on: index)
    }

    /// Performs once per read, so that responses that arrive together cause one write.
    func channelReadComplete(context: ChannelHandlerContext) {
        loop.perform()
    }

    func channelInactive(context: ChannelHandlerContext) {
        loop.end(index, context.channel)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Mostly a reset. The end of the connection is counted, not its cause.
        context.close(promise: nil)
    }
}

/// Reports the end of a TLS handshake, so that no call starts before it and no latency includes it.
final class LoadHandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    /// Succeeds when the handshake completes; fails at the end of the connection at the latest.
    let completion: EventLoopPromise<Void>

    init(eventLoop: any EventLoop) {
        completion = eventLoop.makePromise()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { completion.succeed() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        completion.fail(error)
        context.fireErrorCaught(error)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        completion.fail(ConnectFailure.closedByPeer)
    }
}
