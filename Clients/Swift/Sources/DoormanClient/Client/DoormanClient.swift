internal import CoreMetrics
@_exported public import DoormanCore
internal import DoormanSupport
internal import DoormanWire
public import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix
public import ServiceLifecycle

/// Asks Doorman servers whose token it is.
///
/// A client holds one connection to each server, opened by the first call, and any number of tasks may use it at once. Keep one for
/// the life of your service. It is a `Service` of swift-service-lifecycle: give it to your `ServiceGroup`, before those that use it,
/// and it is closed after them. Otherwise ``close()`` it at the end.
///
/// Every method throws ``DoormanError``, whose ``DoormanError/kind-swift.property`` tells a refusal from not being able to ask. Every call
/// has a deadline that covers looking names up, connecting, waiting and the answer. Cancelling the task ends the call at once.
///
/// Of several servers each call goes to the one of two, picked at random, that has fewer calls in flight. A server that drains,
/// fails or does not answer is left alone for a while, and is asked for its health before it gets calls again; what it had is
/// sent to others, as far as that is safe (``DoormanClientSettings``).
public final class DoormanClient: TokenVerifying, Service, Sendable {
    /// What waits for the client's thread.
    private struct Inbox {
        var calls: [Call] = []
        /// What the near cache knew, and whom to tell.
        var known: [(identity: Identity, completion: Call.Completion)] = []
        /// How many of both end with a completion: nobody who made one waits for it.
        var unawaited = 0
        /// Tasks that were cancelled while their call was with the dispatcher.
        var departed = 0
        var isScheduled = false
    }

    /// Runs tasks on the thread that this client does its work on, for those that do little else than call it.
    ///
    /// A call by such a task changes no thread, and the tasks whose answers came together are woken together. Use it with
    /// `withTaskExecutorPreference`.
    ///
    /// All of them share the one thread with the connections: a task that computes for long, or blocks, keeps everybody's answers
    /// waiting, and may let deadlines pass; so does one that only yields. Nothing needs to run here; without it, tasks run where they
    /// are.
    public let taskExecutor: any TaskExecutor

    let eventLoop: any EventLoop
    let dispatcher: NIOLoopBoundBox<Dispatcher>
    private let inbox = NIOLockedValueBox(Inbox())
    private let servers: String
    private let defaultTimeout: Nanoseconds
    private let maximumWaitingCalls: Int
    private let metrics: ClientMetrics
    private let nearCache: NearCache?

    /// Opens nothing yet.
    ///
    /// - Parameters:
    ///   - targets: The servers. A name may stand for several: each of its addresses is one.
    ///   - tls: How servers are known, and what they know this client by. Nil: TCP connections are plain.
    ///   - settings: How long it waits, how much it holds, and what it does when a server fails.
    ///   - logger: Hears what happens to connections and servers, never of a token. Nil: nobody does.
    public convenience init(
        targets: [DoormanTarget], tls: DoormanTLS? = nil, settings: DoormanClientSettings = DoormanClientSettings(),
        logger: Logger? = nil
    ) {
        self.init(
            targets: targets, tls: tls, settings: settings, logger: logger, resolver: .system,
            metricsFactory: MetricsSystem.factory)
    }

    /// Opens nothing yet. As ``init(targets:tls:settings:logger:)``, of one server or one name.
    public convenience init(
        target: DoormanTarget, tls: DoormanTLS? = nil, settings: DoormanClientSettings = DoormanClientSettings(),
        logger: Logger? = nil
    ) {
        self.init(targets: [target], tls: tls, settings: settings, logger: logger)
    }

    init(
        targets: [DoormanTarget], tls: DoormanTLS? = nil, settings: DoormanClientSettings, logger: Logger? = nil,
        resolver: Resolver, metricsFactory: any MetricsFactory
    ) {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let directory = ServerDirectory(
            targets: targets, maximumServers: settings.maximumServers, interval: settings.lookUpInterval)
        let metrics = ClientMetrics(factory: metricsFactory)
        self.eventLoop = eventLoop
        let taskExecutor = EventLoopTaskExecutor(eventLoop)
        self.taskExecutor = taskExecutor
        self.servers = directory.description
        self.defaultTimeout = Nanoseconds(settings.timeout)
        self.maximumWaitingCalls = settings.maximumWaitingCalls
        self.metrics = metrics
        self.nearCache = NearCache(capacity: settings.nearCacheCapacity, lifetime: settings.nearCacheLifetime)
        self.dispatcher = .makeBoxSendingValue(
            Dispatcher(
                servers: directory, resolver: resolver, tls: tls.map(ClientTLS.init), settings: settings,
                logger: logger ?? Logger(label: "doorman.client") { _ in SwiftLogNoOpLogHandler() }, metrics: metrics,
                eventLoop: eventLoop, taskExecutor: taskExecutor),
            eventLoop: eventLoop)
    }

    deinit {
        // No call is left, since each holds its client; only connections may be open.
        eventLoop.execute { [dispatcher] in _ = dispatcher.value.close() }
    }

    /// Whose token it is.
    ///
    /// - Parameters:
    ///   - token: Exactly as the app sent it.
    ///   - maxAge: How long ago the provider may have been asked, in whole seconds, 1 at least. Nil: any answer from memory
    ///     within its time to live will do.
    ///   - applicationID: The application that the token must have been made for. Nil: any that the server is configured for.
    ///   - timeout: How long the call may take. Nil: ``DoormanClientSettings/timeout``.
    public func verify(
        _ token: Token, maxAge: Duration? = nil, applicationID: String? = nil, timeout: Duration? = nil
    ) async throws(DoormanError) -> Identity {
        let request = VerificationRequest(token: token, applicationID: applicationID, maxAge: maxAge)
        guard let nearCache, maxAge == nil else { return try await ended(.verify(request), timeout).takeIdentity() }
        let key = NearCache.Key(token: token, applicationID: applicationID)
        if let identity = nearCache.identity(for: key, at: .now) {
            metrics.recordNearCacheHit()
            return identity
        }
        let revocations = nearCache.revocations
        let identity = try await ended(.verify(request), timeout).takeIdentity()
        nearCache.keep(identity, for: key, revocations: revocations, at: .now, civil: .now)
        return identity
    }

    /// Whose token it is, for code that has no task to wait in: a callback of another library, an event loop of one's own.
    ///
    /// The call is as one by ``verify(_:maxAge:applicationID:timeout:)``, but it can't be cancelled; its deadline ends it. It takes less
    /// than half of the time of a call by a task on Swift's own threads, for those to whom that matters.
    ///
    /// - Parameters:
    ///   - token: Exactly as the app sent it.
    ///   - maxAge: How long ago the provider may have been asked, in whole seconds, 1 at least. Nil: any answer from memory
    ///     within its time to live will do.
    ///   - applicationID: The application that the token must have been made for. Nil: any that the server is configured for.
    ///   - timeout: How long the call may take. Nil: ``DoormanClientSettings/timeout``.
    ///   - completion: Is called once, on the client's own thread, and never before this method has returned to a caller on that thread.
    ///     It may make further calls. Everybody's answers wait for it, so it should do little and never block. It is not called if this
    ///     method throws.
    /// - Throws: ``CouldNotAskReason/malformedRequest``, and ``CouldNotAskReason/tooManyWaiting`` to a caller that makes calls faster than
    ///   the client's thread takes them: as many as ``DoormanClientSettings/maximumWaitingCalls`` wait for it already. All else is told
    ///   to the completion, and so is that as many wait for a connection.
    public func verify(
        _ token: Token, maxAge: Duration? = nil, applicationID: String? = nil, timeout: Duration? = nil,
        completion: @escaping @Sendable (_ outcome: Result<Identity, DoormanError>) -> Void
    ) throws(DoormanError) {
        let verify = Operation.verify(VerificationRequest(token: token, applicationID: applicationID, maxAge: maxAge))
        guard let nearCache, maxAge == nil else { return try begin(verify, timeout, completion) }
        let key = NearCache.Key(token: token, applicationID: applicationID)
        if let identity = nearCache.identity(for: key, at: .now) {
            try deliverIfRoom { $0.known.append((identity, completion)) }
            return metrics.recordNearCacheHit()
        }
        let revocations = nearCache.revocations
        try begin(verify, timeout) { outcome in
            if case .success(let identity) = outcome {
                nearCache.keep(identity, for: key, revocations: revocations, at: .now, civil: .now)
            }
            completion(outcome)
        }
    }

    /// Exchanges an authorization code for a token, and says whose it is.
    ///
    /// A code is good once, so a call that may have begun is never made again: after an error that is not retryable, ask the app
    /// for a new code.
    ///
    /// - Parameters:
    ///   - code: Exactly as the app sent it.
    ///   - applicationID: The application that the code was made for. Nil: the only one that the server is configured for.
    ///   - timeout: How long the call may take. Nil: ``DoormanClientSettings/timeout``.
    public func exchange(
        _ code: AuthorizationCode, applicationID: String? = nil, timeout: Duration? = nil
    ) async throws(DoormanError) -> Exchange {
        let request = ExchangeRequest(code: code, applicationID: applicationID)
        guard case .exchange(let token, let identity) = try await ask(.exchange(request), timeout) else { throw .mixedUp }
        return Exchange(token: token, identity: identity)
    }

    /// Logs a token out, everywhere. One that is void already counts as done.
    ///
    /// - Parameters:
    ///   - token: Exactly as the app sent it.
    ///   - applicationID: The application it is about. Nil: the only one that the server is configured for.
    ///   - timeout: How long the call may take. Nil: ``DoormanClientSettings/timeout``.
    public func revoke(_ token: Token, applicationID: String? = nil, timeout: Duration? = nil) async throws(DoormanError) {
        try await revoke(.token(token), applicationID, timeout)
    }

    /// Logs every token of an account out, everywhere.
    public func revoke(accountID: String, applicationID: String? = nil, timeout: Duration? = nil) async throws(DoormanError) {
        try await revoke(.account(accountID), applicationID, timeout)
    }

    private func revoke(
        _ subject: RevocationRequest.Subject, _ applicationID: String?, _ timeout: Duration?
    ) async throws(DoormanError) {
        // Whether or not the answer comes: the server may have done it.
        defer { nearCache?.forget(subject) }
        nearCache?.forget(subject)
        _ = try await ask(.revoke(RevocationRequest(subject, applicationID: applicationID)), timeout)
    }

    /// How the server is.
    ///
    /// - Parameters:
    ///   - service: The full name of one service, such as `doorman.v1.Auth`. Empty: the whole server.
    ///   - timeout: How long the call may take. Nil: ``DoormanClientSettings/timeout``.
    public func health(service: String = "", timeout: Duration? = nil) async throws(DoormanError) -> HealthStatus {
        let answer: Answer
        do throws(DoormanError) {
            answer = try await ask(.health(service: service), timeout)
        } catch {
            guard error.kind == .couldNotAsk(.notFound) else { throw error }
            return .serviceUnknown
        }
        guard case .health(let status) = answer else { throw .mixedUp }
        return switch status {
        case .serving: .serving
        case .notServing: .notServing
        case .serviceUnknown: .serviceUnknown
        case .unknown: .unknown
        }
    }

    /// Opens connections, and holds them until the service group shuts down gracefully, or the task is cancelled; then closes the
    /// client. Calls may be made before this runs.
    public func run() async throws {
        eventLoop.execute { [dispatcher] in dispatcher.value.warmUp() }
        try? await gracefulShutdown()
        await close()
    }

    /// Ends every call that is under way with ``CouldNotAskReason/clientClosed``, and returns when the connections are closed.
    /// Calls made later fail alike.
    public func close() async {
        // Closing has no failure that anybody could act on.
        try? await eventLoop.flatSubmit { [dispatcher] in dispatcher.value.close() }.get()
        // In its next turn the loop takes closed connections apart: nothing of them is left when this returns.
        try? await eventLoop.submit {}.get()
    }

    /// The answer to any call but a verify.
    func ask(_ operation: Operation, _ timeout: Duration?) async throws(DoormanError) -> Answer {
        try await ended(operation, timeout).takeAnswer()
    }

    /// The call, once it has its answer.
    // Inlined, for each async function that is returned from looks for its executor.
    @inline(__always)
    private func ended(_ operation: Operation, _ timeout: Duration?) async throws(DoormanError) -> Call {
        guard !operation.holdsNUL else { throw .textWithNUL }
        let start = Instant.now
        let waiter = Waiter()
        let call = Call(
            operation, metadata: TraceMetadata.current(), deadline: deadline(from: start, timeout), waiter: waiter)
        await withTaskCancellationHandler {
            await waiter.wait { make(call, at: start) }
        } onCancel: {
            if waiter.cancel() { deliver { $0.departed += 1 } }
        }
        let error = call.error
        if metrics.isOn {
            metrics.recordCall(call.method, error, nanoseconds: Int64(clamping: Instant.now.nanoseconds - start.nanoseconds))
        }
        if let error { throw error }
        return call
    }

    /// Begins a verify that ends with a completion.
    @inline(__always)
    private func begin(
        _ operation: consuming Operation, _ timeout: Duration?, _ completion: @escaping Call.Completion
    ) throws(DoormanError) {
        guard !operation.holdsNUL else { throw .textWithNUL }
        let start = Instant.now
        let metadata = TraceMetadata.current()
        let deadline = deadline(from: start, timeout)
        let told = metrics.isOn ? counted(completion, since: start) : completion
        let call = Call(operation, metadata: metadata, deadline: deadline, client: self, completion: told)
        guard !eventLoop.inEventLoop else { return dispatcher.value.submit(call, at: start) }
        try deliverIfRoom { $0.calls.append(call) }
    }

    private func counted(_ completion: @escaping Call.Completion, since start: Instant) -> Call.Completion {
        { [metrics] outcome in
            let error: DoormanError? = if case .failure(let error) = outcome { error } else { nil }
            metrics.recordCall(.verify, error, nanoseconds: Int64(clamping: Instant.now.nanoseconds - start.nanoseconds))
            completion(outcome)
        }
    }

    @inline(__always)
    private func deadline(from start: Instant, _ timeout: Duration?) -> Deadline {
        Deadline(start.advanced(by: timeout.map { Nanoseconds($0) } ?? defaultTimeout))
    }

    /// Hands the call of a task, which waits for it, to the event loop.
    @inline(__always)
    private func make(_ call: Call, at start: Instant) {
        if eventLoop.inEventLoop {
            dispatcher.value.submit(call, at: start)
        } else {
            deliver { $0.calls.append(call) }
        }
    }

    /// Adds to the inbox for somebody who verifies and does not wait for it, and so could fill it without end.
    private func deliverIfRoom(_ add: (inout Inbox) -> Void) throws(DoormanError) {
        var isFull = false
        deliver { inbox in
            isFull = inbox.unawaited >= maximumWaitingCalls
            guard !isFull else { return }
            inbox.unawaited += 1
            add(&inbox)
        }
        guard isFull else { return }
        let error = DoormanError.tooManyWaiting(limit: maximumWaitingCalls)
        if metrics.isOn { metrics.recordCall(.verify, error, nanoseconds: 0) }
        throw error
    }

    /// Changes the inbox, and has it emptied on the event loop: once for all that comes until then.
    private func deliver(_ change: (inout Inbox) -> Void) {
        let isScheduled = inbox.withLockedValue { inbox in
            change(&inbox)
            defer { inbox.isScheduled = true }
            return inbox.isScheduled
        }
        if isScheduled { return }
        eventLoop.execute { [dispatcher, inbox] in
            let taken = inbox.withLockedValue { inbox in
                defer { inbox = Inbox() }
                return inbox
            }
            if !taken.calls.isEmpty { dispatcher.value.submit(taken.calls) }
            for _ in 0..<taken.departed { dispatcher.value.oneDeparted() }
            for (identity, completion) in taken.known { completion(.success(identity)) }
        }
    }
}

/// The inside belongs to the event loop, and must not be read while that runs.
extension DoormanClient: Redacted {
    /// The servers that it was given.
    public var description: String { "DoormanClient(\(servers))" }
}

extension DoormanError {
    /// An answer was read as that of another method, which ``Call/read(_:in:)`` rules out.
    static let mixedUp = protocolViolation("the answer is that of another method")
}

/// Gives `body` a client, and closes it whichever way `body` ends. See ``DoormanClient/init(targets:tls:settings:logger:)``.
public func withDoormanClient<Result>(
    targets: [DoormanTarget], tls: DoormanTLS? = nil, settings: DoormanClientSettings = DoormanClientSettings(),
    logger: Logger? = nil, isolation: isolated (any Actor)? = #isolation, _ body: (DoormanClient) async throws -> Result
) async rethrows -> Result {
    let client = DoormanClient(targets: targets, tls: tls, settings: settings, logger: logger)
    do {
        let result = try await body(client)
        await client.close()
        return result
    } catch {
        await client.close()
        throw error
    }
}

/// Gives `body` a client of one server or one name. As ``withDoormanClient(targets:tls:settings:logger:isolation:_:)``.
public func withDoormanClient<Result>(
    target: DoormanTarget, tls: DoormanTLS? = nil, settings: DoormanClientSettings = DoormanClientSettings(),
    logger: Logger? = nil, isolation: isolated (any Actor)? = #isolation, _ body: (DoormanClient) async throws -> Result
) async rethrows -> Result {
    try await withDoormanClient(
        targets: [target], tls: tls, settings: settings, logger: logger, isolation: isolation, body)
}
