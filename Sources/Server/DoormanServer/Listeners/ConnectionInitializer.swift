internal import DoormanCore
internal import DoormanSupport
internal import Logging
internal import NIOCore
internal import NIOSSL

/// Takes in a connection that was just accepted, or closes it: counts it, finds out who is at its other end, and gives it the
/// handlers that it needs. A plain one gets a single handler.
struct ConnectionInitializer: Sendable {
    let settings: ServerSettings
    /// Of TCP connections. Those of a Unix socket never leave the machine.
    let tls: ReloadableTLSContext?
    let shared: ConnectionHandler.Shared
    let dispatchers: PerEventLoop<RequestDispatcher>
    let connections: ConnectionRegistry

    /// Called on the channel's event loop.
    func admit(_ channel: any Channel) -> EventLoopFuture<Void> {
        guard connections.add(channel, maximum: settings.maximumConnections) else {
            return close(
                channel, "too_many_connections", "closed a new connection: server.max-connections are open",
                ["maximum": "\(settings.maximumConnections)"])
        }
        let connections = connections
        channel.closeFuture.whenComplete { _ in connections.remove(channel) }
        guard case .unixDomainSocket? = channel.localAddress else { return admitTCP(channel) }
        return Caller.ofProcess(behind: channel).flatMap { caller in
            guard settings.unixSocketCallers.isEmpty || settings.unixSocketCallers.contains(caller) else {
                return close(
                    channel, "unix_socket_caller", "closed a new connection: server.unix-socket-callers does not name its user",
                    ["caller": "\(caller)"])
            }
            return serve(channel, as: caller)
        }
    }

    private func admitTCP(_ channel: any Channel) -> EventLoopFuture<Void> {
        guard let tls else {
            return serve(channel, as: channel.remoteAddress.flatMap(Caller.init(address:)) ?? .unknown)
        }
        return channel.eventLoop.makeCompletedFuture {
            let handler = NIOSSLServerHandler(context: tls.value.context)
            let handshake = HandshakeHandler(
                tls: handler, shared: shared, counters: dispatchers[channel.eventLoop].counters,
                timeout: settings.handshakeTimeout
            ) { caller in
                connectionHandler(for: channel, as: caller, path: .pipeline)
            }
            try channel.pipeline.syncOperations.addHandlers(handler, handshake)
        }
    }

    private func serve(_ channel: any Channel, as caller: Caller) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(connectionHandler(for: channel, as: caller, path: .socket))
        }
    }

    private func connectionHandler(
        for channel: any Channel, as caller: Caller, path: ConnectionHandler.Path
    ) -> ConnectionHandler {
        ConnectionHandler(shared: shared, dispatcher: dispatchers[channel.eventLoop], caller: caller, path: path)
    }

    private func close(
        _ channel: any Channel, _ why: String, _ message: Logger.Message, _ metadata: Logger.Metadata
    ) -> EventLoopFuture<Void> {
        shared.log.log(why == "too_many_connections" ? .warning : .notice, about: why, message, metadata)
        dispatchers[channel.eventLoop].counters.countClosed(why)
        return channel.close()
    }
}

/// Says in the log that connections can't be accepted, mostly for want of file descriptors. Behind `AcceptBackoffHandler`, which
/// has the listener pause meanwhile instead of trying again at once, for ever.
final class AcceptFailureHandler: ChannelInboundHandler, Sendable {
    typealias InboundIn = any Channel

    private let log: RateLimitedLogger

    init(log: RateLimitedLogger) {
        self.log = log
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is IOError else { return context.fireErrorCaught(error) }
        log.log(
            .error, about: "accept_failed", "connections can't be accepted for a while: see ulimit -n and server.max-connections",
            ["error": "\(error)"])
    }
}
