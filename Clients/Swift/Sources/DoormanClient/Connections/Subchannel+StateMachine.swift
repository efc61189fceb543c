extension Subchannel {
    /// The state of a subchannel: decides when to connect, when to back off, and when the connection takes calls. Pure: events go in,
    /// actions come out.
    ///
    /// A connection is proven by its first response. A connection that ends before that counts as a failure to connect, so that the client
    /// backs off from a server that accepts and closes. So does the second connection in turn that ends soon after its proof. After a
    /// failure, the next connection must pass a health check before it takes calls, because the kernel accepts connections for a stopped
    /// process too.
    struct StateMachine: Equatable {
        enum State: Hashable {
            /// No connection, and none needed.
            case idle
            case connecting
            /// Connected, and waits for the response to a health check. Takes no calls yet.
            case probing
            /// Takes calls.
            case ready(isProven: Bool)
            /// Responses are overdue. Waits for the response to a health check, and takes no calls until any response arrives.
            case suspected
            case backingOff
            case closed
        }

        private(set) var state = State.idle
        /// The number of consecutive failures.
        private(set) var failures = 0
        /// The number of connections in turn that were proven, and ended before ``stayed()``.
        private var earlyEnds = 0
        /// Whether the next connection must pass a health check before it takes calls.
        private(set) var needsProbe = false
        private let firstBackoff: Duration
        private let longestBackoff: Duration

        init(firstBackoff: Duration, longestBackoff: Duration) {
            self.firstBackoff = firstBackoff
            self.longestBackoff = longestBackoff
        }

        /// Whether there is a connection.
        var isConnected: Bool {
            switch state {
            case .probing, .ready, .suspected: true
            case .idle, .connecting, .backingOff, .closed: false
            }
        }

        /// Whether the server has responded on the connection, and none of its responses is overdue.
        var isProven: Bool {
            if case .ready(isProven: true) = state { true } else { false }
        }

        enum Action: Equatable {
            case none
            case connect
            /// Send a health check.
            case probe
            /// Send calls on the connection.
            case use
            /// Close the new connection, which is no longer needed.
            case discard
            /// Wait, then call ``backoffEnded(isWanted:)``.
            case backOff(Duration)
        }

        /// There are calls, or calls are expected.
        mutating func wanted() -> Action {
            guard state == .idle else { return .none }
            state = .connecting
            return .connect
        }

        mutating func connected() -> Action {
            guard state == .connecting else { return .discard }
            state = needsProbe ? .probing : .ready(isProven: false)
            return needsProbe ? .probe : .use
        }

        /// - Parameter jitter: 0 for the whole back-off, up to 1 for half of it.
        mutating func connectFailed(jitter: Double) -> Action {
            guard state == .connecting else { return .none }
            return fail(jitter)
        }

        mutating func backoffEnded(isWanted: Bool) -> Action {
            guard state == .backingOff else { return .none }
            state = .idle
            return isWanted ? wanted() : .none
        }

        /// The server responded to a call, other than that it drains.
        mutating func answered() -> Action {
            switch state {
            case .ready(isProven: false), .suspected: return prove()
            case .idle, .connecting, .probing, .ready(isProven: true), .backingOff, .closed: return .none
            }
        }

        /// Responses are overdue.
        mutating func fellSilent() -> Action {
            guard case .ready = state else { return .none }
            state = .suspected
            return .probe
        }

        /// The server passed a health check.
        mutating func saidServing() -> Action {
            guard isConnected else { return .none }
            return prove()
        }

        /// The server did not respond to a health check, or takes no calls.
        mutating func failedProbe(jitter: Double) -> Action {
            guard isConnected else { return .none }
            return fail(jitter)
        }

        /// The server did not begin a call because it drains.
        mutating func drained(isWanted: Bool, jitter: Double) -> Action {
            switch state {
            case .ready(isProven: true), .suspected:
                needsProbe = true
                return reopen(isWanted: isWanted)
            case .ready(isProven: false), .probing: return fail(jitter)
            case .idle, .connecting, .backingOff, .closed: return .none
            }
        }

        /// The connection is too old, out of stream IDs, or idle for too long.
        mutating func usedUp(isWanted: Bool) -> Action {
            isConnected ? reopen(isWanted: isWanted) : .none
        }

        /// The connection was lost.
        ///
        /// - Parameter inCalls: Whether calls were in flight on it.
        mutating func ended(inCalls: Bool, isWanted: Bool, jitter: Double) -> Action {
            switch state {
            case .ready(isProven: true), .suspected:
                needsProbe = needsProbe || inCalls
                earlyEnds += 1
                return earlyEnds == 1 ? reopen(isWanted: isWanted) : fail(jitter)
            case .ready(isProven: false), .probing: return fail(jitter)
            case .idle, .connecting, .backingOff, .closed: return .none
            }
        }

        /// The connection has taken calls for ``ServerAvailability/stableTime``.
        mutating func stayed() {
            earlyEnds = 0
            failures = 0
        }

        mutating func closed() {
            state = .closed
        }

        private mutating func prove() -> Action {
            let wasUsed = state == .ready(isProven: false) || state == .ready(isProven: true)
            state = .ready(isProven: true)
            if earlyEnds == 0 { failures = 0 }
            needsProbe = false
            return wasUsed ? .none : .use
        }

        private mutating func reopen(isWanted: Bool) -> Action {
            state = .idle
            return isWanted ? wanted() : .none
        }

        private mutating func fail(_ jitter: Double) -> Action {
            // 2³⁰ times the first back-off is above every useful maximum. Without a pause, the client would connect all the time.
            let pause = max(.milliseconds(1), min(longestBackoff, firstBackoff * (1 << min(failures, 30))))
            failures += 1
            needsProbe = true
            state = .backingOff
            return .backOff(pause * (1 - jitter / 2))
        }
    }
}
