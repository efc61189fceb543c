extension Dispatcher {
    /// The life of a client's connection: when to connect, when to wait before that. Pure: events go in, actions come out.
    ///
    /// A connection counts as good once it gave an answer. One that ends before is a failure like one that never came about, so a
    /// server that accepts and closes is not hammered.
    struct StateMachine: Equatable {
        enum State: Equatable {
            /// No connection, and nobody needs one.
            case idle
            case connecting
            case connected(isProven: Bool)
            case backingOff
            case closed
        }

        private(set) var state = State.idle
        /// How many connections failed in a row.
        private(set) var failures = 0
        private let firstBackoff: Duration
        private let longestBackoff: Duration

        init(firstBackoff: Duration, longestBackoff: Duration) {
            self.firstBackoff = firstBackoff
            self.longestBackoff = longestBackoff
        }

        enum Action: Equatable {
            case none
            case connect
            /// Wait this long, then say ``backoffEnded(callsWait:)``.
            case backOff(Duration)
        }

        /// There are calls that no connection takes.
        mutating func callsWait() -> Action {
            guard state == .idle else { return .none }
            state = .connecting
            return .connect
        }

        enum ConnectedAction: Equatable {
            case use
            /// Nobody wants it any more.
            case discard
        }

        mutating func connected() -> ConnectedAction {
            guard state == .connecting else { return .discard }
            state = .connected(isProven: false)
            return .use
        }

        /// - Parameter jitter: 0 for the whole pause, up to 1 for half of it.
        mutating func connectFailed(jitter: Double) -> Action {
            guard state == .connecting else { return .none }
            return fail(jitter)
        }

        mutating func backoffEnded(callsWait: Bool) -> Action {
            guard state == .backingOff else { return .none }
            state = .idle
            return callsWait ? self.callsWait() : .none
        }

        /// The server answered a call, not just that it takes none.
        mutating func answered() {
            guard case .connected = state else { return }
            state = .connected(isProven: true)
            failures = 0
        }

        /// The connection takes no further calls: it ended, or the server is shutting down.
        mutating func ended(callsWait: Bool, jitter: Double) -> Action {
            guard case .connected(let isProven) = state else { return .none }
            guard isProven else { return fail(jitter) }
            state = .idle
            return callsWait ? self.callsWait() : .none
        }

        mutating func closed() {
            state = .closed
        }

        private mutating func fail(_ jitter: Double) -> Action {
            // 2³⁰ times the first pause is above every cap worth setting.
            let pause = min(longestBackoff, firstBackoff * (1 << min(failures, 30)))
            failures += 1
            state = .backingOff
            return .backOff(pause * (1 - jitter / 2))
        }
    }
}
