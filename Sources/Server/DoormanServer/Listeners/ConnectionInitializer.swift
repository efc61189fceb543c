internal import CallerLimits
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
    let services: ConnectionServices
    let dispatchers: PerEventLoop<RequestDispatcher>
    let connections: ConnectionRegistry
    let handshakes: HandshakeQuotas

    /// Sets up the connection. Called on the channel's event loop.
    func admit(_ channel: any Channel) -> EventLoopFuture<Void> {
        guard connections.add(channel, maximum: settings.maximumConnections) else {
            return close(
                channel, "too_many_connections", "closed a new connection: server.max-connections reached",
                ["maximum": "\(settings.maximumConnections)"], at: .warning)
        }
        let connections = connections
        channel.closeFuture.whenComplete { _ in connections.remove(channel) }
        guard case .unixDomainSocket? = channel.localAddress else { return admitTCP(channel) }
        return Caller.ofProcess(behind: channel).flatMap { caller in
            guard settings.unixSocketCallers.isEmpty || settings.unixSocketCallers.contains(caller) else {
                return close(
                    channel, "unix_socket_caller", "closed a new connection: its user is not in server.unix-socket-callers",
                    ["caller": "\(caller)"], at: .notice)
            }
            return serve(channel, as: caller)
        }
    }

    private func admitTCP(_ channel: any Channel) -> EventLoopFuture<Void> {
        let address = channel.remoteAddress.flatMap(Caller.init(address:)) ?? .unknown
        guard let tls else { return serve(channel, as: address) }
        let dispatcher = dispatchers[channel.eventLoop]
        guard let permit = handshakes.permit(for: address, at: services.backend.timeSource.now()) else {
            return closeExcess(channel, of: address, limit: handshakes.limit)
        }
        return channel.eventLoop.makeCompletedFuture {
            let tls = TLSHandshake(tls)
            let handshake = HandshakeHandler(
                tls: tls, services: services, dispatcher: dispatcher, permit: permit, timeout: settings.handshakeTimeout)
            try channel.pipeline.syncOperations.addHandlers(tls.handler, handshake)
        }
    }

    private func serve(_ channel: any Channel, as caller: Caller) -> EventLoopFuture<Void> {
        let dispatcher = dispatchers[channel.eventLoop]
        let context = dispatcher.context(for: caller)
        guard
            let connection = AcceptedConnection(
                services: services, dispatcher: dispatcher, caller: context, path: .socket, localAddress: channel.localAddress),
            let handlers = connection.makeHandlers(for: nil)
        else { return closeExcess(channel, of: caller, limit: context.connectionLimit) }
        return channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandlers(handlers) }
    }

    /// Closes a connection of a caller that has as many connections as it may.
    private func closeExcess(_ channel: any Channel, of caller: Caller, limit: String) -> EventLoopFuture<Void> {
        close(
            channel, "too_many_connections_of_caller", "closed a new connection: its caller has too many",
            ["caller": "\(caller)", "limit": "\(limit)"], at: .warning)
    }

    private func close(
        _ channel: any Channel, _ reason: String, _ message: Logger.Message, _ metadata: Logger.Metadata, at level: Logger.Level
    ) -> EventLoopFuture<Void> {
        services.log.log(level, about: reason, message, metadata)
        dispatchers[channel.eventLoop].counters.countClosed(reason)
        return channel.close()
    }
}

/// Counts the connections of each address until their handshakes end and their certificates name the callers.
///
/// The limit is that of callers whose rule has none: a rule of the policy for an address is no rule for the callers behind it.
struct HandshakeQuotas: Sendable {
    private let limits: CallerQuota.Limits
    private let registry: CallerQuotaRegistry
    private let ipv6PrefixLength: Int

    init(_ settings: ServerSettings) {
        var limits = CallerQuota.Limits()
        limits.connections = DefaultCallerLimits(settings).connections
        self.limits = limits
        registry = CallerQuotaRegistry(maximumCallers: settings.maximumCallers)
        ipv6PrefixLength = settings.ipv6PrefixLength
    }

    /// The limit and its setting, for messages.
    var limit: String { "\(limits.connections ?? 0) (authorization.connections)" }

    /// Returns `nil` if the address has as many handshakes in progress as it may.
    func permit(for address: Caller, at now: Instant) -> ConnectionPermit? {
        let counted = address.counted(ipv6PrefixLength: ipv6PrefixLength)
        return ConnectionPermit(registry.quota(of: counted, limits, at: now))
    }
}
