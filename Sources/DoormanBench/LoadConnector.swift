internal import NIOCore
internal import NIOPosix

/// Opens the connections of the load: the one place that knows how a channel is set up.
struct LoadConnector: Sendable {
    let address: BenchAddress
    let timeout: Duration

    /// Opens one of a loop's connections.
    func connect(_ loop: NIOLoopBoundBox<LoadLoop>, _ index: Int) -> EventLoopFuture<any Channel> {
        connected(loop, index).map { channel in
            loop.value.add(channel, index)
            return channel
        }
    }

    private func connected(_ loop: NIOLoopBoundBox<LoadLoop>, _ index: Int) -> EventLoopFuture<any Channel> {
        let bootstrap = ClientBootstrap(group: loop.eventLoop)
            .connectTimeout(.nanoseconds(max(1, timeout.nanoseconds)))
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelInitializer { channel in
                // For each address that is tried: a name may stand for several.
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(LoadHandler(loop: loop.value, index: index))
                }
            }
        switch address {
        case .hostAndPort(let host, let port):
            let tcp = bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1)
            // The resolver blocks a thread of a shared pool, so it is left alone where there is nothing to resolve.
            guard let address = try? SocketAddress(ipAddress: host, port: port) else { return tcp.connect(host: host, port: port) }
            return tcp.connect(to: address)
        case .unixSocket(let path):
            return bootstrap.connect(unixDomainSocketPath: path)
        }
    }
}
