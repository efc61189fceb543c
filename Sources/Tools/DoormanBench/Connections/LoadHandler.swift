internal import NIOCore

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
