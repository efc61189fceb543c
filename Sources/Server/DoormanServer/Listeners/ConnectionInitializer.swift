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
        let address = channel.remoteAddress.flatMap(Caller.init(address:)) ?? .unknown
        guard let tls else { return serve(channel, as: address) }
        let dispatcher = dispatchers[channel.eventLoop]
        // The certificate will name the caller. Until then the connection counts as one of its address.
        let caller = dispatcher.context(for: address)
        guard let permit = ConnectionPermit(of: caller) else { return closeExcess(channel, of: caller) }
        return channel.eventLoop.makeCompletedFuture {
            let tls = TLSHandshake(tls)
            let handshake = HandshakeHandler(
                tls: tls, shared: shared, dispatcher: dispatcher, permit: permit, timeout: settings.handshakeTimeout)
            try channel.pipeline.syncOperations.addHandlers(tls.handler, handshake)
        }
    }

    private func serve(_ channel: any Channel, as caller: Caller) -> EventLoopFuture<Void> {
        let dispatcher = dispatchers[channel.eventLoop]
        let context = dispatcher.context(for: caller)
        guard let handler = ConnectionHandler(shared: shared, dispatcher: dispatcher, caller: context, path: .socket) else {
            return closeExcess(channel, of: context)
        }
        return channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler) }
    }

    /// Closes a connection of a caller that has as many connections as it may.
    private func closeExcess(_ channel: any Channel, of caller: CallerContext) -> EventLoopFuture<Void> {
        close(
            channel, "too_many_connections_of_caller", "closed a new connection: its caller has too many",
            ["caller": "\(caller.caller)", "limit": "\(caller.connectionLimit)"])
    }

    private func close(
        _ channel: any Channel, _ reason: String, _ message: Logger.Message, _ metadata: Logger.Metadata
    ) -> EventLoopFuture<Void> {
        shared.log.log(reason.hasPrefix("too_many_connections") ? .warning : .notice, about: reason, message, metadata)
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
