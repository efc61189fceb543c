internal import CallerLimits
package import DoormanCore
internal import DoormanSupport
internal import DoormanTracing
package import DoormanWire
package import Logging
internal import NIOConcurrencyHelpers
package import NIOCore
internal import NIOPosix
internal import ServiceLifecycle

/// The RPC server. It listens, and serves each connection on the event loop that accepted it.
///
/// ``run()`` serves until graceful shutdown, then drains: it stops accepting, answers new calls with `DRAINING`, finishes the
/// calls in flight, half-closes the connections and closes them. After ``ServerSettings/drainTimeout`` it closes the remaining
/// connections.
package final class DoormanServer: Service {
    private let settings: ServerSettings
    private let backend: any VerificationBackend
    private let logger: Logger
    private let group: any EventLoopGroup
    /// `nil` for plain TCP.
    private let tls: ReloadableTLSContext?
    private let dispatchers: PerEventLoop<RequestDispatcher>
    /// The latest policy and its generation.
    private let currentPolicy: NIOLockedValueBox<(policy: CallerPolicy, generation: Int)>
    private let quotas: CallerQuotaRegistry
    private let statisticsReader: CoalescedStatisticsReader<ServerStatistics>
    /// The statistics as a response frame's data.
    private let encodedStatistics: CoalescedStatisticsReader<[UInt8]>
    private let currentPhase = NIOLockedValueBox(ServerPhase.starting)
    private let connections = ConnectionRegistry()
    private let endpoints: [ServerProtocol: any ProtocolEndpoint]
    private let listeners = NIOLockedValueBox<[any Channel]>([])
    private let socketFile = NIOLockedValueBox<SocketFile?>(nil)
    /// Watches the event loops from the start to the end.
    private let lag = NIOLockedValueBox<EventLoopLag?>(nil)

    /// Calls get spans if the program has bootstrapped a tracer before.
    ///
    /// - Parameters:
    ///   - tls: The TLS configuration of TCP connections; `nil` (the default) for plain TCP.
    ///   - endpoints: The endpoints of the protocols besides ttrpc, which is always built in. None by default.
    ///   - group: The event loops that serve connections. The server does not shut the group down.
    package init(
        settings: ServerSettings, backend: any VerificationBackend, tls: ServerTLS? = nil,
        endpoints: [ServerProtocol: any ProtocolEndpoint] = [:], group: any EventLoopGroup, logger: Logger
    ) {
        self.settings = settings
        self.backend = backend
        self.group = group
        self.endpoints = endpoints
        self.logger = logger
        self.tls = tls.map { ReloadableTLSContext($0, offering: settings.protocols) }
        let policy = settings.policy ?? .standard
        currentPolicy = NIOLockedValueBox((policy, 0))
        let quotas = CallerQuotaRegistry(maximumCallers: settings.maximumCallers)
        self.quotas = quotas
        let inFlight = InFlightCounter(maximum: settings.maximumWaitingCalls)
        let tracer = CallTracer.bootstrapped
        dispatchers = PerEventLoop(group: group) {
            RequestDispatcher(
                backend: backend, policy: policy, quotas: quotas, inFlight: inFlight, settings: settings, tracer: tracer)
        }
        let reader = ServerStatisticsReader(
            settings: settings, dispatchers: dispatchers, inFlight: inFlight, connections: connections, tls: self.tls,
            time: backend.timeSource)
        let statisticsReader = CoalescedStatisticsReader {
            var statistics = backend.statistics()
            await reader.add(to: &statistics)
            return statistics
        }
        self.statisticsReader = statisticsReader
        encodedStatistics = CoalescedStatisticsReader { ResponseEncoder.encode(await statisticsReader.join().value) }
    }

    /// Listens, serves until graceful shutdown, and drains.
    ///
    /// - Throws: ``CannotListen`` if an address can't be bound.
    package func run() async throws {
        try await run {}
    }

    /// Does the same as ``run()``.
    ///
    /// - Parameter didListen: Called once every listener is open.
    package func run(didListen: @Sendable () -> Void) async throws {
        try await start()
        didListen()
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
    /// - Throws: ``CannotListen`` for the first address that can't be bound, or that is not a loopback address without TLS. Then
    ///   no listener stays open.
    package func start() async throws {
        let initializer = makeInitializer()
        let lag = EventLoopLag(group, dispatchers, now: backend.timeSource.now)
        self.lag.withLockedValue { $0 = lag }
        do {
            if let tcp = settings.tcp {
                try await listen(on: "\(tcp.host):\(tcp.port)", of: "server.address") {
                    try await tcp.bind { address, scope in
                        guard tls != nil || settings.allowsPlaintextFromNetwork || address.isLoopback else {
                            throw PlaintextFromNetwork()
                        }
                        return try await makeBootstrap(initializer).keepingAlive(settings.keepalive)
                            .limited(to: scope, address).bind(to: address).get()
                    }
                }
            }
            if let path = settings.unixSocketPath {
                try await listen(on: EchoedText.path(path) ?? "the path of server.unix-socket", of: "server.unix-socket") {
                    let lock = try SocketLock(forSocketAt: path)
                    defer { lock.release() }
                    let (file, descriptor) = try SocketFile.bind(path, mode: settings.unixSocketMode)
                    socketFile.withLockedValue { $0 = file }
                    return [try await makeBootstrap(initializer).withBoundSocket(descriptor).get()]
                }
            }
            for socket in settings.inheritedSockets {
                try await listen(on: "an inherited socket", of: "ListenStream= in the socket unit") {
                    [try await adopt(socket, initializer)]
                }
            }
        } catch {
            await stop()
            throw error
        }
        currentPhase.withLockedValue { if $0 == .starting { $0 = .serving } }
    }

    /// Whether the server accepts calls.
    package var phase: ServerPhase { currentPhase.withLockedValue { $0 } }

    /// Reads the statistics of the server and the layers below it. Reads at the same time are joined, so that frequent readers cost little.
    package func statistics() async -> ServerStatistics { await statisticsReader.join().value }

    /// The maximum callers with a quota of their own.
    package var maximumCallers: Int { quotas.maximumCallers }

    /// Changes the maximum callers with a quota of their own.
    package func limit(callers maximum: Int) {
        quotas.limit(callers: maximum)
    }

    /// Replaces certificates, key and authorities for new handshakes. Sessions of the old configuration can't be resumed. Connections
    /// whose callers' certificates the new authorities refuse drain. All others continue, and so do handshakes in progress.
    ///
    /// - Returns: A task that ends when the connections are checked.
    @discardableResult
    package func replaceTLS(_ new: ServerTLS) -> Task<Void, Never> {
        guard let tls else { preconditionFailure("a server that listens without TLS can't switch to TLS") }
        let old = tls.value
        tls.value = new
        logWarnings(of: new)
        logger.info("reloaded the TLS certificates", metadata: ["audit": "tls_reloaded"])
        // A handshake that ends from now on is checked at its end.
        return Task { [connections] in
            if !new.acceptsAll(of: old) { await connections.drainRefused(by: new) }
        }
    }

    /// Returns whether the server's certificate is valid; `nil` for a server without TLS.
    package func isCertificateValid(at now: Timestamp) -> Bool? { tls?.value.isCertificateValid(at: now) }

    /// The TLS material of new handshakes; `nil` for a server without TLS.
    package var tlsMaterial: TLSMaterial? { tls?.value.material }

    /// Replaces the policy for every call that is read from now on, also on open connections. Calls in flight continue. A caller
    /// whose rate limit is unchanged keeps its usage.
    ///
    /// - Returns: A task that ends when every event loop applies the policy.
    @discardableResult
    package func replacePolicy(_ new: CallerPolicy) -> Task<Void, Never> {
        // Submitted under the lock, so that after two concurrent replacements all loops end with the same policy.
        let replaced = currentPolicy.withLockedValue { current in
            let generation = current.generation + 1
            current = (new, generation)
            return dispatchers.onEach { $0.replacePolicy(new, generation: generation) }
        }
        logger.info("reloaded the caller policy", metadata: ["audit": "policy_reloaded"])
        // A loop that is shut down fails, and has no connections left.
        return Task { for loop in replaced { try? await loop.get() } }
    }

    /// The latest policy. Event loops apply it shortly after ``replacePolicy(_:)``.
    package var policy: CallerPolicy { currentPolicy.withLockedValue { $0.policy } }

    private func logWarnings(of tls: ServerTLS) {
        for warning in tls.warnings {
            logger.warning("a TLS certificate is outside its validity period", metadata: ["certificate": "\(warning)"])
        }
    }

    /// The addresses of the open listeners, with the ports that were chosen.
    package var addresses: [SocketAddress] {
        listeners.withLockedValue { $0.compactMap(\.localAddress) }
    }

    /// Returns how the calls and connections of all event loops ended.
    package func counters() async -> ServerCounters.Snapshot { await dispatchers.counters() }

    /// Returns the calls that all event loops have turned down since the last call of this function, and the failed calls since the start.
    package func takeEvents() async -> (callers: CallerEvents, failures: [Failure: UInt64]) {
        var (callers, failures) = (CallerEvents(), [Failure: UInt64]())
        for events in dispatchers.onEach({ ($0.counters.takeCallerEvents(), $0.counters.failures) }) {
            // A loop that is shut down fails and is left out.
            guard let events = try? await events.get() else { continue }
            callers.add(events.0)
            failures.merge(events.1, uniquingKeysWith: &+)
        }
        return (callers, failures)
    }

    /// The number of open connections.
    package var connectionCount: Int { connections.count }

    /// Stops accepting and lets every connection finish. Returns when the last connection is closed, or after
    /// ``ServerSettings/drainTimeout``.
    package func drain() async {
        currentPhase.withLockedValue { $0 = .draining }
        logger.info("draining", metadata: ["connections": "\(connections.count)"])
        await closeListeners()
        for channel in connections.all { channel.pipeline.fireUserInboundEventTriggered(DrainBegan()) }
        let remaining = await connections.waitUntilEmpty(timeout: settings.drainTimeout)
        if remaining > 0 {
            logger.warning(
                "closed connections that did not finish within server.drain-timeout", metadata: ["connections": "\(remaining)"])
        }
        await stop()
        logger.info("drained")
    }

    /// Closes all listeners and connections at once.
    package func stop() async {
        lag.withLockedValue { $0?.stop() }
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
        file?.removeIfOwned()
    }

    private func adopt(_ socket: InheritedSocket, _ initializer: ConnectionInitializer) async throws -> any Channel {
        guard tls != nil || settings.allowsPlaintextFromNetwork || socket.isLoopback else { throw PlaintextFromNetwork() }
        let bootstrap = makeBootstrap(initializer)
        return try await (socket.family == .tcp ? bootstrap.keepingAlive(settings.keepalive) : bootstrap)
            .withBoundSocket(socket.descriptor).get()
    }

    /// - Parameter setting: The setting to change if the address can't be bound.
    private func listen(on address: String, of setting: String, _ bind: () async throws -> [any Channel]) async throws {
        do {
            let bound = try await bind()
            listeners.withLockedValue { $0 += bound }
            for listener in bound {
                logger.info("listening", metadata: ["address": "\(listener.localAddress?.text ?? address)"])
            }
        } catch {
            throw CannotListen(address: address, setting: setting, cause: error)
        }
    }

    private func makeInitializer() -> ConnectionInitializer {
        let log = RateLimitedLogger(logger, now: backend.timeSource.now)
        // A setting that makes the log terse must not hide the acts of callers.
        var audit = logger
        audit.logLevel = .info
        let services = ConnectionServices(
            backend: backend, limits: settings.connection, statistics: encodedStatistics, log: log, audit: audit,
            protocols: settings.protocols, endpoints: endpoints)
        return ConnectionInitializer(
            settings: settings, tls: tls, services: services, dispatchers: dispatchers, connections: connections,
            handshakes: HandshakeQuotas(settings))
    }

    private func makeBootstrap(_ initializer: ConnectionInitializer) -> ServerBootstrap {
        let log = initializer.services.log
        let highWaterMark = settings.connection.writeBufferHighWaterMark
        return ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Int32(clamping: settings.acceptBacklog))
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // The default of 4 delays a burst of 2,000 connections by seconds.
            .serverChannelOption(.maxMessagesPerRead, value: 256)
            .serverChannelInitializer { [dispatchers] channel in
                channel.eventLoop.makeCompletedFuture {
                    let counters = dispatchers[channel.eventLoop].counters
                    try channel.pipeline.syncOperations.addHandler(
                        AcceptFailureHandler(log: log, onFailure: counters.countAcceptFailure))
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
