internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

/// The handlers of each new connection, in order.
struct ConnectionPipeline: Sendable {
    let tls: NIOSSLContext?
    let scheme: String
    let limits: EmulatorSettings.Limits
    let logger: Logger
    let respond: @Sendable (Call, RequestForm) -> Emulation.Outcome

    func build(on channel: any Channel) throws {
        let pipeline = channel.pipeline.syncOperations
        if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
        try pipeline.addHandler(IdleStateHandler(allTimeout: TimeAmount(limits.idleTimeout)))
        var parserLimits = NIOHTTPDecoderLimitConfiguration()
        parserLimits.maxHeaderFieldSize = limits.headBytes
        parserLimits.maxHeaderListSize = limits.headBytes
        let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: parserLimits)
        try pipeline.addHandler(ByteToMessageHandler(decoder))
        try pipeline.addHandler(ConnectionHandler(scheme: scheme, limits: limits, logger: logger, respond: respond))
    }
}
