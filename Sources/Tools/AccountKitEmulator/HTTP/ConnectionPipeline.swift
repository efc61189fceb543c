internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTP2
internal import NIOSSL

/// Adds the handlers of a new connection. TLS negotiates HTTP/2 or HTTP/1.1 (RFC 7301); without TLS the protocol is HTTP/1.1, as it
/// was with Account Kit.
struct ConnectionPipeline: Sendable {
    let tls: NIOSSLContext?
    let limits: EmulatorSettings.Limits
    let responder: Responder
    /// Called when a connection has negotiated HTTP/2.
    let noteHTTP2: @Sendable () -> Void

    func build(on channel: any Channel) -> EventLoopFuture<Void> {
        guard let tls else {
            return channel.eventLoop.makeCompletedFuture {
                try addIdleHandler(to: channel)
                try addHTTP1(to: channel)
            }
        }
        return channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
            try addIdleHandler(to: channel)
        }.flatMap {
            channel.configureHTTP2SecureUpgrade(
                h2ChannelConfigurator: { channel in
                    noteHTTP2()
                    return endHandshake(on: channel, addHTTP2)
                },
                http1ChannelConfigurator: { endHandshake(on: $0, addHTTP1) })
        }.flatMapThrowing {
            try channel.pipeline.syncOperations.addHandler(HandshakeGuard())
        }
    }

    private func endHandshake(
        on channel: any Channel, _ addHandlers: (any Channel) throws -> Void
    ) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            let handshake = try pipeline.context(handlerType: HandshakeGuard.self)
            try addHandlers(channel)
            pipeline.removeHandler(context: handshake, promise: nil)
        }
    }

    private func addIdleHandler(to channel: any Channel) throws {
        try channel.pipeline.syncOperations.addHandler(IdleStateHandler(allTimeout: TimeAmount(limits.idleTimeout)))
    }

    private func addHTTP1(to channel: any Channel) throws {
        var parserLimits = NIOHTTPDecoderLimitConfiguration()
        parserLimits.maxHeaderFieldSize = limits.headBytes
        parserLimits.maxHeaderListSize = limits.headBytes
        let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: parserLimits)
        try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(decoder))
        try channel.pipeline.syncOperations.addHandler(HTTP1ConnectionHandler(responder: responder, limits: limits))
    }

    private func addHTTP2(to channel: any Channel) throws {
        let (responder, limits) = (responder, limits)
        let connectionHandler = HTTP2ConnectionHandler()
        let handler = NIOHTTP2Handler(
            mode: .server, eventLoop: channel.eventLoop, connectionConfiguration: .init(limits.http2),
            streamConfiguration: .init(limits.http2),
            streamDelegate: HTTP2ConnectionHandler.StreamObserver(connectionHandler, on: channel.eventLoop),
            inboundStreamInitializer: { stream in
                stream.eventLoop.makeCompletedFuture {
                    try stream.pipeline.syncOperations.addHandlers([
                        HTTP2FramePayloadToHTTP1ServerCodec(), HTTP2StreamHandler(responder: responder, limits: limits),
                    ])
                }
            })
        try channel.pipeline.syncOperations.addHandlers([handler, connectionHandler])
    }
}

extension NIOHTTP2Handler.ConnectionConfiguration {
    fileprivate init(_ limits: EmulatorSettings.HTTP2Limits) {
        self.init()
        initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: limits.streams),
            HTTP2Setting(parameter: .maxHeaderListSize, value: limits.headerListBytes),
            HTTP2Setting(parameter: .maxFrameSize, value: limits.frameBytes),
        ]
        // Faults send wrong lengths on purpose.
        contentLengthValidation = .disabled
        maximumSequentialContinuationFrames = limits.continuations
        maximumSequentialEmptyDataFrames = limits.emptyDataFrames
        maximumBufferedControlFrames = limits.unsentControlFrames
        maximumConnectionGlitches = limits.streamErrors
        // A client can have a frame on its way to each stream that a fault resets.
        maximumRecentlyResetStreams = limits.streams
        controlFrameRateLimit.maximumCount = limits.controlFramesPerSecond
        controlFrameRateLimit.windowLength = .seconds(1)
    }
}

extension NIOHTTP2Handler.StreamConfiguration {
    fileprivate init(_ limits: EmulatorSettings.HTTP2Limits) {
        self.init()
        streamResetFrameRateLimit.maximumCount = limits.resetsPerSecond
        streamResetFrameRateLimit.windowLength = .seconds(1)
        streamErrorRateLimit.maximumCount = limits.streamErrors
    }
}

/// Closes a connection that fails, idles or must stop before its protocol is negotiated. Removed after the handshake.
final class HandshakeGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Any

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is IdleStateHandler.IdleStateEvent, is ChannelShouldQuiesceEvent: context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
