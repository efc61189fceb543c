internal import CoreMetrics
internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import Logging
internal import NIOCore
internal import NIOPosix

/// Dispatches a client's calls to its connections. Confined to the client's event loop, so that nothing needs a lock.
///
/// This file admits calls and ends them. `Dispatcher+Sending.swift` sends them and retries them, and `Dispatcher+Servers.swift` keeps the
/// subchannels of the servers.
final class Dispatcher {
    /// The parts of the process that a dispatcher works with.
    struct Environment {
        let time: EventLoopTime
        let taskExecutor: EventLoopTaskExecutor
        let resolver: Resolver
        let metrics: ClientMetrics
        let tracing: CallTracing
        let logger: Logger

        /// - Parameters:
        ///   - time: The client's clock and event loop. Default: an event loop of the process, with its own clock.
        ///   - resolver: Looks names up. Default: the system's resolver.
        ///   - metricsFactory: The backend of the metrics. Default: the process's backend.
        ///   - tracing: Default: the process's tracer and instrument.
        ///   - logger: Default `nil`: nothing is logged.
        init(
            time: EventLoopTime = .eventLoop(MultiThreadedEventLoopGroup.singleton.next()), resolver: Resolver = .system,
            metricsFactory: any MetricsFactory = MetricsSystem.factory, tracing: CallTracing = CallTracing(), logger: Logger? = nil
        ) {
            self.time = time
            self.taskExecutor = EventLoopTaskExecutor(time.eventLoop)
            self.resolver = resolver
            self.metrics = ClientMetrics(factory: metricsFactory)
            self.tracing = tracing
            self.logger = logger ?? Logger(label: "doorman.client") { _ in SwiftLogNoOpLogHandler() }
        }
    }

    let time: EventLoopTime
    let eventLoop: any EventLoop
    let configuration: DoormanClientConfiguration
    let logger: Logger
    let metrics: ClientMetrics
    let connector: Connector
    let resolver: Resolver
    let taskExecutor: EventLoopTaskExecutor
    var servers: ServerDirectory
    var subchannels: [Subchannel] = []
    /// The subchannels that take calls.
    var ready: [Subchannel] = []
    /// The number of servers of ``ready``, at least 1.
    var readyServers = 1
    var waiting = PendingCallQueue()
    /// The waiting calls with a destination of their own. Some may have ended.
    var destined: [ClientCall] = []
    var retryBudget: CallRetryBudget
    var hedging: Hedging
    /// Picks servers. The system's generator needs a system call per number, and an attacker gains nothing by predicting the numbers.
    var randomness = SplitMix64(seed: .random(in: .min ... .max))
    /// The targets whose last look-up failed, with the moment of the first failure.
    var unresolved: [DoormanTarget: Instant] = [:]
    /// The last connection failure; `nil` while a connection takes calls.
    var lastFailure: (server: String, failure: ConnectFailure)?
    var isClosed = false
    var tick = Tick()
    /// The number of calls that a task or a completion waits for.
    private(set) var liveCalls = 0
    private var listeners: [ClientCall.Listener] = []
    private var lastSubmission: Instant?
    private(set) var deadlines = CallDeadlines()
    private var deadlineTimer: Scheduled<Void>?
    private var timerDeadline = Deadline.none

    init(
        servers: ServerDirectory, tls: ClientTLS?, configuration: DoormanClientConfiguration, environment: Environment
    ) {
        self.servers = servers
        self.resolver = environment.resolver
        self.configuration = configuration
        self.logger = environment.logger
        self.metrics = environment.metrics
        self.time = environment.time
        self.eventLoop = environment.time.eventLoop
        self.taskExecutor = environment.taskExecutor
        self.connector = Connector(
            timeout: configuration.connectTimeout, tls: tls, time: environment.time, logger: environment.logger)
        self.retryBudget = CallRetryBudget(ratio: configuration.retryRatio, perSecond: configuration.retriesPerSecond)
        self.hedging = Hedging(after: configuration.hedgeAfter, ratio: configuration.hedgeRatio)
    }

    /// Takes calls from the submission queue.
    func submit(_ calls: [ClientCall]) {
        let now = time.now
        for call in calls {
            // `waiterCancelled(_:)` is called for a cancelled call as well, and takes the 1 off again.
            if call.isLive { accept(call, at: now) } else { liveCalls += 1 }
        }
        drainSubmissions(at: now)
    }

    /// Takes a call that was made on the event loop.
    func submit(_ call: ClientCall, at now: Instant) {
        accept(call, at: now)
        drainSubmissions(at: now)
    }

    private func accept(_ call: ClientCall, at now: Instant) {
        lastSubmission = now
        if let error = admissionError(for: call, at: now) { return reject(call, error) }
        liveCalls += 1
        call.deadlineHandle = deadlines.insert(call)
        if let destination = call.destination {
            if case .server = destination { retryBudget.deposit(at: now) }
            return destined.append(call)
        }
        retryBudget.deposit(at: now)
        // Almost every call finds a connection at once.
        guard waiting.isEmpty, let subchannel = choose(for: call) else { return waiting.append(call) }
        send(call, to: subchannel, at: now)
    }

    /// Starts the timers, look-ups and connections that the accepted calls need.
    private func drainSubmissions(at now: Instant) {
        if liveCalls > 0 {
            setDeadlineTimer()
            lookUpIfDue(at: now)
            if !waiting.isEmpty || !destined.isEmpty { sendWaiting() }
            startTicking()
        }
    }

    /// Ends a call whose task was cancelled. It may not have been submitted yet.
    func waiterCancelled(_ call: ClientCall) {
        liveCalls -= 1
        stopDeadline(of: call)
        waiting.waiterCancelled()
        call.abandonAttempts()
    }

    private func stopDeadline(of call: ClientCall) {
        if let handle = call.deadlineHandle.take() { deadlines.remove(handle) }
    }

    /// Ends every call and closes every connection.
    func close() -> EventLoopFuture<Void> {
        isClosed = true
        notifyListeners()
        deadlineTimer?.cancel()
        deadlineTimer = nil
        stopTicking()
        waiting = PendingCallQueue()
        destined = []
        for call in deadlines.removeAll() { finish(call, .clientClosed) }
        let closing = subchannels.flatMap { $0.close() }
        subchannels = []
        ready = []
        servers.forget()
        return .andAllComplete(closing, on: eventLoop)
    }

    /// Opens connections before the first call needs them.
    func warmUp() {
        guard !isClosed else { return }
        let now = time.now
        if lastSubmission == nil { lastSubmission = now }
        lookUpIfDue(at: now)
        startTicking()
    }

    /// Whether the client keeps connections open: calls wait, or the last call is more recent than the idle timeout.
    func isInUse(at now: Instant) -> Bool {
        guard !isClosed, let lastSubmission else { return false }
        return !waiting.isEmpty || !destined.isEmpty || lastSubmission.duration(to: now) < configuration.idleTimeout
    }

    /// Ends a call that has its response. The listener is notified after the whole read, together with the others.
    func finishSoon(_ call: ClientCall) {
        call.abandonAttempts()
        guard let listener = call.settle() else { return }
        liveCalls -= 1
        stopDeadline(of: call)
        listeners.append(listener)
    }

    /// Notifies the listeners of ended calls.
    func notifyListeners() {
        guard !listeners.isEmpty else { return }
        // A completion, or a task that its executor runs at once, may make a call, which calls this method again.
        var notified: [ClientCall.Listener] = []
        swap(&notified, &listeners)
        for listener in notified { listener.notify() }
        notified.removeAll(keepingCapacity: true)
        if listeners.isEmpty { listeners = notified }
    }

    /// Ends a call with an error, in whatever state it is.
    func finish(_ call: ClientCall, _ error: DoormanError) {
        if let listener = call.settle(error) {
            liveCalls -= 1
            stopDeadline(of: call)
            switch listener {
            case .task(let continuation): continuation.resume()
            // In another turn, because a completion may make calls.
            case .completion: eventLoop.execute { listener.notify() }
            }
        }
        call.abandonAttempts()
    }

    /// Ends a call that is not admitted.
    private func reject(_ call: ClientCall, _ error: DoormanError) {
        guard let listener = call.settle(error) else {
            // It was cancelled: `waiterCancelled(_:)` takes the 1 off again.
            liveCalls += 1
            return
        }
        // Delayed, because a task on this loop that retries without a pause would leave the loop no time.
        time.schedule(in: .milliseconds(1)) { listener.notify() }
    }

    private func admissionError(for call: ClientCall, at now: Instant) -> DoormanError? {
        if isClosed { return .clientClosed }
        if servers.targets.isEmpty { return .noServers }
        if call.deadline.hasPassed(at: now) {
            return .deadlineExceeded("the deadline passed before the call was made", mayHaveBegun: false)
        }
        if waiting.isFull(limit: configuration.maximumWaitingCalls) || destined.count >= configuration.maximumWaitingCalls {
            return .tooManyWaiting(limit: configuration.maximumWaitingCalls)
        }
        return nil
    }

    private func setDeadlineTimer() {
        guard let next = deadlines.next, next < timerDeadline else { return }
        deadlineTimer?.cancel()
        timerDeadline = next
        deadlineTimer = time.schedule(at: next.instant) {
            self.timerDeadline = .none
            let now = self.time.now
            while let call = self.deadlines.popPassed(at: now) {
                let isWaiting = call.isLive && call.attempt == nil
                self.finish(call, self.deadlineError(for: call))
                if isWaiting { self.waiting.waiterCancelled() }
            }
            self.setDeadlineTimer()
        }
    }

    private func deadlineError(for call: ClientCall) -> DoormanError {
        if let attempt = call.attempt {
            let server = attempt.connection.server.map(String.init(describing:)) ?? "the server"
            return .deadlineExceeded("no response from \(server) before the deadline", mayHaveBegun: !call.operation.mayBeRepeated)
        }
        if let error = call.lastError { return error }
        if case .server(let server)? = call.destination, lastFailure?.server != server.description {
            return .deadlineExceeded("no connection to \(server) before the deadline", mayHaveBegun: false)
        }
        if !ready.isEmpty { return .deadlineExceeded("no free stream on a connection before the deadline", mayHaveBegun: false) }
        if let lastFailure, lastFailure.failure != .timedOut { return .unreachable(lastFailure.server, lastFailure.failure) }
        return .deadlineExceeded("no connection to \(servers.description) before the deadline", mayHaveBegun: false)
    }
}

extension Deadline {
    /// The deadline of no call.
    fileprivate static let none = Deadline(.distantFuture)
}
