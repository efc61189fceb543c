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
        var connection = NIOHTTP2Handler.ConnectionConfiguration()
        connection.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: limits.streams),
            // Each field counts 32 bytes more than its name and value (RFC 9113, section 6.5.2).
            HTTP2Setting(parameter: .maxHeaderListSize, value: 2 * limits.headBytes),
        ]
        // Faults send wrong lengths on purpose.
        connection.contentLengthValidation = .disabled
        var stream = NIOHTTP2Handler.StreamConfiguration()
        // Clients give up many requests because of faults, which is no attack.
        stream.streamResetFrameRateLimit.maximumCount = 10_000
        stream.streamResetFrameRateLimit.windowLength = .seconds(1)
        let (responder, limits) = (responder, limits)
        let connectionHandler = HTTP2ConnectionHandler()
        let handler = NIOHTTP2Handler(
            mode: .server, eventLoop: channel.eventLoop, connectionConfiguration: connection, streamConfiguration: stream,
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
