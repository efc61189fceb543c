internal import Logging
internal import NIOCore

/// Says in the log that connections can't be accepted, mostly for want of file descriptors. Behind `AcceptBackoffHandler`, which
/// has the listener pause meanwhile instead of trying again at once, for ever.
final class AcceptFailureHandler: ChannelInboundHandler, Sendable {
    typealias InboundIn = any Channel

    private let log: LimitedLog

    init(log: LimitedLog) {
        self.log = log
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is IOError else { return context.fireErrorCaught(error) }
        log.log(
            .error, about: "accept_failed", "connections can't be accepted for a while: see ulimit -n and server.max-connections",
            ["error": "\(error)"])
    }
}
