internal import DoormanCore
internal import DoormanSupport
internal import Logging
internal import NIOCore

// The servers that there are, and the watch over them.

/// When the servers are looked after next.
struct Tick {
    var task: Scheduled<Void>?
    /// Whether that is soon, because answers are due.
    var isFast = false
}

extension Dispatcher {
    /// Looks the servers' names up, if it is time.
    func lookUpIfDue(afterFailure: Bool = false, at now: Instant) {
        guard !isClosed else { return }
        for index in servers.beginLookUps(afterFailure: afterFailure, at: now) {
            let target = servers.targets[index]
            resolver.servers(for: target, on: eventLoop).assumeIsolated().whenSuccess { result in
                guard !self.isClosed else { return }
                self.servers.finishLookUp(index, result, at: self.time.now, using: &self.randomness)
                if case .failure(let failure) = result {
                    self.lastFailure = (target.description, failure)
                    self.logger.warning("name not found", metadata: ["server": "\(target)", "reason": "\(failure)"])
                }
                self.useServers()
            }
        }
    }

    /// A connection did not come about, or ended in the middle of calls.
    func failed(_ subchannel: Subchannel, _ failure: ConnectFailure) {
        if ready.isEmpty || ready.allSatisfy({ $0 === subchannel }) { lastFailure = (subchannel.server.description, failure) }
        lookUpIfDue(afterFailure: true, at: time.now)
    }

    /// Looks after the servers soon, as answers are due.
    func startTicking() {
        guard !tick.isFast, !isClosed else { return }
        tick.task?.cancel()
        scheduleTick(isFast: true)
    }

    func stopTicking() {
        tick.task?.cancel()
        tick = Tick()
    }

    /// Gives every server its subchannels, and takes theirs from those that are gone.
    private func useServers() {
        let wanted = servers.servers
        for subchannel in subchannels where !wanted.contains(subchannel.server) { subchannel.retire() }
        for server in wanted {
            let there = subchannels.filter { $0.server == server && $0.state != .closed }
            let group = there.first?.group ?? SubchannelGroup()
            for _ in there.count..<max(there.count, configuration.connectionsPerServer, 1) {
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
        // Twice within the shorter of the two times that are watched, so that neither is overstepped by more than half.
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
        let isBusy = subchannels.contains(where: \.isWatched) || !waiting.isEmpty
        guard isBusy || subchannels.contains(where: { $0.current != nil }) || isInUse(at: now) else { return stopTicking() }
        scheduleTick(isFast: isBusy)
    }
}
