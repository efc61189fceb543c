internal import DoormanSupport
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import NIOSSLExtras

/// Opens connections to servers, and sets up their channels.
struct Connector: Sendable {
    /// The maximum time to establish a connection, including the TLS handshake.
    let timeout: Duration
    /// `nil` for TCP without TLS.
    let tls: ClientTLS?
    let time: EventLoopTime
    let logger: Logger

    /// Opens a socket and adds `connection` to its channel.
    ///
    /// - Returns: A future that succeeds when the connection can send calls.
    func connect(to server: Server, _ connection: Connection, on eventLoop: any EventLoop) -> EventLoopFuture<Void> {
        let tooLate = time.schedule(in: timeout) {
            connection.established.fail(ConnectFailure.timedOut)
            connection.close()
        }
        let bound = NIOLoopBound(connection, eventLoop: eventLoop)
        channel(to: server, bound, on: eventLoop)
            .assumeIsolated()
            .whenFailure { connection.established.fail($0) }
        connection.established.futureResult.assumeIsolated().whenComplete { _ in tooLate.cancel() }
        return connection.established.futureResult
    }

    private func channel(
        to server: Server, _ connection: NIOLoopBound<Connection>, on eventLoop: any EventLoop
    ) -> EventLoopFuture<any Channel> {
        guard let tls, server.isTCP else { return open(server, nil, connection, on: eventLoop) }
        // It reads files.
        return BlockingWork.run(on: eventLoop) { try tls.current() }
            .flatMap { current in
                // Reading the files may take longer than the time for a connection.
                guard !connection.value.isGivenUp else { return eventLoop.makeFailedFuture(ConnectFailure.timedOut) }
                if let error = current.reloadError {
                    logger.error("changed TLS files not used, previous files stay in use", metadata: ["reason": "\(error)"])
                }
                return open(server, (current.context, tls.serverName(of: server)), connection, on: eventLoop)
            }
    }

    private func open(
        _ server: Server, _ secured: (context: NIOSSLContext, name: ServerName)?, _ connection: NIOLoopBound<Connection>,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<any Channel> {
        var bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(.nanoseconds(max(1, timeout.nanoseconds)))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let secured {
                        try channel.pipeline.syncOperations.addTLSClient(secured.context, verifying: secured.name)
                    }
                    try channel.pipeline.syncOperations.addHandler(connection.value)
                }
            }
        if server.isTCP {
            bootstrap =
                bootstrap
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelOption(.socketOption(.so_keepalive), value: 1)
        }
        return bootstrap.connect(to: server.address)
    }
}

extension Server {
    fileprivate var isTCP: Bool {
        if case .unixDomainSocket = address { false } else { true }
    }

    /// Whether its connections use TLS.
    func speaksTLS(_ tls: ClientTLS?) -> Bool { tls != nil && isTCP }
}
