@_exported public import DoormanCore
internal import DoormanSupport
internal import DoormanWire
public import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
public import ServiceLifecycle

/// A client of Doorman servers, which verify tokens.
///
/// A client holds one connection to each server, opened by the first call, and any number of tasks may use it at once. Keep one for
/// the life of your service. It is a `Service` of swift-service-lifecycle: give it to your `ServiceGroup` before the services that use
/// it, and it is closed after them. Otherwise ``close()`` it at the end.
///
/// Every method throws ``DoormanError``. Its ``DoormanError/kind-swift.property`` tells a rejected token from an unavailable verdict.
/// Every call has a deadline that covers name resolution, connecting, waiting and the response. Cancelling the task ends the call at once.
///
/// The client picks two servers at random for each call, and takes the server with fewer calls in flight. A server that drains, fails or
/// does not respond gets no calls for a while, and passes a health check before it gets calls again. Its calls go to other servers, as
/// far as that is safe (``DoormanClientConfiguration``).
public final class DoormanClient: TokenVerifying, Service, Sendable {
    /// Runs tasks on the thread that this client does its work on, for those that do little else than call it.
    ///
    /// A call by such a task changes no thread, and the tasks whose answers came together are woken together. Use it with
    /// `withTaskExecutorPreference`.
    ///
    /// All of them share the one thread with the connections: a task that computes for long, or blocks, keeps everybody's answers
    /// waiting, and may let deadlines pass; so does one that only yields. Nothing needs to run here; without it, tasks run where they
    /// are.
    public let taskExecutor: any TaskExecutor

    let time: EventLoopTime
    let eventLoop: any EventLoop
    let dispatcher: NIOLoopBoundBox<Dispatcher>
    let submissions: SubmissionQueue
    let metrics: ClientMetrics
    let nearCache: NearCache?
    private let servers: String
    private let defaultTimeout: Nanoseconds

    /// Creates a client. The first call opens its connections.
    ///
    /// - Parameters:
    ///   - targets: The servers. A name may stand for several: each of its addresses is one.
    ///   - tls: How servers prove who they are, and the client to them. Default `nil`: TCP connections have no TLS.
    ///   - configuration: Timeouts, limits, and the reaction to servers that fail.
    ///   - logger: Logs events of connections and servers, never a token. Default `nil`: nothing is logged.
    public convenience init(
        targets: [DoormanTarget], tls: DoormanTLS? = nil, configuration: DoormanClientConfiguration = DoormanClientConfiguration(),
        logger: Logger? = nil
    ) {
        self.init(
            targets: targets, tls: tls, configuration: configuration, environment: Dispatcher.Environment(logger: logger))
    }

    /// Creates a client of one server or one name, as ``init(targets:tls:configuration:logger:)`` does of several.
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
        self.servers = directory.description
        self.defaultTimeout = Nanoseconds(configuration.timeout)
        self.nearCache = NearCache(capacity: configuration.nearCacheCapacity, lifetime: configuration.nearCacheLifetime)
        self.dispatcher = .makeBoxSendingValue(
            Dispatcher(servers: directory, tls: tls.map(ClientTLS.init), configuration: configuration, environment: environment),
            eventLoop: eventLoop)
        self.submissions = SubmissionQueue(
            eventLoop: eventLoop, dispatcher: dispatcher, maximumCompletions: configuration.maximumWaitingCalls)
    }

    deinit {
        // No call is left, since each holds its client; only connections may be open.
        eventLoop.execute { [dispatcher] in _ = dispatcher.value.close() }
    }

    /// Opens connections and keeps them until the service group shuts down gracefully or the task is cancelled, then closes the
    /// client. Calls may be made before this runs.
    public func run() async throws {
        eventLoop.execute { [dispatcher] in dispatcher.value.warmUp() }
        try? await gracefulShutdown()
        await close()
    }

    /// Ends every call with ``UnavailableReason/clientClosed``, and returns when the connections are closed. Later calls fail with the
    /// same reason.
    public func close() async {
        // Closing has no failure that the caller could act on.
        try? await eventLoop.flatSubmit { [dispatcher] in dispatcher.value.close() }.get()
        // In its next turn the loop takes closed connections apart: nothing of them is left when this returns.
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

/// The inside belongs to the event loop, and must not be read while that runs.
extension DoormanClient: Redacted {
    /// The servers that it was given.
    public var description: String { "DoormanClient(\(servers))" }
}
