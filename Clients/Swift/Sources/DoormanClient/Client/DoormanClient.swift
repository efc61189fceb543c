@_exported public import DoormanCore
internal import DoormanSupport
internal import DoormanWire
public import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
public import ServiceLifecycle

/// A client of Doorman servers, which verify tokens.
///
/// A client keeps one connection to each server. The first call opens it, and any number of tasks may use it concurrently. Keep one client
/// for the life of your service. It is a `Service` of swift-service-lifecycle: add it to your `ServiceGroup` before the services that use
/// it, and the group closes it after them. Without a group, call ``close()`` at the end.
///
/// Every method throws ``DoormanError``. Its ``DoormanError/kind-swift.property`` tells a rejected token from an unavailable verdict.
/// Every call has a deadline that covers name resolution, connecting, waiting and the response. Cancelling the task ends the call at once.
///
/// The client picks two servers at random for each call, and takes the server with fewer calls in flight. A server that drains, can't be
/// reached or does not respond gets no calls for a while, and passes a health check before it gets calls again. Its calls go to other
/// servers, as far as that is safe (``DoormanClientConfiguration``). A server that responds with errors goes on getting calls.
public final class DoormanClient: TokenVerifying, Service, Sendable {
    /// Runs tasks on the event loop of this client, for tasks that do little else than call it. It is one of the loops of
    /// `MultiThreadedEventLoopGroup.singleton`, which other libraries may use, too. Use it with `withTaskExecutorPreference`.
    ///
    /// A call by such a task does not change threads, and tasks that get their responses in one read resume together. Its use is optional.
    ///
    /// The tasks share this loop's thread with the connections. A task that computes for long, blocks, or only yields delays all responses,
    /// and may let deadlines pass.
    public let taskExecutor: any TaskExecutor

    let time: EventLoopTime
    let eventLoop: any EventLoop
    let dispatcher: NIOLoopBoundBox<Dispatcher>
    let submissions: SubmissionQueue
    let metrics: ClientMetrics
    let tracing: CallTracing
    let nearCache: NearCache?
    /// The targets, each once.
    let targets: [DoormanTarget]
    private let servers: String
    private let defaultTimeout: Nanoseconds

    /// Creates a client. The first call opens its connections.
    ///
    /// - Parameters:
    ///   - targets: The servers. Each address of a name is a server of its own.
    ///   - tls: The trusted authorities, and the client's certificate. Default `nil`: TCP connections without TLS.
    ///   - configuration: Timeouts, limits, and the reaction to servers that fail.
    ///   - logger: Logs events of connections and servers, never a token. Default `nil`: nothing is logged.
    public convenience init(
        targets: [DoormanTarget], tls: DoormanTLS? = nil, configuration: DoormanClientConfiguration = DoormanClientConfiguration(),
        logger: Logger? = nil
    ) {
        self.init(
            targets: targets, tls: tls, configuration: configuration, environment: Dispatcher.Environment(logger: logger))
    }

    /// Creates a client of one server or one name. See ``init(targets:tls:configuration:logger:)``.
    public convenience init(
        target: DoormanTarget, tls: DoormanTLS? = nil, configuration: DoormanClientConfiguration = DoormanClientConfiguration(),
        logger: Logger? = nil
    ) {
        self.init(targets: [target], tls: tls, configuration: configuration, logger: logger)
    }

    init(
        targets: [DoormanTarget], tls: DoormanTLS? = nil, configuration: DoormanClientConfiguration,
        environment: Dispatcher.Environment
    ) {
        let eventLoop = environment.time.eventLoop
        let directory = ServerDirectory(
            targets: targets, maximumServers: configuration.maximumServers, interval: configuration.lookUpInterval)
        self.time = environment.time
        self.eventLoop = eventLoop
        self.taskExecutor = environment.taskExecutor
        self.metrics = environment.metrics
        self.tracing = environment.tracing
        self.targets = targets.enumerated().filter { targets.firstIndex(of: $1) == $0 }.map(\.element)
        self.servers = directory.description
        self.defaultTimeout = Nanoseconds(configuration.timeout)
        self.nearCache = NearCache(capacity: configuration.nearCacheCapacity, ttl: configuration.nearCacheTTL)
        self.dispatcher = .makeBoxSendingValue(
            Dispatcher(servers: directory, tls: tls.map(ClientTLS.init), configuration: configuration, environment: environment),
            eventLoop: eventLoop)
        self.submissions = SubmissionQueue(
            eventLoop: eventLoop, dispatcher: dispatcher, maximumCompletions: configuration.maximumWaitingCalls)
    }

    deinit {
        // Each call keeps its client, so that no call is left. Connections may be open.
        eventLoop.execute { [dispatcher] in _ = dispatcher.value.close() }
    }

    /// Opens connections, and closes the client when the service group shuts down gracefully or the task is cancelled. Calls may be made
    /// before this runs.
    public func run() async throws {
        eventLoop.execute { [dispatcher] in dispatcher.value.warmUp() }
        try? await gracefulShutdown()
        await close()
    }

    /// Ends every call with ``UnavailableReason/clientClosed``, closes the connections, and returns when they are closed. Later calls fail
    /// with the same reason.
    public func close() async {
        nearCache?.close()
        // The only failure is that the event loop has ended, and the connections with it.
        try? await eventLoop.flatSubmit { [dispatcher] in dispatcher.value.close() }.get()
        // The loop releases closed connections in its next turn, so that none is left when this returns.
        try? await eventLoop.submit {}.get()
    }

    /// Returns the deadline of a call.
    ///
    /// - Parameter timeout: The caller's timeout; `nil` stands for ``DoormanClientConfiguration/timeout``.
    @inline(__always)
    func deadline(from start: Instant, _ timeout: Duration?) -> Deadline {
        Deadline(start.advanced(by: timeout.map { Nanoseconds($0) } ?? defaultTimeout))
    }
}

/// A dump of the properties would read state that belongs to the event loop.
extension DoormanClient: Redacted {
    /// The servers that it was given.
    public var description: String { "DoormanClient(\(servers))" }
}
