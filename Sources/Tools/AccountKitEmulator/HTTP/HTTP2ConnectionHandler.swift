internal import NIOCore
internal import NIOHTTP2

/// What an HTTP/2 connection is apart from its streams: when it ends, and what it says before.
final class HTTP2ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    /// Told to a connection that is to end now, in good order, whatever its streams are doing.
    struct GoAwayEvent: Sendable {}

    private var context: ChannelHandlerContext?
    private var openStreams = 0
    private var lastStream = HTTP2StreamID.rootStream
    private var isEnding = false

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    private func noteBegin(of stream: HTTP2StreamID) {
        openStreams += 1
        lastStream = max(lastStream, stream)
    }

    private func noteEndOfStream() {
        openStreams -= 1
        guard isEnding, openStreams == 0, let context else { return }
        // The stream is told of while its last bytes are being written: let them go first.
        context.eventLoop.assumeIsolated().execute { context.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Settings, pings and windows, which NIO has dealt with.
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is IdleStateHandler.IdleStateEvent: context.close(promise: nil)
        case is GoAwayEvent:
            goAway(context)
            context.close(promise: nil)
        case is ChannelShouldQuiesceEvent:
            goAway(context)
            isEnding = true
            if openStreams == 0 { context.close(promise: nil) }
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    /// Says that no stream after the last one is looked at (RFC 9113, section 6.8).
    private func goAway(_ context: ChannelHandlerContext) {
        let payload = HTTP2Frame.FramePayload.goAway(lastStreamID: lastStream, errorCode: .noError, opaqueData: nil)
        context.writeAndFlush(wrapOutboundOut(HTTP2Frame(streamID: .rootStream, payload: payload)), promise: nil)
    }

    /// An error of one stream is that stream's own.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !(error is NIOHTTP2Errors.StreamError) { context.close(promise: nil) }
    }
}

/// Tells the handler of its streams: they have pipelines of their own.
extension HTTP2ConnectionHandler {
    struct StreamObserver: NIOHTTP2StreamDelegate {
        private let handler: NIOLoopBound<HTTP2ConnectionHandler>

        init(_ handler: HTTP2ConnectionHandler, on loop: any EventLoop) {
            self.handler = NIOLoopBound(handler, eventLoop: loop)
        }

        func streamCreated(_ id: HTTP2StreamID, channel: any Channel) {
            handler.value.noteBegin(of: id)
        }

        func streamClosed(_ id: HTTP2StreamID, channel: any Channel) {
            handler.value.noteEndOfStream()
        }
    }
}
