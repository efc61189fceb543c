internal import NIOCore
internal import NIOHTTP2

/// What an HTTP/2 connection is apart from its streams: when it ends, and what it says before.
final class HTTP2ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    /// Told to a connection that is to end now, in good order, whatever its streams are doing.
    struct GoAwayEvent: Sendable {}

    private var openStreams = 0
    private var lastStream = HTTP2StreamID.rootStream
    private var isEnding = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Settings, pings and windows, which NIO has dealt with.
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as NIOHTTP2StreamCreatedEvent:
            openStreams += 1
            lastStream = max(lastStream, event.streamID)
        case is StreamClosedEvent:
            openStreams -= 1
            if isEnding, openStreams == 0 { context.close(promise: nil) }
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
