internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import Logging
internal import NIOCore

/// Brings a client's calls and its connections together. All of it happens on one event loop, so nothing here is locked.
///
/// This file is about calls: they come, wait, end. `Dispatcher+Sending.swift` is about where they are sent, and sent again;
/// `Dispatcher+Servers.swift` about the servers that there are.
final class Dispatcher {
    let eventLoop: any EventLoop
    let settings: DoormanClientSettings
    let logger: Logger
    let metrics: ClientMetrics
    let connector: Connector
    let resolver: Resolver
    let taskExecutor: EventLoopTaskExecutor
    var servers: ServerDirectory
    var subchannels: [Subchannel] = []
    /// Those that take calls.
    var ready: [Subchannel] = []
    /// How many servers those are of; 1 at least.
    var readyServers = 1
    var waiting = WaitingCalls()
    var retryBudget: RetryBudget
    var hedging: Hedging
    var randomness = FastRandomness()
    /// Why no connection came about last, while there is none.
    var lastFailure: (server: String, failure: ConnectFailure)?
    var isClosed = false
    var tick = Tick()
    /// Those that somebody waits for.
    private(set) var liveCalls = 0
    private var listeners: [Call.Listener] = []
    private var lastSubmission: Instant?
    private(set) var deadlines = Deadlines()
    private var deadlineTimer: Scheduled<Void>?
    private var timerDeadline = Deadline.none

    init(
        servers: ServerDirectory, resolver: Resolver, tls: ClientTLS?, settings: DoormanClientSettings, logger: Logger,
        metrics: ClientMetrics, eventLoop: any EventLoop, taskExecutor: EventLoopTaskExecutor
    ) {
        self.servers = servers
        self.resolver = resolver
        self.settings = settings
        self.logger = logger
        self.metrics = metrics
        self.eventLoop = eventLoop
        self.taskExecutor = taskExecutor
        self.connector = Connector(timeout: settings.connectTimeout, tls: tls, logger: logger)
        self.retryBudget = RetryBudget(ratio: settings.retryRatio, perSecond: settings.retriesPerSecond)
        self.hedging = Hedging(after: settings.hedgeAfter, ratio: settings.hedgeRatio)
    }

    /// Takes calls that were made.
    func submit(_ calls: [Call]) {
        let now = Instant.now
        for call in calls {
            // Of one that was cancelled meanwhile `oneDeparted()` hears too.
            if call.isLive { accept(call, at: now) } else { liveCalls += 1 }
        }
        seeToCalls(at: now)
    }

    /// Takes a call that was made.
    func submit(_ call: Call, at now: Instant) {
        accept(call, at: now)
        seeToCalls(at: now)
    }

    private func accept(_ call: Call, at now: Instant) {
        lastSubmission = now
        if let error = refusal(of: call, at: now) { return refuse(call, error) }
        liveCalls += 1
        retryBudget.deposit(at: now)
        deadlines.insert(call)
        // As good as every call finds a connection at once.
        guard waiting.isEmpty, let subchannel = choose(for: call) else { return waiting.append(call) }
        send(call, to: subchannel, at: now)
    }

    /// Has what was accepted looked after.
    private func seeToCalls(at now: Instant) {
        if liveCalls > 0 {
            setDeadlineTimer()
            lookUpIfDue(at: now)
            if !waiting.isEmpty { sendWaiting() }
            startTicking()
        }
        for ended in deadlines.compact(liveCount: liveCalls) { ended.abandonCopies() }
    }

    /// A task was cancelled, and its call has no waiter any more.
    func oneDeparted() {
        liveCalls -= 1
        waiting.oneDeparted()
    }

    /// Ends every call and closes every connection.
    func close() -> EventLoopFuture<Void> {
        isClosed = true
        giveAnswers()
        deadlineTimer?.cancel()
        deadlineTimer = nil
        stopTicking()
        waiting = WaitingCalls()
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
        let now = Instant.now
        if lastSubmission == nil { lastSubmission = now }
        lookUpIfDue(at: now)
        startTicking()
    }

    /// Whether connections are worth having.
    func isInUse(at now: Instant) -> Bool {
        guard !isClosed, let lastSubmission else { return false }
        return !waiting.isEmpty || lastSubmission.duration(to: now) < settings.idleTimeout
    }

    /// Ends a call with its answer when all of what was read is handled, so that those who waited are told together.
    func finishSoon(_ call: Call) {
        call.abandonCopies()
        guard let listener = call.settle() else { return }
        liveCalls -= 1
        deadlines.remove(call)
        listeners.append(listener)
    }

    /// Tells those whose answers have come.
    func giveAnswers() {
        guard !listeners.isEmpty else { return }
        // A completion, or a task that its executor runs at once, may make a call, which comes here again.
        var told: [Call.Listener] = []
        swap(&told, &listeners)
        for listener in told { listener.tell() }
        told.removeAll(keepingCapacity: true)
        if listeners.isEmpty { listeners = told }
    }

    /// Ends a call, wherever it is, without an answer.
    func finish(_ call: Call, _ error: DoormanError) {
        if let listener = call.settle(error) {
            liveCalls -= 1
            deadlines.remove(call)
            switch listener {
            case .task(let sleeper): sleeper.wake()
            // Not from in here: it may make calls.
            case .completion: eventLoop.execute { listener.tell() }
            }
        }
        call.abandonCopies()
    }

    /// Ends a call that is not made.
    private func refuse(_ call: Call, _ error: DoormanError) {
        guard let listener = call.settle(error) else {
            // It was cancelled, of which `oneDeparted()` hears too.
            liveCalls += 1
            return
        }
        // Not at once: a task that runs on this loop and tries again for ever would leave it no time for what it waits for.
        eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(1)) { listener.tell() }
    }

    private func refusal(of call: Call, at now: Instant) -> DoormanError? {
        if isClosed { return .clientClosed }
        if servers.targets.isEmpty { return .noServers }
        if call.deadline.hasPassed(at: now) {
            return .deadlineExceeded("the deadline passed before the call was made", mayHaveBegun: false)
        }
        if waiting.isFull(limit: settings.maximumWaitingCalls) { return .tooManyWaiting(limit: settings.maximumWaitingCalls) }
        return nil
    }

    private func setDeadlineTimer() {
        guard let next = deadlines.next, next < timerDeadline else { return }
        deadlineTimer?.cancel()
        timerDeadline = next
        deadlineTimer = eventLoop.assumeIsolated().scheduleTask(
            deadline: NIODeadline.uptimeNanoseconds(next.instant.nanoseconds)
        ) {
            self.timerDeadline = .none
            for call in self.deadlines.popPassed(at: .now) {
                let isWaiting = call.isLive && call.copy == nil
                self.finish(call, self.lateness(of: call))
                if isWaiting { self.waiting.oneDeparted() }
            }
            self.setDeadlineTimer()
        }
    }

    private func lateness(of call: Call) -> DoormanError {
        if let copy = call.copy {
            let server = copy.connection.server.map(String.init(describing:)) ?? "the server"
            return .deadlineExceeded("no answer from \(server) in time", mayHaveBegun: !call.operation.mayBeRepeated)
        }
        if let error = call.lastError { return error }
        if !ready.isEmpty { return .deadlineExceeded("no turn on a connection in time", mayHaveBegun: false) }
        if let lastFailure, lastFailure.failure != .timedOut { return .unreachable(lastFailure.server, lastFailure.failure) }
        return .deadlineExceeded("no connection to \(servers.description) in time", mayHaveBegun: false)
    }
}

extension Deadline {
    /// That of no call.
    fileprivate static let none = Deadline(.distantFuture)
}

extension Instant {
    /// NIO's clock, which only goes forward.
    static var now: Instant { Instant(nanoseconds: NIODeadline.now().uptimeNanoseconds) }
}
