internal import DoormanCore
internal import DoormanSupport
internal import Logging
internal import NIOCore

/// Keeps one connection to one server: opens it, checks its health, and replaces it. Confined to the client's event loop.
final class Subchannel {
    let server: Server
    let group: SubchannelGroup
    private let configuration: DoormanClientConfiguration
    private let connector: Connector
    private let time: EventLoopTime
    private let logger: Logger
    /// `nil` once it is closed.
    private var dispatcher: Dispatcher?
    private var machine: StateMachine
    /// The connection that takes calls, or waits for the response to a health check.
    private(set) var current: Connection?
    /// The connections that are being opened or drained.
    private var others: [ObjectIdentifier: Connection] = [:]
    /// The back-off after a failure: its timer, length and beginning.
    private(set) var backoff: (timer: Scheduled<Void>, pause: Duration, since: Instant)?
    /// The moment of the health check that was found late once. It fails when it is found late again. Between the two, the client reads the
    /// responses that arrived while its own process was suspended.
    private var latePing: Instant?
    /// The maximum age of the current connection.
    private var longestLife = Duration.zero

    init(_ server: Server, _ group: SubchannelGroup, _ dispatcher: Dispatcher, connector: Connector) {
        self.server = server
        self.group = group
        self.dispatcher = dispatcher
        self.configuration = dispatcher.configuration
        self.connector = connector
        self.time = dispatcher.time
        self.logger = dispatcher.logger(for: server)
        self.machine = StateMachine(firstBackoff: configuration.firstBackoff, longestBackoff: configuration.longestBackoff)
    }

    var state: StateMachine.State { machine.state }

    /// Whether it takes calls.
    var isReady: Bool {
        if case .ready = machine.state { true } else { false }
    }

    /// Whether responses are due on the current connection or on a hung connection.
    var isWatched: Bool { current?.silentSince != nil || others.values.contains(where: \.isHung) }

    /// Opens a connection, unless there is one.
    func requestConnection() {
        perform(machine.wanted())
    }

    /// Shortens the back-off to that after a first failure, because no ready server is left.
    func resetBackoff() {
        guard let (timer, pause, since) = backoff else { return }
        timer.cancel()
        backOff(min(pause, configuration.firstBackoff), since: since)
    }

    /// Replaces a connection that takes no further calls. This is no failure of the server.
    func replace() {
        releaseCurrent { machine, isWanted in machine.usedUp(isWanted: isWanted) }
    }

    /// The server drains: it begins no calls.
    func drained(_ connection: Connection) {
        guard connection === current else { return }
        group.log.drained()
        releaseCurrent { machine, isWanted in machine.drained(isWanted: isWanted, jitter: .random(in: 0..<1)) }
    }

    /// Checks timeouts and ages. Called several times per second while there are calls.
    func tick(at now: Instant) {
        // Moves as many calls as the retry budget has grown by.
        for connection in others.values where connection.isHung { dispatcher?.moveCalls(from: connection) }
        guard let current else { return }
        if let pingedSince = current.pingedSince, pingedSince.duration(to: now) >= configuration.pingTimeout {
            if latePing == pingedSince { return hung() }
            latePing = pingedSince
        } else if let silentSince = current.silentSince, silentSince.duration(to: now) >= configuration.suspicionAfter {
            perform(machine.fellSilent())
        } else if isReady {
            checkIdleConnection(current, at: now)
        }
    }

    /// Drains permanently: calls in flight finish, and no connection is opened.
    func retire() {
        machine.closed()
        group.forget(self)
        group.log.end()
        backoff?.timer.cancel()
        backoff = nil
        if let current { finish(current) }
        current = nil
    }

    /// Closes permanently, at once.
    func close() -> [EventLoopFuture<Void>] {
        let connections = others.values + (current.map { [$0] } ?? [])
        retire()
        dispatcher = nil
        return connections.compactMap { $0.close() }
    }

    /// Whether it is closed and its last call has ended.
    var isFinished: Bool { machine.state == .closed && others.isEmpty }

    private func checkIdleConnection(_ connection: Connection, at now: Instant) {
        if connection.openedAt.duration(to: now) >= ServerAvailability.stableTime { machine.stayed() }
        let isIdle = connection.callsInFlight == 0
        if connection.openedAt.duration(to: now) >= longestLife
            || (isIdle && connection.lastUse.duration(to: now) >= configuration.idleTimeout)
        {
            replace()
        } else if isIdle, connection.lastHeard.duration(to: now) >= configuration.pingInterval {
            connection.ping(timeout: configuration.pingTimeout)
        }
    }

    private func hung() {
        noteLoss(.hung)
        guard let current else { return }
        current.isHung = true
        dispatcher?.moveCalls(from: current)
        releaseCurrent { machine, _ in machine.failedProbe(jitter: .random(in: 0..<1)) }
        dispatcher?.endCalls(for: server, .hung)
    }

    /// Drains the current connection: it takes no calls, and closes when its last call has ended.
    private func releaseCurrent(_ transition: (inout StateMachine, _ isWanted: Bool) -> StateMachine.Action) {
        let connection = current
        current = nil
        let action = transition(&machine, dispatcher?.isInUse(at: time.now) ?? false)
        dispatcher?.readinessChanged()
        if let connection { finish(connection) }
        perform(action)
    }

    private func finish(_ connection: Connection) {
        if connection.isOpen { others[ObjectIdentifier(connection)] = connection }
        connection.retire()
    }

    private func perform(_ action: StateMachine.Action) {
        switch action {
        case .none: break
        case .connect: connect()
        case .probe:
            dispatcher?.readinessChanged()
            current?.ping(timeout: configuration.pingTimeout)
        case .use:
            dispatcher?.readinessChanged()
            dispatcher?.sendWaiting()
        case .discard: current?.close()
        case .backOff(let pause):
            dispatcher?.readinessChanged()
            backOff(pause, since: time.now)
        }
    }

    private func backOff(_ pause: Duration, since: Instant) {
        let left = max(.zero, pause - since.duration(to: time.now))
        let timer = time.schedule(in: left) {
            self.backoff = nil
            self.perform(self.machine.backoffEnded(isWanted: self.dispatcher?.isInUse(at: self.time.now) ?? false))
        }
        backoff = (timer, pause, since)
    }

    private func connect() {
        let connection = Connection(
            owner: self, speaksTLS: server.speaksTLS(connector.tls), configuration: configuration, time: time)
        others[ObjectIdentifier(connection)] = connection
        connector.connect(to: server, connection, on: time.eventLoop).assumeIsolated().whenComplete { result in
            self.others[ObjectIdentifier(connection)] = nil
            switch result {
            case .success: self.connected(connection)
            case .failure(let error):
                // A connection that the client itself gave up has not failed.
                guard self.machine.state != .closed else { return }
                let failure = ConnectFailure(error)
                self.logger.debug("cannot connect", metadata: ["reason": "\(failure)"])
                self.noteLoss(failure)
                self.dispatcher?.endCalls(for: self.server, failure)
                self.perform(self.machine.connectFailed(jitter: .random(in: 0..<1)))
            }
        }
    }

    /// A connection could not be established, or was lost. The server is lost if no other connection to it takes calls.
    private func noteLoss(_ failure: ConnectFailure) {
        dispatcher?.failed(self, failure)
        let hasOther = dispatcher?.ready.contains { $0.group === group && $0 !== self } ?? false
        if !hasOther { group.log.failed(failure) }
    }

    private func connected(_ connection: Connection) {
        guard machine.state == .connecting else {
            connection.close()
            return
        }
        current = connection
        longestLife = configuration.maximumConnectionAge * .random(in: 0.8...1)
        latePing = nil
        perform(machine.connected())
    }
}

// The events of connections.
extension Subchannel {
    func answered(_ call: ClientCall, _ reply: Reply, on connection: Connection) {
        if case .draining = reply {
            dispatcher?.answered(call, reply, from: self)
            return drained(connection)
        }
        if connection === current, !machine.isProven {
            perform(machine.answered())
            group.log.responded()
        }
        // The server is about to stop, so the next call should use another server.
        let saysNotServing = call.health == .notServing
        dispatcher?.answered(call, reply, from: self)
        if saysNotServing { drained(connection) }
    }

    /// Handles the response to a health check of this client's own.
    func receivedHealth(_ reply: Reply, _ response: CallResponse?, on connection: Connection) {
        guard connection === current else { return }
        switch (reply, response) {
        // A failure, such as an exceeded limit or an unknown service, comes from a server that is alive.
        case (.success, .health(.serving)), (.failure, _):
            perform(machine.saidServing())
            return group.log.responded()
        case (.success, _), (.draining, _):
            // A server says so when it stops.
            group.log.drained()
            dispatcher?.failed(self, .notServing)
        case (.malformed, _), (.tooLong, _): noteLoss(.notServing)
        }
        releaseCurrent { machine, _ in machine.failedProbe(jitter: .random(in: 0..<1)) }
        dispatcher?.endCalls(for: server, .notServing)
    }

    /// The connection's capacity may have grown: a response arrived, or the socket is writable again.
    func capacityChanged() {
        if let current, current.isOpen, current.capacity == .none { replace() }
        dispatcher?.sendWaiting()
    }

    /// The socket is read to its end: the tasks that got responses run.
    func readEnded() {
        capacityChanged()
        dispatcher?.taskExecutor.runJobs()
    }

    func ended(_ connection: Connection, leaving leftovers: Connection.StateMachine<ClientCall>.Leftovers) {
        others[ObjectIdentifier(connection)] = nil
        dispatcher?.ended(connection, leaving: leftovers, from: self)
        defer { dispatcher?.sendWaiting() }
        guard connection === current else { return }
        let inCalls = !leftovers.unanswered.isEmpty
        if inCalls || machine.state != .ready(isProven: true) {
            noteLoss(connection.failure ?? .closedByPeer)
        }
        releaseCurrent { machine, isWanted in
            machine.ended(inCalls: inCalls, isWanted: isWanted, jitter: .random(in: 0..<1))
        }
    }
}
