internal import CallerLimits
internal import DoormanCore
internal import DoormanWire
package import Logging
internal import NIOConcurrencyHelpers
package import NIOCore
internal import NIOPosix
internal import ServiceLifecycle

/// The RPC server: listens, and serves each connection on the event loop that it fell to.
///
/// ``run()`` serves until graceful shutdown begins, then drains: it stops accepting, answers new calls `DRAINING`, finishes
/// what is in flight, half-closes, closes, and cuts off after ``ServerSettings/drainTimeout`` what is still there.
package final class DoormanServer: Service {
    private let settings: ServerSettings
    private let backend: any VerificationBackend
    private let logger: Logger
    private let group: any EventLoopGroup
    /// Nil where TCP is plain.
    private let tls: ReloadableTLSContext?
    private let dispatchers: PerEventLoop<RequestDispatcher>
    /// The policy that was given last, and its number.
    private let currentPolicy: NIOLockedValueBox<(policy: CallerPolicy, generation: Int)>
    private let statistics: CoalescedStatisticsReader
    private let connections = ConnectionRegistry()
    private let listeners = NIOLockedValueBox<[any Channel]>([])
    private let socketFile = NIOLockedValueBox<SocketFile?>(nil)

    /// - Parameters:
    ///   - tls: What TCP connections are served with; nil for plain ones.
    ///   - group: Where connections are served. The server does not shut it down.
    package init(
        settings: ServerSettings, backend: any VerificationBackend, tls: ServerTLS? = nil, group: any EventLoopGroup,
        logger: Logger
    ) {
        self.settings = settings
        self.backend = backend
        self.group = group
        self.logger = logger
        self.tls = tls.map(ReloadableTLSContext.init)
        let policy = settings.policy ?? .open(accountsCallers: settings.accountsCallers)
        currentPolicy = NIOLockedValueBox((policy, 0))
        let quotas = CallerQuotaRegistry(maximumCallers: settings.maximumCallers)
        let inFlight = InFlightCounter(maximum: settings.maximumWaitingCalls)
        dispatchers = PerEventLoop(group: group) {
            RequestDispatcher(
                backend: backend, policy: policy, quotas: quotas, inFlight: inFlight,
                maximumFrameLength: settings.connection.maximumFrameLength)
        }
        let reader = ServerStatisticsReader(
            settings: settings, dispatchers: dispatchers, inFlight: inFlight, connections: connections, tls: self.tls,
            time: backend.timeSource)
        statistics = CoalescedStatisticsReader {
            var statistics = backend.statistics()
            await reader.add(to: &statistics)
            return ResponseEncoder.encode(statistics)
        }
        if let tls { warn(of: tls) }
    }

    /// Listens, serves until shutdown, drains. Throws if an address can't be bound.
    package func run() async throws {
        try await start()
        do {
            try await gracefulShutdown()
        } catch is CancellationError {
            await stop()
            throw CancellationError()
        }
        await drain()
    }

    /// Binds every listener.
    ///
    /// - Throws: ``CannotListen`` for the first that can't be bound, or must not be: without TLS, TCP is for this machine alone. None
    ///   is left open then.
    package func start() async throws {
        let initializer = makeInitializer()
        do {
            if let tcp = settings.tcp {
                try await listen(on: "\(tcp.host):\(tcp.port)") {
                    let address = try SocketAddress.makeAddressResolvingHost(tcp.host, port: tcp.port)
                    guard tls != nil || settings.allowsPlaintextFromNetwork || address.isLoopback else {
                        throw PlaintextFromNetwork()
                    }
                    return try await makeBootstrap(initializer).keepingAlive(settings.keepalive).bind(to: address).get()
                }
            }
            if let path = settings.unixSocketPath {
                try await listen(on: path) {
                    let (file, descriptor) = try SocketFile.bind(path, mode: settings.unixSocketMode)
                    socketFile.withLockedValue { $0 = file }
                    return try await makeBootstrap(initializer).withBoundSocket(descriptor).get()
                }
            }
        } catch {
            await stop()
            throw error
        }
    }

    /// Has the next handshakes made with other certificates, keys or authorities. Connections that there are, and handshakes that have
    /// begun, go on; no session that began with the old ones is resumed.
    package func replaceTLS(_ new: ServerTLS) {
        guard let tls else { preconditionFailure("what is listened on was chosen for a server without TLS") }
        tls.value = new
        warn(of: new)
        logger.info("replaced TLS: the next handshakes are made with it")
    }

    /// What the next handshake is made of; nil for a server without TLS.
    package var tlsMaterial: TLSMaterial? { tls?.value.material }

    /// Has every call that is read from now on judged by another policy, on connections that there are too. Calls that wait go on.
    /// A caller whose rate is the same as before keeps what it has taken of it.
    ///
    /// - Returns: A task that ends when every event loop goes by it.
    @discardableResult
    package func replacePolicy(_ new: CallerPolicy) -> Task<Void, Never> {
        // Under the lock, so that of two policies that are given at the same time all loops end with the same one.
        let replaced = currentPolicy.withLockedValue { current in
            let generation = current.generation + 1
            current = (new, generation)
            return dispatchers.onEach { $0.replacePolicy(new, generation: generation) }
        }
        logger.info("replaced the policy of callers: calls are judged by it")
        // A loop that is shut down has no connections left.
        return Task { for loop in replaced { try? await loop.get() } }
    }

    /// By which calls are judged, or soon will be.
    package var policy: CallerPolicy { currentPolicy.withLockedValue { $0.policy } }

    private func warn(of tls: ServerTLS) {
        for warning in tls.warnings { logger.warning("\(warning)") }
    }

    /// The addresses that are listened on, with the ports that were chosen.
    package var addresses: [SocketAddress] {
        listeners.withLockedValue { $0.compactMap(\.localAddress) }
    }

    /// How the calls and connections of all event loops ended.
    package func counters() async -> ServerCounters.Snapshot { await dispatchers.counters() }

    /// Connections that are open now.
    package var connectionCount: Int { connections.count }

    /// Stops accepting, lets every connection finish, and returns when the last is gone or the time is up.
    package func drain() async {
        logger.info("draining", metadata: ["connections": "\(connections.count)"])
        await closeListeners()
        for channel in connections.all { channel.pipeline.fireUserInboundEventTriggered(DrainBegan()) }
        let remaining = await connections.waitUntilEmpty(timeout: settings.drainTimeout)
        if remaining > 0 {
            logger.warning(
                "cut off connections that were not finished within server.drain-timeout", metadata: ["connections": "\(remaining)"])
        }
        await stop()
        logger.info("drained")
    }

    /// Closes everything at once.
    package func stop() async {
        await closeListeners()
        let closings = connections.all.map { $0.close() }
        for closing in closings { try? await closing.get() }
    }

    private func closeListeners() async {
        let open = listeners.withLockedValue { listeners in
            defer { listeners = [] }
            return listeners
        }
        for listener in open { try? await listener.close() }
        let file = socketFile.withLockedValue { file in
            defer { file = nil }
            return file
        }
        file?.removeIfStillThere()
    }

    private func listen(on address: String, _ bind: () async throws -> any Channel) async throws {
        do {
            let listener = try await bind()
            listeners.withLockedValue { $0.append(listener) }
            logger.info("listening", metadata: ["address": "\(listener.localAddress?.description ?? address)"])
        } catch {
            throw CannotListen(address: address, cause: error)
        }
    }

    private func makeInitializer() -> ConnectionInitializer {
        let log = RateLimitedLogger(logger, now: backend.timeSource.now)
        let shared = ConnectionHandler.Shared(
            backend: backend, limits: settings.connection, statistics: statistics, log: log)
        return ConnectionInitializer(
            settings: settings, tls: tls, shared: shared, dispatchers: dispatchers, connections: connections)
    }

    private func makeBootstrap(_ initializer: ConnectionInitializer) -> ServerBootstrap {
        let log = initializer.shared.log
        let highWaterMark = settings.connection.writeBufferHighWaterMark
        return ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Int32(clamping: settings.acceptBacklog))
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // The default of 4 makes a burst of 2,000 connections wait for seconds.
            .serverChannelOption(.maxMessagesPerRead, value: 256)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(AcceptBackoffHandler(), AcceptFailureHandler(log: log))
                }
            }
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(
                .writeBufferWaterMark, value: ChannelOptions.Types.WriteBufferWaterMark(low: highWaterMark / 2, high: highWaterMark)
            )
            .childChannelInitializer(initializer.admit)
    }
}

/// An address that can't be listened on.
package struct CannotListen: Error, CustomStringConvertible {
    package let address: String
    package let cause: any Error

    package var description: String { "cannot listen on \(address): \(cause)" }
}
