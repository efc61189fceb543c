internal import NIOCore
internal import NIOPosix

/// Opens sockets to the server: the one place that knows how a channel is set up.
struct Connector: Sendable {
    let target: DoormanTarget
    /// How long one try may take.
    let timeout: Duration
    /// After how long without a byte either way a connection is told that it is idle.
    let idleTimeout: Duration

    /// - Parameter makeConnection: Called on the event loop for each address that is tried; a name may stand for several.
    func connect(
        on eventLoop: any EventLoop, makeConnection: @escaping () -> Connection
    ) -> EventLoopFuture<any Channel> {
        let makeConnection = NIOLoopBound(makeConnection, eventLoop: eventLoop)
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(.nanoseconds(max(1, timeout.nanoseconds)))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        IdleStateHandler(allTimeout: .nanoseconds(max(1, idleTimeout.nanoseconds))), makeConnection.value())
                }
            }
        switch target.address {
        case .hostAndPort(let host, let port):
            let tcp =
                bootstrap
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelOption(.socketOption(.so_keepalive), value: 1)
            // The resolver blocks a thread of a shared pool, so it is left alone where there is nothing to resolve.
            guard let address = try? SocketAddress(ipAddress: host, port: port) else { return tcp.connect(host: host, port: port) }
            return tcp.connect(to: address)
        case .unixSocket(let path):
            return bootstrap.connect(unixDomainSocketPath: path)
        }
    }
}
