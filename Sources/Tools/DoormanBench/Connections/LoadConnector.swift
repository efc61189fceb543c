internal import DoormanClient
internal import DoormanSupport
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import NIOSSLExtras

/// Opens the load's connections, each with its handlers and, where the settings say so, TLS.
struct LoadConnector: Sendable {
    /// The parts that all handshakes share.
    private struct TLS: Sendable {
        let context: NIOSSLContext
        let expectedName: ServerName
    }

    /// Maximum time to wait for the server's TLS close notification: 1 s.
    private static let shutdownTimeout = TimeAmount.seconds(1)

    private let target: DoormanTarget
    private let timeout: Duration
    private let tls: TLS?

    /// - Throws: If a TLS file of the settings can't be read or is invalid.
    init(_ settings: BenchSettings) throws {
        target = settings.address
        timeout = settings.connectTimeout
        // A Unix socket needs no TLS: the kernel vouches for both ends.
        guard case .hostAndPort = target.address, let tls = settings.tls else {
            self.tls = nil
            return
        }
        self.tls = TLS(
            context: try tls.makeContext { $0.shutdownTimeout = Self.shutdownTimeout }, expectedName: tls.expectedName(at: target))
    }

    /// Opens a connection of a loop and hands it to the loop.
    ///
    /// - Parameter index: The connection's index within the loop.
    func connect(_ loop: NIOLoopBoundBox<LoadLoop>, _ index: Int) -> EventLoopFuture<any Channel> {
        connected(loop, index).flatMap(handshakeCompleted).map { channel in
            loop.value.add(channel, index)
            return channel
        }
    }

    private func connected(_ loop: NIOLoopBoundBox<LoadLoop>, _ index: Int) -> EventLoopFuture<any Channel> {
        let bootstrap = ClientBootstrap(group: loop.eventLoop)
            .connectTimeout(timeAmount)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelInitializer { channel in
                // Called for each address that is tried: a name may resolve to several.
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addTLSClient(tls.context, verifying: tls.expectedName)
                        try channel.pipeline.syncOperations.addHandler(LoadHandshakeHandler(eventLoop: channel.eventLoop))
                    }
                    try channel.pipeline.syncOperations.addHandler(LoadHandler(loop: loop.value, index: index))
                }
            }
        switch target.address {
        case .hostAndPort(let host, let port):
            let tcp = bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1)
            // Literal addresses skip the resolver, which blocks a thread of a shared pool.
            guard let address = try? SocketAddress(ipAddress: host, port: port) else { return tcp.connect(host: host, port: port) }
            return tcp.connect(to: address)
        case .unixSocket(let path):
            return bootstrap.connect(unixDomainSocketPath: path)
        }
    }

    private func handshakeCompleted(_ channel: any Channel) -> EventLoopFuture<any Channel> {
        guard tls != nil else { return channel.eventLoop.makeSucceededFuture(channel) }
        let handshake: LoadHandshakeHandler
        do {
            handshake = try channel.pipeline.syncOperations.handler(type: LoadHandshakeHandler.self)
        } catch {
            // The connection has ended already and has no handlers left.
            return channel.eventLoop.makeFailedFuture(ConnectFailure.closedByPeer)
        }
        let completion = handshake.completion
        let timer = channel.eventLoop.scheduleTask(in: timeAmount) {
            completion.fail(ConnectFailure.timedOut)
            channel.close(promise: nil)
        }
        return completion.futureResult.map {
            timer.cancel()
            return channel
        }
    }

    private var timeAmount: TimeAmount { .nanoseconds(max(1, timeout.nanoseconds)) }
}
