internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import NIOCore

// Sending, responses and retries.

extension Dispatcher {
    /// Sends waiting calls while there is capacity, and opens connections for the rest.
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
        sendDestined()
    }

    /// A subchannel has begun or ceased to take calls.
    func readinessChanged() {
        let wereReady = !ready.isEmpty
        ready = subchannels.filter(\.isReady)
        readyServers = max(1, Set(ready.map(\.server)).count)
        if !ready.isEmpty { lastFailure = nil }
        // A server that was down for long may be up again, and no other server is left.
        if wereReady && ready.isEmpty {
            for subchannel in subchannels { subchannel.resetBackoff() }
        }
    }

    /// Handles the response to a call, which may have ended meanwhile.
    func answered(_ call: ClientCall, _ reply: Reply, from subchannel: Subchannel) {
        call.note(subchannel.server)
        switch reply {
        case .success:
            // The first server's provider gave no verdict, so a verdict that is past its TTL is no better.
            if let error = call.providerError, call.isStale { return finish(call, error) }
            finishSoon(call)
        case .draining(let message):
            if call.destination != nil, isAnyReady(besides: subchannel.server) { return finish(call, .draining(message)) }
            sendAgain(call, insteadOf: subchannel.server, .draining(message), why: .draining)
        case .failure(let status):
            let error = DoormanError(status, mayBeRepeated: call.operation.mayBeRepeated)
            if call.destination != nil { call.wasAnswered = true }
            if status.failure?.row.retry == .yes { call.providerError = error }
            // The other attempt of a hedged call may still have a verdict.
            if call.attempt != nil, case .unavailable = error.kind {
                call.lastError = error
                return
            }
            // Another server may reach the provider. A retry at the same server would gain nothing.
            guard status.failure?.row.retry == .yes, call.operation.mayBeRepeated, hasAlternative(to: subchannel.server, for: call)
            else { return finish(call, error) }
            sendAgain(call, insteadOf: subchannel.server, error, why: .unavailable)
        case .malformed: endUnlessHedged(call, .protocolViolation("the response is malformed"))
        case .tooLong(let length):
            let limit = configuration.longestResponse
            endUnlessHedged(
                call, .protocolViolation("a response of \(length) bytes is longer than maximumResponseBytes (\(limit))"))
        }
    }

    /// Ends a call with an error that a retry would repeat, unless its other attempt may still have a verdict.
    private func endUnlessHedged(_ call: ClientCall, _ error: DoormanError) {
        if call.attempt == nil { finish(call, error) } else { call.lastError = error }
    }

    /// Retries or ends the calls of a connection that is closed.
    func ended(
        _ connection: Connection, leaving leftovers: Connection.StateMachine<ClientCall>.Leftovers, from subchannel: Subchannel
    ) {
        for call in leftovers.unsent.reversed() {
            call.removeAttempt(on: connection)
            sendAgain(call, insteadOf: subchannel.server, .connectionLost(mayHaveBegun: false), why: .unsent)
        }
        for call in leftovers.unanswered.reversed() {
            call.removeAttempt(on: connection)
            handleLostConnection(of: call, connection, at: subchannel.server)
        }
    }

    /// Retries or ends a call whose connection was lost before its response.
    private func handleLostConnection(of call: ClientCall, _ connection: Connection, at server: Server) {
        let error: DoormanError
        if let violation = connection.violation {
            error = .protocolViolation(violation)
        } else if case .handshake? = connection.failure {
            // With TLS 1.3, the client may send calls before the server has rejected its certificate. An error of TLS may come later, too.
            error = .unreachable(
                server.description, connection.failure ?? .other, mayHaveBegun: !call.operation.mayBeRepeated)
        } else {
            error = .connectionLost(mayHaveBegun: !call.operation.mayBeRepeated)
        }
        // After a protocol violation, a retry at the same server would gain nothing.
        let mayHelp = connection.violation == nil || hasAlternative(to: server, for: call)
        if call.operation.mayBeRepeated, mayHelp {
            sendAgain(call, insteadOf: server, error, why: .connectionLost)
        } else if call.attempt == nil {
            finish(call, error)
        }
    }

    /// Moves the calls of a hung connection to other servers, the oldest first, as far as the retry budget allows.
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
        putBack(moved)
    }

    /// Sends the calls that are due for a hedge to a second server too.
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

    /// Sends a call on a subchannel that takes calls.
    func send(_ call: ClientCall, to subchannel: Subchannel, at now: Instant) {
        guard let connection = subchannel.current else { return putBack([call]) }
        do {
            guard let streamID = try connection.start(call, at: now) else {
                if call.attempt == nil { putBack([call]) }
                return subchannel.replace()
            }
            call.add(ClientCall.Attempt(connection: connection, streamID: streamID))
            call.note(subchannel.server)
        } catch {
            return finish(call, .requestTooLong)
        }
        call.attemptCount += 1
        if call.attemptCount == 1 { hedging.sent(call, at: now) }
        connection.writeIfMuch(of: liveCalls / readyServers)
    }

    /// Puts a call back at the head of the queue, unless it has no attempts left.
    private func sendAgain(_ call: ClientCall, insteadOf server: Server, _ error: DoormanError, why: ClientMetrics.RetryCause) {
        guard call.isLive, call.attempt == nil else { return }
        call.lastError = error
        call.triedServers.append(server)
        guard call.attemptCount < configuration.maximumAttempts, why.isFree || retryBudget.withdraw(at: time.now) else {
            return finish(call, error)
        }
        metrics.recordRetry(why)
        putBack([call])
    }

    private func hasAlternative(to server: Server, for call: ClientCall) -> Bool {
        call.destination == nil && ready.contains { $0.server != server && !call.triedServers.contains($0.server) }
    }

    /// Returns the subchannel for a call: of two random ones, the one with fewer calls in flight. This spreads calls nearly as evenly as
    /// the best of all, and not all clients choose the same server.
    func choose(for call: ClientCall) -> Subchannel? {
        if let destination = call.destination { return choose(for: destination) }
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
