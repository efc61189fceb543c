internal import DoormanCore
internal import DoormanSupport
internal import Logging
internal import NIOCore

/// Keeps one connection to one server: opens connections one after the other, and watches the connection that takes calls.
/// Confined to the client's event loop.
final class Subchannel {
    let server: Server
    let group: SubchannelGroup
    private let configuration: DoormanClientConfiguration
    private let connector: Connector
    private let time: EventLoopTime
    private var logger: Logger
    /// Nil once it is closed.
    private var dispatcher: Dispatcher?
    private var machine: StateMachine
    /// The connection that takes calls, or is asked whether it will.
    private(set) var current: Connection?
    /// Those that are being opened, or only finish what they have.
    private var others: [ObjectIdentifier: Connection] = [:]
    /// The pause after a failure: its length, and when it began.
    private(set) var backoff: (timer: Scheduled<Void>, pause: Duration, since: Instant)?
    /// The health call that was found late once. It counts as unanswered when it is found so again: what came while this process
    /// itself was held up is read between the two.
    private var latePing: Instant?
    /// How old the current connection may become.
    private var longestLife = Duration.zero

    init(_ server: Server, _ group: SubchannelGroup, _ dispatcher: Dispatcher, connector: Connector) {
        self.server = server
        self.group = group
        self.dispatcher = dispatcher
        self.configuration = dispatcher.configuration
        self.connector = connector
        self.time = dispatcher.time
        self.logger = dispatcher.logger
        self.logger[metadataKey: "server"] = "\(server)"
        self.machine = StateMachine(firstBackoff: configuration.firstBackoff, longestBackoff: configuration.longestBackoff)
    }

    var state: StateMachine.State { machine.state }

    /// Whether calls may be given to it.
    var isReady: Bool {
        if case .ready = machine.state { true } else { false }
    }

    /// Whether answers are due, from a connection that takes calls or from one that hangs.
    var isWatched: Bool { current?.silentSince != nil || others.values.contains(where: \.isHung) }

    /// Opens a connection for calls that are made or expected, unless there is one.
    func requestConnection() {
        perform(machine.wanted())
    }

    /// Shortens the pause after a failure to that after a first failure, because no server is left that takes calls.
    func resetBackoff() {
        guard let (timer, pause, since) = backoff else { return }
        timer.cancel()
        backOff(min(pause, configuration.firstBackoff), since: since)
    }

    /// Replaces a connection that takes no further calls, for no fault of the server's.
    func replace() {
        releaseCurrent { machine, isWanted in machine.usedUp(isWanted: isWanted) }
    }

    /// The server refuses to begin calls.
    func drained(_ connection: Connection) {
        guard connection === current else { return }
        logger.info("server drains, calls go elsewhere")
        releaseCurrent { machine, isWanted in machine.drained(isWanted: isWanted, jitter: .random(in: 0..<1)) }
    }

    /// Looks after the connection; called a few times a second while there are calls.
    func tick(at now: Instant) {
        // As many calls as the retry budget has grown by.
        for connection in others.values where connection.isHung { dispatcher?.moveCalls(from: connection) }
        guard let current else { return }
        if let pingedSince = current.pingedSince, pingedSince.duration(to: now) >= configuration.pingTimeout {
            if latePing == pingedSince { return hung() }
            latePing = pingedSince
        } else if let silentSince = current.silentSince, silentSince.duration(to: now) >= configuration.suspicionAfter {
            dispatcher?.failed(self, .hung)
            perform(machine.fellSilent())
        } else if isReady {
            rest(current, at: now)
        }
    }

    /// Ends for good: what is under way is finished, and nothing begun.
    func retire() {
        machine.closed()
        group.forget(self)
        backoff?.timer.cancel()
        backoff = nil
        if let current { finish(current) }
        current = nil
    }

    /// Ends for good, at once.
    func close() -> [EventLoopFuture<Void>] {
        let connections = others.values + (current.map { [$0] } ?? [])
        retire()
        dispatcher = nil
        return connections.compactMap { $0.close() }
    }

    /// Whether it has ended for good, and its last call with it.
    var isFinished: Bool { machine.state == .closed && others.isEmpty }

    private func rest(_ connection: Connection, at now: Instant) {
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
        logger.warning("server doesn't answer, calls go elsewhere")
        dispatcher?.failed(self, .hung)
        guard let current else { return }
        current.isHung = true
        dispatcher?.moveCalls(from: current)
        releaseCurrent { machine, _ in machine.failedProbe(jitter: .random(in: 0..<1)) }
    }

    /// Gives the current connection no further calls; it closes when it has finished those that it has.
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
                let failure = ConnectFailure(error)
                self.logger.debug("no connection", metadata: ["reason": "\(failure)"])
                self.dispatcher?.failed(self, failure)
                self.perform(self.machine.connectFailed(jitter: .random(in: 0..<1)))
            }
        }
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

// What connections report.
extension Subchannel {
    func answered(_ call: ClientCall, _ reply: Reply, on connection: Connection) {
        if case .draining = reply {
            dispatcher?.answered(call, reply, from: self)
            return drained(connection)
        }
        if connection === current { perform(machine.answered()) }
        // It is about to stop, so the next call had better find another.
        let saysNotServing = call.health == .notServing
        dispatcher?.answered(call, reply, from: self)
        if saysNotServing { drained(connection) }
    }

    /// Handles the response to a health check of this client's own.
    func receivedHealth(_ reply: Reply, _ response: CallResponse?, on connection: Connection) {
        guard connection === current else { return }
        switch (reply, response) {
        // A server that rejects the health check, by a limit or because it has no such service, is alive all the same.
        case (.success, .health(.serving)), (.failure, _): return perform(machine.saidServing())
        case (.success, _), (.draining, _), (.malformed, _): break
        }
        logger.info("server takes no calls, calls go elsewhere")
        dispatcher?.failed(self, .notServing)
        releaseCurrent { machine, _ in machine.failedProbe(jitter: .random(in: 0..<1)) }
    }

    /// The connection has answered, or can be written to again.
    func roomChanged() {
        if let current, current.isOpen, current.capacity == .none { replace() }
        dispatcher?.sendWaiting()
    }

    /// All that the socket had was read: those whose answers were among it go on.
    func readEnded() {
        roomChanged()
        dispatcher?.taskExecutor.runJobs()
    }

    func ended(_ connection: Connection, leaving leftovers: Connection.StateMachine<ClientCall>.Leftovers) {
        others[ObjectIdentifier(connection)] = nil
        dispatcher?.ended(connection, leaving: leftovers, from: self)
        defer { dispatcher?.sendWaiting() }
        guard connection === current else { return }
        let inCalls = !leftovers.unanswered.isEmpty
        if inCalls || machine.state != .ready(isProven: true) {
            dispatcher?.failed(self, connection.failure ?? .closedByPeer)
            logger.info("connection lost", metadata: ["reason": "\(connection.failure ?? .closedByPeer)"])
        }
        releaseCurrent { machine, isWanted in
            machine.ended(inCalls: inCalls, isWanted: isWanted, jitter: .random(in: 0..<1))
        }
    }
}
