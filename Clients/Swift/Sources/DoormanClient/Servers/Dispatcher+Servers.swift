internal import DoormanCore
internal import DoormanSupport
internal import Logging
internal import NIOCore

// The subchannels of the servers, and their periodic checks.

/// The timer of the next check of all subchannels.
struct Tick {
    var task: Scheduled<Void>?
    /// Whether the interval is short, because responses are due.
    var isFast = false
}

extension Dispatcher {
    /// Looks up the names that are due.
    func lookUpIfDue(afterFailure: Bool = false, at now: Instant) {
        guard !isClosed else { return }
        for index in servers.beginLookUps(afterFailure: afterFailure, at: now) {
            let target = servers.targets[index]
            resolver.servers(for: target, on: eventLoop).assumeIsolated().whenSuccess { result in
                guard !self.isClosed else { return }
                self.servers.finishLookUp(index, result, at: self.time.now, using: &self.randomness)
                self.noteLookUp(of: target, result)
                self.useServers()
            }
        }
    }

    /// Logs the first of a name's failed look-ups, and the first that succeeds again.
    private func noteLookUp(of target: DoormanTarget, _ result: Result<[Server], ConnectFailure>) {
        let now = time.now
        switch result {
        case .success:
            guard let since = unresolved.removeValue(forKey: target) else { return }
            let metadata: Logger.Metadata = ["server": "\(target)", "away_seconds": "\(since.duration(to: now).secondsText)"]
            logger.notice("name resolves again", metadata: metadata)
        case .failure(let failure):
            lastFailure = (target.description, failure)
            guard unresolved[target] == nil else { return }
            unresolved[target] = now
            logger.warning("cannot resolve name", metadata: ["server": "\(target)", "reason": "\(failure)"])
        }
    }

    /// Returns a logger whose lines name the server.
    func logger(for server: Server) -> Logger {
        var logger = logger
        logger[metadataKey: "server"] = "\(server)"
        return logger
    }

    /// A connection could not be established, or was lost with calls in flight.
    func failed(_ subchannel: Subchannel, _ failure: ConnectFailure) {
        if ready.isEmpty || ready.allSatisfy({ $0 === subchannel }) { lastFailure = (subchannel.server.description, failure) }
        lookUpIfDue(afterFailure: true, at: time.now)
    }

    /// Starts checks at short intervals, because responses are due.
    func startTicking() {
        guard !tick.isFast, !isClosed else { return }
        tick.task?.cancel()
        scheduleTick(isFast: true)
    }

    func stopTicking() {
        tick.task?.cancel()
        tick = Tick()
    }

    /// Creates the subchannels of new servers, and retires those of servers that are gone.
    private func useServers() {
        let wanted = servers.servers
        for subchannel in subchannels where !wanted.contains(subchannel.server) { subchannel.retire() }
        for server in wanted {
            let existing = subchannels.filter { $0.server == server && $0.state != .closed }
            let group = existing.first?.group ?? SubchannelGroup(ServerLog(logger(for: server), time: time))
            for _ in existing.count..<max(existing.count, configuration.connectionsPerServer, 1) {
                subchannels.append(Subchannel(server, group, self, connector: connector))
            }
        }
        readinessChanged()
        if isInUse(at: time.now) {
            for subchannel in subchannels { subchannel.requestConnection() }
        }
        sendWaiting()
    }

    private func scheduleTick(isFast: Bool) {
        // Half of the shortest timeout, so that no timeout is exceeded by more than half.
        let shortest = min(
            configuration.suspicionAfter, configuration.pingTimeout, configuration.hedgeAfter.map { $0 * 2 } ?? .seconds(2))
        let pause = isFast ? max(.milliseconds(1), shortest / 2) : .seconds(1)
        tick.isFast = isFast
        tick.task = time.schedule(in: pause) { self.runHealthChecks() }
    }

    private func runHealthChecks() {
        let now = time.now
        for subchannel in subchannels { subchannel.tick(at: now) }
        subchannels.removeAll(where: \.isFinished)
        hedge(at: now)
        lookUpIfDue(at: now)
        if isInUse(at: now) {
            for subchannel in subchannels { subchannel.requestConnection() }
        }
        sendWaiting()
        let isBusy = subchannels.contains(where: \.isWatched) || !waiting.isEmpty || !destined.isEmpty
        guard isBusy || subchannels.contains(where: { $0.current != nil }) || isInUse(at: now) else { return stopTicking() }
        scheduleTick(isFast: isBusy)
    }
}
