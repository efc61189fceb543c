internal import DoormanCore
internal import DoormanSupport
internal import Logging
internal import NIOCore
internal import NIOSSL

/// Sets up an accepted connection or closes it. It counts the connection, identifies the caller and adds the channel handlers; a
/// plain connection needs one handler.
struct ConnectionInitializer: Sendable {
    let settings: ServerSettings
    /// The TLS context of TCP connections. Unix socket connections never use TLS.
    let tls: ReloadableTLSContext?
    let shared: ConnectionHandler.Shared
    let dispatchers: PerEventLoop<RequestDispatcher>
    let connections: ConnectionRegistry

    /// Sets up the connection. Called on the channel's event loop.
    func admit(_ channel: any Channel) -> EventLoopFuture<Void> {
        guard connections.add(channel, maximum: settings.maximumConnections) else {
            return close(
                channel, "too_many_connections", "closed a new connection: server.max-connections reached",
                ["maximum": "\(settings.maximumConnections)"])
        }
        let connections = connections
        channel.closeFuture.whenComplete { _ in connections.remove(channel) }
        guard case .unixDomainSocket? = channel.localAddress else { return admitTCP(channel) }
        return Caller.ofProcess(behind: channel).flatMap { caller in
            guard settings.unixSocketCallers.isEmpty || settings.unixSocketCallers.contains(caller) else {
                return close(
                    channel, "unix_socket_caller", "closed a new connection: its user is not in server.unix-socket-callers",
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
        _ channel: any Channel, _ reason: String, _ message: Logger.Message, _ metadata: Logger.Metadata
    ) -> EventLoopFuture<Void> {
        shared.log.log(reason == "too_many_connections" ? .warning : .notice, about: reason, message, metadata)
        dispatchers[channel.eventLoop].counters.countClosed(reason)
        return channel.close()
    }
}

/// Logs that accepting connections fails, mostly because no file descriptor is free. It stands behind `AcceptBackoffHandler`,
/// which pauses the listener instead of retrying in a tight loop.
final class AcceptFailureHandler: ChannelInboundHandler, Sendable {
    typealias InboundIn = any Channel

    private let log: RateLimitedLogger

    init(log: RateLimitedLogger) {
        self.log = log
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is IOError else { return context.fireErrorCaught(error) }
        log.log(
            .error, about: "accept_failed",
            "connections can't be accepted; backing off: raise ulimit -n or lower server.max-connections",
            ["error": "\(error)"])
    }
}
