internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire

extension Connection {
    /// Which call of a connection an answer belongs to, and when the connection is used up. Pure: events go in, actions come out.
    ///
    /// A response to an abandoned call is a harmless race and is ignored. A response to a call that was never made is the server's fault and
    /// ends the connection.
    ///
    /// - Parameter CallReference: What stands for a call.
    struct StateMachine<CallReference> {
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
        private var pending = StreamTable<CallReference>()
        /// Calls that their callers gave up, and that the server is still busy with.
        private var abandoned: Set<StreamID> = []
        /// The first stream of whose frame not a byte has left; nor of those that follow.
        private var firstUnwritten = StreamID(1)
        /// The health call that is under way, and when it was made.
        private var ping: (id: StreamID, sentAt: Instant)?
        /// Since when an answer is due and nothing has come.
        private(set) var silentSince: Instant?
        /// When a call was last made.
        private(set) var lastUse: Instant
        /// When an answer last came.
        private(set) var lastHeard: Instant

        /// - Parameter lastID: The last stream id that is used. By default the last one of the 31 bits that ids have; odd.
        init(maximumCallsInFlight: Int, lastID: StreamID = StreamID(0x7fff_ffff), at now: Instant) {
            self.maximumCallsInFlight = maximumCallsInFlight
            self.lastID = lastID
            self.lastUse = now
            self.lastHeard = now
        }

        /// How many calls the server is busy with.
        @inline(__always)
        var callsInFlight: Int { pending.count + abandoned.count }

        /// What a call may expect of the connection.
        enum Capacity: Equatable {
            case free
            /// Not before another call ends.
            case full
            /// Never again.
            case none
        }

        // Inlined, for otherwise the whole machine is copied to ask it.
        @inline(__always)
        var capacity: Capacity {
            guard phase == .open, nextID <= lastID else { return .none }
            return callsInFlight < maximumCallsInFlight ? .free : .full
        }

        enum StartAction: Equatable {
            case send(StreamID)
            /// The connection has no room for it.
            case refuse
        }

        mutating func start(_ call: CallReference, at now: Instant) -> StartAction {
            guard capacity == .free else { return .refuse }
            let id = takeID(at: now)
            pending.insert(call, for: id)
            lastUse = now
            return .send(id)
        }

        /// Takes back the call that was started last, because it can't be sent.
        mutating func rollbackSend(_ id: StreamID) {
            _ = pending.remove(id)
            nextID = id
            if callsInFlight == 0 && ping == nil { silentSince = nil }
        }

        /// Asks the server for its health, whatever room there is for calls.
        ///
        /// - Returns: Nil if it is being asked already, or can't be.
        mutating func startPing(at now: Instant) -> StreamID? {
            guard ping == nil, phase == .open, nextID <= lastID else { return nil }
            let id = takeID(at: now)
            ping = (id, now)
            return id
        }

        private mutating func takeID(at now: Instant) -> StreamID {
            let id = nextID
            nextID = StreamID(id.rawValue + 2)
            if silentSince == nil { silentSince = now }
            return id
        }

        /// All frames so far were handed to the socket.
        mutating func wrote() {
            firstUnwritten = nextID
        }

        /// How many frames have been made since the last ``wrote()``.
        var unwritten: Int { Int(nextID.rawValue - firstUnwritten.rawValue) / 2 }

        enum AnswerAction {
            case complete(CallReference)
            /// The server says how it is.
            case pong
            case ignore
            /// The server answered what it was not asked.
            case violation
        }

        mutating func answered(_ id: StreamID, at now: Instant) -> AnswerAction {
            let action: AnswerAction
            if let call = pending.remove(id) {
                action = .complete(call)
            } else if ping?.id == id {
                ping = nil
                action = .pong
            } else if abandoned.remove(id) != nil {
                action = .ignore
            } else {
                return phase == .closed ? .ignore : .violation
            }
            silentSince = callsInFlight == 0 && ping == nil ? nil : now
            lastHeard = now
            return action
        }

        enum CloseAction: Equatable {
            case none
            case close
        }

        /// Notes that no response to the call is wanted any more.
        mutating func abandon(_ id: StreamID) -> CloseAction {
            if pending.remove(id) != nil { abandoned.insert(id) }
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
        struct Leftovers {
            /// No byte of them was sent.
            var unsent: [CallReference] = []
            /// The server may have begun them.
            var unanswered: [CallReference] = []
        }

        /// The calls that wait for answers, in the order in which they were made.
        var unanswered: [CallReference] { pending.all.map(\.value) }

        mutating func closed() -> Leftovers {
            phase = .closed
            var leftovers = Leftovers()
            for (id, call) in pending.all {
                if id >= firstUnwritten { leftovers.unsent.append(call) } else { leftovers.unanswered.append(call) }
            }
            pending = StreamTable()
            abandoned = []
            ping = nil
            silentSince = nil
            return leftovers
        }

        /// Since when the server owes an answer about its health.
        var pingedSince: Instant? { ping?.sentAt }
    }
}

extension Connection.StateMachine.AnswerAction: Sendable where CallReference: Sendable {}
extension Connection.StateMachine.AnswerAction: Equatable where CallReference: Equatable {}
extension Connection.StateMachine.Leftovers: Equatable where CallReference: Equatable {}
