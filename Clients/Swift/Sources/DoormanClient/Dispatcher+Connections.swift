internal import DoormanCore
internal import DoormanWire
internal import NIOCore

// What the dispatcher does about connections: opens them, sends on them, hears from them, replaces them.

extension Dispatcher {
    /// Sends what waits, as far as there is room, and sees to a connection for the rest.
    func sendWaiting() {
        while let connection = current, !waiting.isEmpty {
            switch connection.room {
            case .free: sendNext(on: connection)
            case .full: return
            case .none: retire(connection)
            }
        }
        if !waiting.isEmpty { perform(machine.callsWait()) }
    }

    /// A connection has answered, or can be written to again.
    func roomChanged() {
        sendWaiting()
    }

    /// - Parameter data: Of the response frame.
    func answered(_ id: CallID, on connection: Connection, _ data: Span<UInt8>, in arena: MessageArena) {
        guard let live = calls[id] else { return }
        let reply = live.call.operation.read(data, in: arena)
        if case .draining(let message) = reply {
            sendAgain([id], or: .draining(message))
            retire(connection)
            return
        }
        if connection === current { machine.answered() }
        switch reply {
        case .answer(let answer):
            finish(id, .success(answer))
            // It is about to stop, so the next call had better find another.
            if answer == .health(.notServing) { retire(connection) }
        case .failure(let status):
            finish(id, .failure(DoormanError(status, mayBeRepeated: live.call.operation.mayBeRepeated)))
        case .draining, .nonsense: finish(id, .failure(.protocolViolation("the answer is not what the contract says")))
        }
    }

    /// The connection is closed.
    func ended(_ connection: Connection, leaving leftovers: Connection.StateMachine.Leftovers, violation: String?) {
        draining[ObjectIdentifier(connection)] = nil
        sendAgain(leftovers.unsent, or: .connectionLost(mayHaveBegun: false))
        for id in leftovers.unanswered.reversed() {
            guard let live = calls[id] else { continue }
            if let violation {
                finish(id, .failure(.protocolViolation(violation)))
            } else if live.call.operation.mayBeRepeated {
                sendAgain([id], or: .connectionLost(mayHaveBegun: false))
            } else {
                finish(id, .failure(.connectionLost(mayHaveBegun: true)))
            }
        }
        if connection === current { lose(machine.state == .connected(isProven: true) ? nil : .closedByPeer) }
    }

    /// Gives the connection no further calls; it closes when it has finished those that it has.
    func retire(_ connection: Connection) {
        if connection.isOpen { draining[ObjectIdentifier(connection)] = connection }
        if connection === current { lose(nil) }
        connection.drain()
    }

    private func sendNext(on connection: Connection) {
        guard let id = waiting.popFirst(), let live = calls[id] else { return }
        let now = Instant.now
        let data: [UInt8]
        do {
            data = try live.call.operation.packed(timeout: live.call.deadline.remaining(at: now))
        } catch {
            finish(id, .failure(.requestTooLong))
            return
        }
        guard let streamID = connection.start(id, data: data, at: now) else {
            waiting.putBack([id])
            return retire(connection)
        }
        calls[id]?.place = .sent(connection, streamID)
        calls[id]?.attempts += 1
    }

    /// Puts calls back to the head of those that wait, except those that were sent too often.
    private func sendAgain(_ ids: [CallID], or error: DoormanError) {
        let again = ids.filter { id in
            guard let live = calls[id] else { return false }
            guard live.attempts < settings.maximumAttempts else {
                finish(id, .failure(error))
                return false
            }
            calls[id]?.place = .waiting
            return true
        }
        waiting.putBack(again)
    }

    /// There is no current connection any more.
    private func lose(_ failure: ConnectFailure?) {
        current = nil
        lastFailure = failure
        perform(machine.ended(callsWait: !waiting.isEmpty, jitter: .random(in: 0..<1)))
    }

    private func perform(_ action: StateMachine.Action) {
        switch action {
        case .none: break
        case .connect: connect()
        case .backOff(let pause):
            backoffTimer = eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(pause.nanoseconds)) {
                self.perform(self.machine.backoffEnded(callsWait: !self.waiting.isEmpty))
            }
        }
    }

    private func connect() {
        connector.connect(on: eventLoop) { Connection(dispatcher: self, settings: self.settings) }
            .assumeIsolated()
            .whenComplete { result in
                do {
                    let channel = try result.get()
                    self.connected(try channel.pipeline.syncOperations.handler(type: Connection.self), channel)
                } catch {
                    self.lastFailure = ConnectFailure(error)
                    self.perform(self.machine.connectFailed(jitter: .random(in: 0..<1)))
                }
            }
    }

    private func connected(_ connection: Connection, _ channel: any Channel) {
        guard machine.connected() == .use else {
            channel.close(promise: nil)
            return
        }
        guard connection.isOpen else { return lose(.closedByPeer) }
        current = connection
        lastFailure = nil
        sendWaiting()
    }
}
