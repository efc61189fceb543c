internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import NIOCore

// Where calls are sent, what their answers are worth, and which are sent again.

extension Dispatcher {
    /// Sends what waits, as far as there is room, and sees to connections for the rest.
    func sendWaiting() {
        notifyListeners()
        while ready.contains(where: \.hasCapacity), let call = waiting.popFirst() {
            guard let subchannel = choose(for: call) else {
                waiting.putBack([call])
                break
            }
            send(call, to: subchannel, at: time.now)
        }
        if !waiting.isEmpty && ready.isEmpty {
            for subchannel in subchannels { subchannel.requestConnection() }
        }
    }

    /// Which subchannels take calls has changed.
    func readinessChanged() {
        let wereReady = !ready.isEmpty
        ready = subchannels.filter(\.isReady)
        readyServers = max(1, Set(ready.map(\.server)).count)
        if !ready.isEmpty { lastFailure = nil }
        // A server that was down for long may be up again, and is not waited for while no other is left.
        if wereReady && ready.isEmpty {
            for subchannel in subchannels { subchannel.resetBackoff() }
        }
    }

    /// Handles the response to a call, which may have ended meanwhile.
    func answered(_ call: ClientCall, _ reply: Reply, from subchannel: Subchannel) {
        switch reply {
        case .success: finishSoon(call)
        case .draining(let message): sendAgain(call, insteadOf: subchannel.server, .draining(message), why: .draining)
        case .failure(let status):
            let error = DoormanError(status, mayBeRepeated: call.operation.mayBeRepeated)
            // Of a hedged call, the other server may still answer better.
            if call.attempt != nil, status.failure?.row.retry == .yes {
                call.lastError = error
                return
            }
            // One server's way to the provider may be in the way, so another is worth asking; the same one is not.
            guard status.failure?.row.retry == .yes, call.operation.mayBeRepeated, hasAlternative(to: subchannel.server, for: call)
            else { return finish(call, error) }
            sendAgain(call, insteadOf: subchannel.server, error, why: .unavailable)
        case .malformed:
            finish(call, .protocolViolation("the answer is not what the contract says"))
        }
    }

    /// The connection is closed.
    func ended(
        _ connection: Connection, leaving leftovers: Connection.StateMachine<ClientCall>.Leftovers, from subchannel: Subchannel
    ) {
        for call in leftovers.unsent.reversed() {
            call.removeAttempt(on: connection)
            sendAgain(call, insteadOf: subchannel.server, .connectionLost(mayHaveBegun: false), why: .unsent)
        }
        for call in leftovers.unanswered.reversed() {
            call.removeAttempt(on: connection)
            lose(call, connection, at: subchannel.server)
        }
    }

    /// The connection that a call was sent on is gone without an answer.
    private func lose(_ call: ClientCall, _ connection: Connection, at server: Server) {
        let error: DoormanError
        if let violation = connection.violation {
            error = .protocolViolation(violation)
        } else if case .handshake? = connection.failure {
            // With TLS 1.3 a server refuses certificates after the client may speak, and before it listens.
            error = .unreachable(server.description, connection.failure ?? .other)
        } else {
            error = .connectionLost(mayHaveBegun: !call.operation.mayBeRepeated)
        }
        // What answers nonsense once may do so again, so only another server is worth asking then.
        let isWorthIt = connection.violation == nil || hasAlternative(to: server, for: call)
        if call.operation.mayBeRepeated, isWorthIt {
            sendAgain(call, insteadOf: server, error, why: .connectionLost)
        } else if call.attempt == nil {
            finish(call, error)
        }
    }

    /// The server behind a connection doesn't answer: as many of its calls as may be are sent elsewhere, the oldest first.
    func moveCalls(from connection: Connection) {
        guard let server = connection.server else { return }
        let now = time.now
        var moved: [ClientCall] = []
        for call in connection.unanswered where call.isLive && call.operation.mayBeRepeated {
            guard call.attemptCount < configuration.maximumAttempts else { continue }
            guard call.isHedged || retryBudget.withdraw(at: now) else { continue }
            if let streamID = call.removeAttempt(on: connection) { connection.abandon(streamID) }
            call.triedServers.append(server)
            if call.attempt == nil { moved.append(call) }
        }
        for _ in moved { metrics.recordRetry(.hung) }
        waiting.putBack(moved)
    }

    /// Sends late calls to a second server as well.
    func hedge(at now: Instant) {
        while let call = hedging.nextDue(at: now) {
            guard call.isLive, !call.isHedged, let first = call.attempt?.connection.server else { continue }
            guard hasAlternative(to: first, for: call) else { continue }
            call.triedServers.append(first)
            guard let subchannel = choose(for: call), subchannel.server != first, hedging.withdraw() else { continue }
            metrics.recordHedge()
            send(call, to: subchannel, at: now)
        }
    }

    /// Sends a call to a server that takes calls.
    func send(_ call: ClientCall, to subchannel: Subchannel, at now: Instant) {
        guard let connection = subchannel.current else { return waiting.putBack([call]) }
        do {
            guard let streamID = try connection.start(call, at: now) else {
                if call.attempt == nil { waiting.putBack([call]) }
                return subchannel.replace()
            }
            call.add(ClientCall.Attempt(connection: connection, streamID: streamID))
        } catch {
            return finish(call, .requestTooLong)
        }
        call.attemptCount += 1
        if call.attemptCount == 1 { hedging.sent(call, at: now) }
        connection.writeIfMuch(of: liveCalls / readyServers)
    }

    /// Puts a call back to the head of those that wait, unless it was sent too often.
    private func sendAgain(_ call: ClientCall, insteadOf server: Server, _ error: DoormanError, why: ClientMetrics.RetryCause) {
        guard call.isLive, call.attempt == nil else { return }
        call.lastError = error
        call.triedServers.append(server)
        guard call.attemptCount < configuration.maximumAttempts, why.isFree || retryBudget.withdraw(at: time.now) else {
            return finish(call, error)
        }
        metrics.recordRetry(why)
        waiting.putBack([call])
    }

    private func hasAlternative(to server: Server, for call: ClientCall) -> Bool {
        ready.contains { $0.server != server && !call.triedServers.contains($0.server) }
    }

    /// The better of two that take calls, by calls in flight: two at random are nearly as even as the best of all, without all
    /// clients' choosing the same.
    func choose(for call: ClientCall) -> Subchannel? {
        if let only = ready.first, ready.count == 1 { return only.hasCapacity ? only : nil }
        if call.triedServers.isEmpty, let pair = randomPair(), pair.0.hasCapacity, pair.1.hasCapacity {
            let better = pair.0.callsInFlight <= pair.1.callsInFlight ? pair.0 : pair.1
            return better.group.collect(in: better)
        }
        let usable = ready.filter(\.hasCapacity)
        let untried = usable.filter { !call.triedServers.contains($0.server) }
        let candidates = untried.isEmpty ? usable : untried
        return candidates.min { $0.callsInFlight < $1.callsInFlight }
    }

    private func randomPair() -> (Subchannel, Subchannel)? {
        switch ready.count {
        case ...1: return nil
        case let count:
            let first = Int.random(in: 0..<count, using: &randomness)
            let second = (first + Int.random(in: 1..<count, using: &randomness)) % count
            return (ready[first], ready[second])
        }
    }
}

extension Subchannel {
    var hasCapacity: Bool { current?.capacity == .free }

    fileprivate var callsInFlight: Int { current?.callsInFlight ?? 0 }
}
