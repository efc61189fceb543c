internal import DoormanClient
internal import DoormanSupport
internal import NIOCore
internal import NIOPosix
internal import NIOSSL

/// Opens the connections of the load: the one place that knows how a channel is set up.
struct LoadConnector: Sendable {
    /// What every handshake is made of.
    private struct TLS: Sendable {
        let context: NIOSSLContext
        let expectedName: String?
    }

    /// Time that a server has for its own end of a TLS connection: 1 s.
    private static let shutdownTimeout = TimeAmount.seconds(1)

    private let target: DoormanTarget
    private let timeout: Duration
    private let tls: TLS?

    /// - Throws: If a file of the settings' TLS can't be used.
    init(_ settings: BenchSettings) throws {
        target = settings.address
        timeout = settings.connectTimeout
        // Through a Unix socket a connection is plain: the kernel vouches for both ends.
        guard case .hostAndPort = target.address, let tls = settings.tls else {
            self.tls = nil
            return
        }
        self.tls = TLS(
            context: try tls.makeContext { $0.shutdownTimeout = Self.shutdownTimeout }, expectedName: tls.expectedName(at: target))
    }

    /// Opens one of a loop's connections.
    func connect(_ loop: NIOLoopBoundBox<LoadLoop>, _ index: Int) -> EventLoopFuture<any Channel> {
        connected(loop, index).flatMap(handshakeDone).map { channel in
            loop.value.add(channel, index)
            return channel
        }
    }

    private func connected(_ loop: NIOLoopBoundBox<LoadLoop>, _ index: Int) -> EventLoopFuture<any Channel> {
        let bootstrap = ClientBootstrap(group: loop.eventLoop)
            .connectTimeout(timeAmount)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelInitializer { channel in
                // For each address that is tried: a name may stand for several.
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandlers(
                            NIOSSLClientHandler(context: tls.context, serverHostname: tls.expectedName),
                            LoadHandshakeHandler(eventLoop: channel.eventLoop))
                    }
                    try channel.pipeline.syncOperations.addHandler(LoadHandler(loop: loop.value, index: index))
                }
            }
        switch target.address {
        case .hostAndPort(let host, let port):
            let tcp = bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1)
            // The resolver blocks a thread of a shared pool, so it is left alone where there is nothing to resolve.
            guard let address = try? SocketAddress(ipAddress: host, port: port) else { return tcp.connect(host: host, port: port) }
            return tcp.connect(to: address)
        case .unixSocket(let path):
            return bootstrap.connect(unixDomainSocketPath: path)
        }
    }

    private func handshakeDone(_ channel: any Channel) -> EventLoopFuture<any Channel> {
        guard tls != nil else { return channel.eventLoop.makeSucceededFuture(channel) }
        let handshake: LoadHandshakeHandler
        do {
            handshake = try channel.pipeline.syncOperations.handler(type: LoadHandshakeHandler.self)
        } catch {
            // It ended at once, and its handlers are gone.
            return channel.eventLoop.makeFailedFuture(ChannelError.eof)
        }
        let timer = channel.eventLoop.scheduleTask(in: timeAmount) { channel.close(promise: nil) }
        return handshake.isDone.map {
            timer.cancel()
            return channel
        }
    }

    private var timeAmount: TimeAmount { .nanoseconds(max(1, timeout.nanoseconds)) }
}
