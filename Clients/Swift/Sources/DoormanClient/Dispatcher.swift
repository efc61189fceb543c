internal import DoormanCore
internal import DoormanWire
internal import NIOCore

/// Brings a client's calls and its connection together. All of it happens on one event loop, so nothing here is locked.
///
/// This file is about calls: they come, wait, end. `Dispatcher+Connections.swift` is about connections.
final class Dispatcher {
    /// A call, and where it is.
    struct LiveCall {
        enum Place {
            case waiting
            case sent(Connection, StreamID)
        }

        let call: Call
        var place = Place.waiting
        /// How often it was sent.
        var attempts = 0
    }

    let eventLoop: any EventLoop
    let target: DoormanTarget
    let settings: DoormanClientSettings
    let connector: Connector
    var machine: StateMachine
    var calls: [CallID: LiveCall] = [:]
    var waiting = WaitingCalls()
    /// The connection that takes calls.
    var current: Connection?
    /// Those that only finish what they have.
    var draining: [ObjectIdentifier: Connection] = [:]
    /// Why there is no connection, if that is known.
    var lastFailure: ConnectFailure?
    var backoffTimer: Scheduled<Void>?
    private var deadlines = Deadlines()
    private var deadlineTimer: (deadline: Deadline, task: Scheduled<Void>)?

    init(target: DoormanTarget, settings: DoormanClientSettings, eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        self.target = target
        self.settings = settings
        self.connector = Connector(
            target: target, timeout: settings.connectTimeout, idleTimeout: settings.idleTimeout)
        self.machine = StateMachine(firstBackoff: settings.firstBackoff, longestBackoff: settings.longestBackoff)
    }

    func submit(_ id: CallID, _ call: Call) {
        if let error = refusalToTake(call) {
            call.continuation.resume(returning: .failure(error))
            return
        }
        calls[id] = LiveCall(call: call)
        waiting.append(id)
        deadlines.insert(id, call.deadline)
        deadlines.compact(liveCount: calls.count) { calls[$0] != nil }
        setDeadlineTimer()
        sendWaiting()
    }

    /// The task behind the call was cancelled.
    func cancel(_ id: CallID) {
        leave(id, .cancelled)
    }

    /// Ends every call and closes every connection.
    func close() -> EventLoopFuture<Void> {
        machine.closed()
        backoffTimer?.cancel()
        deadlineTimer?.task.cancel()
        deadlineTimer = nil
        let connections = Array(draining.values) + (current.map { [$0] } ?? [])
        for id in calls.keys.sorted(by: { $0.number < $1.number }) { finish(id, .failure(.clientClosed)) }
        return .andAllComplete(connections.compactMap { $0.close() }, on: eventLoop)
    }

    /// Ends a call. What happens with it elsewhere is for the caller to see to.
    func finish(_ id: CallID, _ result: Result<Answer, DoormanError>) {
        guard let live = calls.removeValue(forKey: id) else { return }
        if case .waiting = live.place { _ = waiting.remove(id) }
        live.call.continuation.resume(returning: result)
    }

    private func refusalToTake(_ call: Call) -> DoormanError? {
        if machine.state == .closed { return .clientClosed }
        if call.cancellation.isCancelled { return .cancelled }
        if call.deadline.hasPassed(at: .now) {
            return .deadlineExceeded("the deadline passed before the call was made", mayHaveBegun: false)
        }
        if waiting.count >= settings.maximumWaitingCalls { return .tooManyWaiting(limit: settings.maximumWaitingCalls) }
        return nil
    }

    /// Ends a call whose answer nobody wants any more.
    private func leave(_ id: CallID, _ error: DoormanError) {
        guard let live = calls[id] else { return }
        finish(id, .failure(error))
        if case .sent(let connection, let streamID) = live.place { connection.abandon(streamID) }
    }

    private func setDeadlineTimer() {
        guard let next = deadlines.next(isLive: { calls[$0] != nil }) else { return }
        if let deadlineTimer {
            guard next < deadlineTimer.deadline else { return }
            deadlineTimer.task.cancel()
        }
        let task = eventLoop.assumeIsolated().scheduleTask(deadline: NIODeadline.uptimeNanoseconds(next.instant.nanoseconds)) {
            self.deadlineTimer = nil
            self.endWhatIsLate()
            self.setDeadlineTimer()
        }
        deadlineTimer = (next, task)
    }

    private func endWhatIsLate() {
        let now = Instant.now
        let late = deadlines.popPassed(at: now) { calls[$0] != nil }
        for id in late {
            if let live = calls[id] { leave(id, lateness(of: live)) }
        }
        if let current, !late.isEmpty, current.isSilent(for: settings.longestSilence, at: now) { retire(current) }
    }

    private func lateness(of live: LiveCall) -> DoormanError {
        switch live.place {
        case .sent:
            return .deadlineExceeded("no answer from \(target) in time", mayHaveBegun: !live.call.operation.mayBeRepeated)
        case .waiting where current != nil:
            return .deadlineExceeded("no turn on the connection to \(target) in time", mayHaveBegun: false)
        case .waiting:
            if let lastFailure, lastFailure != .timedOut { return .unreachable(target, lastFailure) }
            return .deadlineExceeded("no connection to \(target) in time", mayHaveBegun: false)
        }
    }
}

extension Instant {
    /// NIO's clock, which only goes forward.
    static var now: Instant { Instant(nanoseconds: NIODeadline.now().uptimeNanoseconds) }
}
