package import DoormanSupport
package import DoormanWire

/// What the connections of all protocols have in common: whether they drain, which calls are in flight, what they wait for, and when
/// that ends them.
package struct ConnectionState {
    /// The phase of the connection. Only phases that can have calls in flight hold them.
    private enum Phase {
        case open(InFlightCalls)
        /// Finishes the calls in flight. New calls get `DRAINING`, and do not count as activity: a busy peer would never be half-closed.
        /// The time is that of the drain's beginning, or of the last answer to an accepted call.
        case draining(InFlightCalls, since: Instant)
        /// The peer sent FIN. Finishes the calls in flight, then closes.
        case inputEnded(InFlightCalls)
        /// The server sent FIN. No call is in flight, and a request can't get a response any more.
        case halfClosed
        /// The server sent its last response and FIN. It reads on for ``lingerPeriod``: a close with unread bytes would be a reset, which
        /// may discard the response.
        case finished(ConnectionClosing, since: Instant)
        case closed
    }

    /// The event that the connection waits for, and since when.
    private enum Wait {
        /// A request, or the result of a call.
        case request(since: Instant)
        /// The rest of an incomplete request.
        case restOfRequest(since: Instant)
        /// The peer, which must read before the server reads more from it.
        case peerToRead(since: Instant)
    }

    /// The timeouts that each turn checks, converted so that a turn needs no 128-bit division.
    private struct Timeouts {
        let write, frame, idle, drainQuiet: Nanoseconds

        init(_ limits: ConnectionLimits) {
            write = Nanoseconds(limits.writeTimeout)
            frame = Nanoseconds(limits.frameTimeout)
            idle = Nanoseconds(limits.idleTimeout)
            drainQuiet = Nanoseconds(limits.drainQuietPeriod)
        }
    }

    /// The maximum number of forbidden calls of a caller without any permission. Then the connection is closed.
    package static let maximumForbiddenCalls = 10

    /// The time for which a connection reads on after its last response.
    package static let lingerPeriod = Duration.seconds(2)

    package let limits: ConnectionLimits
    package let counters: ServerCounters
    /// The time at which the connection began to be served.
    package let beganAt: Instant
    private let lifetime: ConnectionLifetime
    private let timeouts: Timeouts
    private let callerName: String?
    private var phase = Phase.open(InFlightCalls())
    private var wait: Wait
    private var started: [StartedCall] = []
    private var lastCallNumber: UInt64 = 0
    /// The last call that reads statistics. A connection has one at a time, since their responses are long.
    private var statisticsCall: CallID?
    /// The reason why the connection drains or is half-closed.
    private var drainCause = DrainCause.shutdown
    /// The number of forbidden calls of a caller without any permission.
    private var forbiddenCalls = 0
    /// Whether flow control of the protocol holds responses back. The connection is not half-closed until the peer has taken them.
    package var holdsResponses = false

    /// - Parameters:
    ///   - lifetime: The times at which the connection ends by itself; `nil` (the default) for none.
    ///   - counters: Counts the failures that the connection itself reports.
    ///   - callerName: The name of the caller in these; by default unknown.
    package init(
        limits: ConnectionLimits, lifetime: ConnectionLifetime? = nil, counters: ServerCounters, callerName: String? = nil,
        now: Instant
    ) {
        self.limits = limits
        self.lifetime = lifetime ?? ConnectionLifetime(since: now)
        self.timeouts = Timeouts(limits)
        self.counters = counters
        self.callerName = callerName
        self.wait = .request(since: now)
        beganAt = now
    }

    /// The number of calls that are started and not answered.
    package var callsInFlight: Int {
        switch phase {
        case .open(let calls), .draining(let calls, _), .inputEnded(let calls): calls.count
        case .halfClosed, .finished, .closed: 0
        }
    }

    /// Whether there are calls to start.
    package var hasStarted: Bool {
        mutating get { !started.isEmpty }
    }

    /// Whether new calls get `DRAINING`.
    // Mutating, here and below: a nonmutating getter would copy the whole state on each read.
    package var isDraining: Bool {
        mutating get {
            if case .open = phase { false } else { true }
        }
    }

    /// Whether the connection reads requests. After the server's FIN it can't answer them; after the peer's FIN there are none.
    package var isReading: Bool {
        mutating get {
            switch phase {
            case .open, .draining: true
            case .inputEnded, .halfClosed, .finished, .closed: false
            }
        }
    }

    /// The cause of draining; `nil` if the connection does not drain.
    var drainingCause: DrainCause? {
        mutating get {
            if case .draining = phase { drainCause } else { nil }
        }
    }

    package var isClosed: Bool {
        mutating get {
            if case .closed = phase { true } else { false }
        }
    }

    /// Whether a call of this stream is in flight.
    @inline(__always)
    package func isInFlight(_ streamID: StreamID) -> Bool {
        switch phase {
        case .open(let calls), .draining(let calls, _), .inputEnded(let calls): !calls.isEmpty && calls.contains(streamID)
        case .halfClosed, .finished, .closed: false
        }
    }

    private func isInFlight(_ call: CallID) -> Bool {
        switch phase {
        case .open(let calls), .draining(let calls, _), .inputEnded(let calls): calls.contains(call)
        case .halfClosed, .finished, .closed: false
        }
    }

    // MARK: - Calls

    /// Starts a call, which ``takeStarted()`` returns.
    ///
    /// - Parameter origin: What the call's trace has to know of the request.
    /// - Returns: `nil` if it is started, otherwise the failure to answer it with. The failure is not counted yet.
    package mutating func start(
        _ call: AsynchronousCall, from origin: CallOrigin, on streamID: StreamID, timeout: Duration?, now: Instant
    ) -> FailureResponse? {
        guard callsInFlight < limits.maximumCallsInFlight else {
            counters.note(CallerEvent(caller: callerName, kind: .limitExceeded("server.max-calls-in-flight")))
            return FailureResponse(
                .tooManyCalls,
                "the connection reached its limit of \(limits.maximumCallsInFlight) calls in flight (server.max-calls-in-flight)",
                retryAfter: RetryHint.minimumDelay)
        }
        if case .statistics = call {
            guard !(statisticsCall.map { isInFlight($0) } ?? false) else {
                return FailureResponse(
                    .tooManyCalls, "the connection has a statistics call in flight: wait for its response",
                    retryAfter: RetryHint.minimumDelay)
            }
        }
        let deadline = Deadline(now.advanced(by: min(timeout ?? limits.defaultCallTimeout, limits.maximumCallTimeout)))
        lastCallNumber += 1
        let id = CallID(streamID: streamID, number: lastCallNumber)
        guard changeCalls({ $0.insert(InFlightCalls.Call(id: id, method: call.method, deadline: deadline)) }) != nil else {
            return nil
        }
        if case .statistics = call { statisticsCall = id }
        started.append(StartedCall(id: id, call: call, origin: origin, deadline: deadline, began: now))
        return nil
    }

    /// Takes the calls to start, in the order of their requests.
    package mutating func takeStarted() -> [StartedCall] {
        guard !started.isEmpty else { return [] }
        defer { started = [] }
        return started
    }

    /// Ends a call that is about to be answered.
    ///
    /// - Returns: Whether it was in flight. If not, it must not be answered.
    package mutating func finish(_ call: CallID, now: Instant) -> Bool {
        guard changeCalls({ $0.remove(call) }) == true else { return false }
        noteActivity(now)
        return true
    }

    /// Ends the call of a stream that the peer gave up.
    ///
    /// - Returns: The call, whose work must be cancelled; `nil` if none was in flight.
    package mutating func cancel(_ streamID: StreamID, now: Instant) -> CallID? {
        guard let call = changeCalls({ $0.remove(streamID) }) ?? nil else { return nil }
        // A call that was read in this turn may not have begun yet.
        if let index = started.firstIndex(where: { $0.id == call }) {
            started.remove(at: index)
            noteActivity(now)
            return nil
        }
        noteActivity(now)
        return call
    }

    /// Changes the calls in flight of the current phase.
    ///
    /// - Returns: `nil` in a phase that has none.
    private mutating func changeCalls<Result>(_ change: (inout InFlightCalls) -> Result) -> Result? {
        switch phase {
        case .open(var calls):
            // Clears the phase first, so that the calls have one owner and change in place.
            phase = .closed
            defer { phase = .open(calls) }
            return change(&calls)
        case .draining(var calls, let since):
            phase = .closed
            defer { phase = .draining(calls, since: since) }
            return change(&calls)
        case .inputEnded(var calls):
            phase = .closed
            defer { phase = .inputEnded(calls) }
            return change(&calls)
        case .halfClosed, .finished, .closed: return nil
        }
    }

    /// Notes that an accepted call was answered.
    private mutating func noteActivity(_ now: Instant) {
        if case .request = wait { wait = .request(since: now) }
        if case .draining(let calls, _) = phase { phase = .draining(calls, since: now) }
    }

    // MARK: - Events

    /// Drains if the connection's lifetime has ended.
    @inline(__always)
    package mutating func checkLifetime(now: Instant) {
        if now >= lifetime.end { drain(lifetime.cause(at: now), now: now) }
    }

    /// Notes the end of a turn.
    ///
    /// - Parameters:
    ///   - isMidRequest: Whether a request has arrived in part.
    ///   - hasEndedRequest: Whether the turn completed a request.
    package mutating func endTurn(isMidRequest: Bool, hasEndedRequest: Bool, now: Instant) {
        switch wait {
        case .peerToRead: break
        case .restOfRequest where isMidRequest && !hasEndedRequest: break
        case .request, .restOfRequest: wait = isMidRequest ? .restOfRequest(since: now) : .request(since: now)
        }
    }

    /// Notes that the peer sends nothing more.
    package mutating func endInput() -> ConnectionDirective {
        switch phase {
        case .open(let calls), .draining(let calls, _): phase = .inputEnded(calls)
        case .halfClosed: return close(peerClosed)
        case .finished(let closing, _): return close(closing)
        case .inputEnded, .closed: break
        }
        return directiveIfFinished
    }

    /// Ends a half-closed connection.
    ///
    /// - Returns: The reason; `nil` if the connection was not half-closed.
    package mutating func endHalfClosed() -> ConnectionClosing? {
        switch phase {
        case .halfClosed:
            phase = .closed
            return peerClosed
        case .finished(let closing, _):
            phase = .closed
            return closing
        case .open, .draining, .inputEnded, .closed: return nil
        }
    }

    /// Begins draining: finishes the calls in flight and starts no new ones.
    package mutating func drain(_ cause: DrainCause = .shutdown, now: Instant) {
        guard case .open(let calls) = phase else { return }
        drainCause = cause
        phase = .draining(calls, since: now)
    }

    /// Whether a caller without any permission made so many forbidden calls, these included, that the connection ends.
    package func hasTooMany(forbiddenCalls: Int) -> Bool {
        self.forbiddenCalls + forbiddenCalls >= Self.maximumForbiddenCalls
    }

    /// Notes forbidden calls of a caller without any permission.
    package mutating func note(forbiddenCalls: Int) -> ConnectionDirective {
        self.forbiddenCalls += forbiddenCalls
        return hasTooMany(forbiddenCalls: 0) ? close(.noPermission) : .keep
    }

    /// Notes that too much output is unsent because the peer does not read. Read no more until ``unblockOutput(isMidRequest:now:)``.
    package mutating func blockOutput(now: Instant) {
        if case .peerToRead = wait { return }
        wait = .peerToRead(since: now)
    }

    /// Notes that the peer has read some output, but too little for ``unblockOutput(isMidRequest:now:)``.
    package mutating func noteProgress(now: Instant) {
        if case .peerToRead = wait { wait = .peerToRead(since: now) }
    }

    /// Notes that the peer reads again.
    package mutating func unblockOutput(isMidRequest: Bool, now: Instant) {
        // The rest of a request could not arrive while the server did not read.
        wait = isMidRequest ? .restOfRequest(since: now) : .request(since: now)
    }

    /// Whether the peer must read before the server reads or ends anything.
    private var isOutputBlocked: Bool {
        if case .peerToRead = wait { true } else { holdsResponses }
    }

    // MARK: - Time

    /// The next time to call ``timePassed(now:)``.
    package var nextTimer: Instant {
        mutating get {
            switch phase {
            case .closed: return .distantFuture
            case .halfClosed: return min(peerEnd, idleEnd(callsInFlight: 0))
            case .finished(_, let since): return min(lingerEnd(since), peerEnd)
            case .open(let calls):
                let waitEnd = min(peerEnd, idleEnd(callsInFlight: calls.count))
                return min(min(calls.earliestDeadline, waitEnd), min(retirement(calls), lifetime.end))
            case .draining(let calls, let since): return min(calls.earliestDeadline, peerEnd, drainQuietEnd(calls, since))
            case .inputEnded(let calls): return min(calls.earliestDeadline, peerEnd)
            }
        }
    }

    /// Ends the calls whose deadline has passed, and checks the connection's timeouts.
    ///
    /// - Returns: The expired calls, which must be answered and whose work must be cancelled, and the directive for the socket.
    package mutating func timePassed(now: Instant) -> (expired: [ExpiredCall], directive: ConnectionDirective) {
        if case .closed = phase { return ([], .keep) }
        checkLifetime(now: now)
        let expired = expireCalls(now: now)
        return (expired, directive(now: now))
    }

    private mutating func directive(now: Instant) -> ConnectionDirective {
        if case .open(let calls) = phase, now >= retirement(calls) {
            drainCause = .maximumAge
            return halfClose(now)
        }
        if case .draining(let calls, let since) = phase, now >= drainQuietEnd(calls, since) { return halfClose(now) }
        if case .finished(let closing, let since) = phase, now >= lingerEnd(since) { return close(closing) }
        if now >= peerEnd {
            if case .peerToRead = wait { return close(.notReading) }
            return close(.frameTimeout)
        }
        switch phase {
        case .open(let calls) where now >= idleEnd(callsInFlight: calls.count): return close(.idle)
        case .halfClosed where now >= idleEnd(callsInFlight: 0): return close(.idle)
        default: return directiveIfFinished
        }
    }

    /// The time until which the peer must read, or send the rest of its request.
    private var peerEnd: Instant {
        switch wait {
        case .peerToRead(let since): since.advanced(by: timeouts.write)
        case .restOfRequest(let since): since.advanced(by: timeouts.frame)
        case .request: .distantFuture
        }
    }

    /// Returns the time at which a connection is closed as idle if nothing happens until then.
    private func idleEnd(callsInFlight: Int) -> Instant {
        guard callsInFlight == 0, case .request(let since) = wait else { return .distantFuture }
        return since.advanced(by: timeouts.idle)
    }

    /// Returns the time at which a draining connection is half-closed if nothing happens until then.
    private func drainQuietEnd(_ calls: InFlightCalls, _ since: Instant) -> Instant {
        calls.isEmpty && !isOutputBlocked ? since.advanced(by: timeouts.drainQuiet) : .distantFuture
    }

    /// Returns the time until which a connection reads on after its last response.
    private func lingerEnd(_ since: Instant) -> Instant { since.advanced(by: Self.lingerPeriod) }

    /// Returns the time at which an aged connection is half-closed if nothing happens until then.
    private func retirement(_ calls: InFlightCalls) -> Instant {
        guard lifetime.retirement < .distantFuture, calls.isEmpty, !holdsResponses, case .request(let since) = wait else {
            return .distantFuture
        }
        return max(lifetime.retirement, since.advanced(by: timeouts.drainQuiet))
    }

    private mutating func expireCalls(now: Instant) -> [ExpiredCall] {
        guard let expired = changeCalls({ $0.removeExpired(at: now) }), !expired.isEmpty else { return [] }
        noteActivity(now)
        return expired.map { ExpiredCall(id: $0.id, method: $0.method) }
    }

    // MARK: - Close

    /// Closes if the peer sent FIN and all calls are answered.
    package var directiveIfFinished: ConnectionDirective {
        mutating get {
            if case .inputEnded(let calls) = phase, calls.isEmpty { close(peerClosed) } else { .keep }
        }
    }

    /// The reason of a connection that the peer closes.
    private var peerClosed: ConnectionClosing { drainCause == .shutdown ? .peerClosed : .drained(drainCause) }

    /// Closes a connection that the protocol has ended in order.
    package mutating func closeAtEnd() -> ConnectionDirective { close(peerClosed) }

    private mutating func halfClose(_ now: Instant) -> ConnectionDirective {
        phase = .halfClosed
        wait = .request(since: now)
        return .halfClose
    }

    /// Ends the connection after its last response. The peer may still send; its bytes are dropped.
    package mutating func finish(_ closing: ConnectionClosing = .finished, now: Instant) -> ConnectionDirective {
        switch phase {
        case .open, .draining:
            phase = .finished(closing, since: now)
            if !isOutputBlocked { wait = .request(since: now) }
            started = []
            return .halfClose
        case .inputEnded: return close(closing)
        case .halfClosed, .finished, .closed: return .keep
        }
    }

    package mutating func close(_ closing: ConnectionClosing) -> ConnectionDirective {
        phase = .closed
        started = []
        return .close(closing)
    }
}

/// A call whose deadline has passed.
package struct ExpiredCall {
    package let id: CallID
    package let method: Method

    /// The failure to answer it with.
    package static let failure = FailureResponse(.deadlineExceeded, "the deadline passed before the call finished")
}
