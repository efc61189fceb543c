extension Subchannel {
    /// The life of one connection's place at a server: when to connect, when to wait before that, when calls may come. Pure: events
    /// go in, actions come out.
    ///
    /// A connection counts as proven once it gave an answer. One that ends before is a failure like one that never came about, so a
    /// server that accepts and closes is not hammered. After any failure the next connection is asked for its health first, and
    /// takes calls when it has said that it serves: a process that is stopped still accepts.
    struct StateMachine: Equatable {
        enum State: Hashable {
            /// There is no connection, and none is needed.
            case idle
            case connecting
            /// Connected, and asked for its health; takes no calls yet.
            case probing
            /// Takes calls.
            case ready(isProven: Bool)
            /// Answers are due and none comes; it is asked for its health, and takes no calls until anything comes.
            case suspected
            case backingOff
            case closed
        }

        private(set) var state = State.idle
        /// How many connections failed in a row.
        private(set) var failures = 0
        /// Whether the next connection must say that it serves before it takes calls.
        private(set) var needsProbe = false
        private let firstBackoff: Duration
        private let longestBackoff: Duration

        init(firstBackoff: Duration, longestBackoff: Duration) {
            self.firstBackoff = firstBackoff
            self.longestBackoff = longestBackoff
        }

        /// Where there is a connection.
        var isConnected: Bool {
            switch state {
            case .probing, .ready, .suspected: true
            case .idle, .connecting, .backingOff, .closed: false
            }
        }

        enum Action: Equatable {
            case none
            case connect
            /// Ask the connection for its health.
            case probe
            /// Give it calls.
            case use
            /// Close the new connection, which is not wanted any more.
            case discard
            /// Wait this long, then say ``backoffEnded(isWanted:)``.
            case backOff(Duration)
        }

        /// There are, or will be, calls.
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

        /// - Parameter jitter: 0 for the whole pause, up to 1 for half of it.
        mutating func connectFailed(jitter: Double) -> Action {
            guard state == .connecting else { return .none }
            return fail(jitter)
        }

        mutating func backoffEnded(isWanted: Bool) -> Action {
            guard state == .backingOff else { return .none }
            state = .idle
            return isWanted ? wanted() : .none
        }

        /// The server answered a call, not just that it takes none.
        mutating func answered() -> Action {
            switch state {
            case .ready(isProven: false), .suspected: return prove()
            case .idle, .connecting, .probing, .ready(isProven: true), .backingOff, .closed: return .none
            }
        }

        /// Answers are due, and none has come for too long.
        mutating func fellSilent() -> Action {
            guard case .ready = state else { return .none }
            state = .suspected
            return .probe
        }

        /// The server says that it takes calls.
        mutating func saidServing() -> Action {
            guard isConnected else { return .none }
            return prove()
        }

        /// The server does not say how it is, or says that it takes no calls.
        mutating func failedProbe(jitter: Double) -> Action {
            guard isConnected else { return .none }
            return fail(jitter)
        }

        /// The server refused to begin a call: it is shutting down.
        mutating func drained(isWanted: Bool, jitter: Double) -> Action {
            switch state {
            case .ready(isProven: true), .suspected:
                needsProbe = true
                return reopen(isWanted: isWanted)
            case .ready(isProven: false), .probing: return fail(jitter)
            case .idle, .connecting, .backingOff, .closed: return .none
            }
        }

        /// The connection has served its time: it is old, out of ids, or not used.
        mutating func usedUp(isWanted: Bool) -> Action {
            isConnected ? reopen(isWanted: isWanted) : .none
        }

        /// The connection ended by itself.
        ///
        /// - Parameter inCalls: Whether calls were waiting for its answers.
        mutating func ended(inCalls: Bool, isWanted: Bool, jitter: Double) -> Action {
            switch state {
            case .ready(isProven: true), .suspected:
                needsProbe = needsProbe || inCalls
                return reopen(isWanted: isWanted)
            case .ready(isProven: false), .probing: return fail(jitter)
            case .idle, .connecting, .backingOff, .closed: return .none
            }
        }

        mutating func closed() {
            state = .closed
        }

        private mutating func prove() -> Action {
            let wasUsed = state == .ready(isProven: false) || state == .ready(isProven: true)
            state = .ready(isProven: true)
            failures = 0
            needsProbe = false
            return wasUsed ? .none : .use
        }

        private mutating func reopen(isWanted: Bool) -> Action {
            state = .idle
            return isWanted ? wanted() : .none
        }

        private mutating func fail(_ jitter: Double) -> Action {
            // 2³⁰ times the first pause is above every cap worth setting.
            let pause = min(longestBackoff, firstBackoff * (1 << min(failures, 30)))
            failures += 1
            needsProbe = true
            state = .backingOff
            return .backOff(pause * (1 - jitter / 2))
        }
    }
}
