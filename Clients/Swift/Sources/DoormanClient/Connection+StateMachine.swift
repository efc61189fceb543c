internal import DoormanCore
internal import DoormanWire

extension Connection {
    /// Which call of a connection an answer belongs to, and when the connection is used up. Pure: events go in, actions come out.
    ///
    /// What can be wrong is told apart: an answer nobody waits for any more is a harmless race and ignored; an answer to a call
    /// that was never made is the server's fault and ends the connection.
    struct StateMachine: Equatable {
        private enum Phase {
            case open
            /// Takes no new calls; ends with the last answer.
            case draining
            case closed
        }

        private let maximumCallsInFlight: Int
        private let lastID: StreamID
        private var phase = Phase.open
        private var nextID = StreamID(1)
        private var pending: [StreamID: CallID] = [:]
        /// Calls that their callers gave up, and that the server is still busy with.
        private var abandoned: Set<StreamID> = []
        /// Calls of whose frames not a byte has left.
        private var unwritten: [StreamID] = []
        /// Since when an answer is due and nothing has come.
        private var silentSince: Instant?

        /// - Parameter lastID: The last stream id that is used. By default the last one of the 31 bits that ids have; odd.
        init(maximumCallsInFlight: Int, lastID: StreamID = StreamID(0x7fff_ffff)) {
            self.maximumCallsInFlight = maximumCallsInFlight
            self.lastID = lastID
        }

        /// What a call may expect of the connection.
        enum Room: Equatable {
            case free
            /// Not before another call ends.
            case full
            /// Never again.
            case none
        }

        var room: Room {
            guard phase == .open, nextID <= lastID else { return .none }
            return pending.count + abandoned.count < maximumCallsInFlight ? .free : .full
        }

        enum StartAction: Equatable {
            case send(StreamID)
            /// The connection has no room for it.
            case refuse
        }

        mutating func start(_ call: CallID, at now: Instant) -> StartAction {
            guard room == .free else { return .refuse }
            let id = nextID
            nextID = StreamID(id.rawValue + 2)
            pending[id] = call
            unwritten.append(id)
            if silentSince == nil { silentSince = now }
            return .send(id)
        }

        /// All frames so far were handed to the socket.
        mutating func wrote() {
            unwritten.removeAll(keepingCapacity: true)
        }

        enum AnswerAction: Equatable {
            case complete(CallID)
            case ignore
            /// The server answered what it was not asked.
            case violation
        }

        mutating func answered(_ id: StreamID, at now: Instant) -> AnswerAction {
            let call = pending.removeValue(forKey: id)
            guard call != nil || abandoned.remove(id) != nil else {
                return phase == .closed ? .ignore : .violation
            }
            silentSince = pending.isEmpty && abandoned.isEmpty ? nil : now
            return call.map(AnswerAction.complete) ?? .ignore
        }

        enum CloseAction: Equatable {
            case none
            case close
        }

        /// Nobody waits for the call any more.
        mutating func abandon(_ id: StreamID) -> CloseAction {
            if pending.removeValue(forKey: id) != nil { abandoned.insert(id) }
            return closeIfFinished()
        }

        /// Takes no further calls.
        mutating func drain() -> CloseAction {
            if phase == .open { phase = .draining }
            return closeIfFinished()
        }

        /// After answers were handled.
        func closeIfFinished() -> CloseAction {
            phase == .draining && pending.isEmpty ? .close : .none
        }

        /// The calls that an ended connection leaves, each in the order in which they were made.
        struct Leftovers: Equatable {
            /// No byte of them was sent.
            var unsent: [CallID] = []
            /// The server may have begun them.
            var unanswered: [CallID] = []
        }

        mutating func closed() -> Leftovers {
            phase = .closed
            var leftovers = Leftovers()
            for (id, call) in pending.sorted(by: { $0.key < $1.key }) {
                if unwritten.contains(id) { leftovers.unsent.append(call) } else { leftovers.unanswered.append(call) }
            }
            pending = [:]
            abandoned = []
            unwritten = []
            silentSince = nil
            return leftovers
        }

        /// Whether answers are due and nothing has come for this long.
        func isSilent(for limit: Duration, at now: Instant) -> Bool {
            guard let silentSince else { return false }
            return silentSince.duration(to: now) >= limit
        }
    }
}
