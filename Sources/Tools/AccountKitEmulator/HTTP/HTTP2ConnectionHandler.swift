internal import NIOCore
internal import NIOHTTP2

/// An HTTP/2 connection apart from its streams: decides when it closes, and sends `GOAWAY` first.
final class HTTP2ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

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
        // NIO reports the end of a stream while it writes the last bytes: closing now would discard them.
        context.eventLoop.assumeIsolated().execute { context.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // NIO handles settings, pings and window updates.
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

    /// Sends `GOAWAY`: streams after the last one are ignored (RFC 9113, section 6.8).
    private func goAway(_ context: ChannelHandlerContext) {
        let payload = HTTP2Frame.FramePayload.goAway(lastStreamID: lastStream, errorCode: .noError, opaqueData: nil)
        context.writeAndFlush(wrapOutboundOut(HTTP2Frame(streamID: .rootStream, payload: payload)), promise: nil)
    }

    /// Closes the connection, unless the error concerns one stream only.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !(error is NIOHTTP2Errors.StreamError) { context.close(promise: nil) }
    }
}

/// Reports the streams to the handler, because they have pipelines of their own.
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
