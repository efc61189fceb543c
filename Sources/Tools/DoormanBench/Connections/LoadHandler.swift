internal import NIOCore
internal import NIOTLS

/// One connection of a ``LoadLoop``: tells it what happens on the socket.
final class LoadHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let loop: LoadLoop
    private let index: Int

    /// - Parameter index: Which of the loop's connections it is.
    init(loop: LoadLoop, index: Int) {
        self.loop = loop
        self.index = index
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        loop.receive(unwrapInboundIn(data), on: index)
    }

    /// One write a read: answers that came together make calls that leave together.
    func channelReadComplete(context: ChannelHandlerContext) {
        loop.perform()
    }

    func channelInactive(context: ChannelHandlerContext) {
        loop.end(index, context.channel)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset, mostly; the connection's end is what counts.
        context.close(promise: nil)
    }
}

/// Waits for the end of a TLS handshake, so that no call is due before it and none pays for it.
final class LoadHandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let promise: EventLoopPromise<Void>

    /// Kept or broken by the end of the connection at the latest.
    var isDone: EventLoopFuture<Void> { promise.futureResult }

    init(eventLoop: any EventLoop) {
        promise = eventLoop.makePromise()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { promise.succeed() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error)
        context.fireErrorCaught(error)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        promise.fail(ChannelError.eof)
    }
}
