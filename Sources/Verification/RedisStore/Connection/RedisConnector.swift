internal import DoormanFleet
internal import DoormanSupport
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import NIOSSLExtras

/// Opens connections: TCP, and TLS that verifies the server's certificate and its name.
struct RedisConnector: Sendable {
    let settings: RedisStoreSettings
    /// `nil` for TCP without TLS.
    let tls: NIOSSLContext?
    let eventLoop: any EventLoop

    /// Opens a connection.
    ///
    /// - Throws: ``StoreError/unavailable(_:)``.
    func connect(to address: HostAndPort, until deadline: Deadline) async throws(StoreError) -> RedisConnection {
        let connection = RedisConnection(to: address, settings, on: eventLoop)
        let established = eventLoop.makePromise(of: Void.self)
        let moment = NIODeadline.uptimeNanoseconds(deadline.instant.nanoseconds)
        let tooLate = eventLoop.scheduleTask(deadline: moment) {
            established.fail(connection.isOpen ? ConnectionFailure.handshakeTimedOut : .timedOut)
        }
        open(connection, established, deadline.remaining(at: RedisConnection.now)).whenFailure { established.fail($0) }
        do {
            try await established.futureResult.get()
            tooLate.cancel()
            return connection
        } catch {
            tooLate.cancel()
            let reason = ConnectionFailure(error).description
            connection.close(because: reason)
            throw connection.unavailable(reason)
        }
    }

    private func open(
        _ connection: RedisConnection, _ established: EventLoopPromise<Void>, _ timeout: Duration
    ) -> EventLoopFuture<any Channel> {
        let address = connection.address
        return ClientBootstrap(group: eventLoop)
            .connectTimeout(.nanoseconds(max(1, timeout.nanoseconds)))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls { try pipeline.addTLSClient(tls, verifying: ServerName(address.host)) }
                    try pipeline.addHandler(
                        RedisChannelHandler(connection, speaksTLS: tls != nil, established: established))
                }
            }
            .connect(host: address.host, port: address.port)
    }
}
