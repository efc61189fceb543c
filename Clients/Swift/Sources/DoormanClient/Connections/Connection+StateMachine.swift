internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire

extension Connection {
    /// Matches the responses of a connection to its calls, and closes the connection when it is drained. Pure: events go in, actions come
    /// out.
    ///
    /// A response to an abandoned call is a harmless race and is ignored. A stray response is a protocol violation and ends the connection.
    struct StateMachine<CallReference> {
        private enum Phase {
            case open
            /// Takes no calls, and ends with the last response.
            case draining
            case closed
        }

        private let maximumCallsInFlight: Int
        private let lastID: StreamID
        private var phase = Phase.open
        private var nextID = StreamID(1)
        private var pending = StreamTable<CallReference>()
        /// The streams of calls that have ended here, and to which the server has not responded yet.
        private var abandoned: Set<StreamID> = []
        /// The first stream whose frame is not written yet. No later frame is written either.
        private var firstUnwritten = StreamID(1)
        /// The health check without a response, and its moment.
        private var ping: (id: StreamID, sentAt: Instant)?
        /// The moment since which a response is due and nothing has arrived; `nil` if no response is due.
        private(set) var silentSince: Instant?
        /// The moment of the last call.
        private(set) var lastUse: Instant
        /// The moment of the last response.
        private(set) var lastHeard: Instant

        /// - Parameter lastID: The last stream ID in use, odd. Default: the largest ID of 31 bits.
        init(maximumCallsInFlight: Int, lastID: StreamID = StreamID(0x7fff_ffff), at now: Instant) {
            self.maximumCallsInFlight = maximumCallsInFlight
            self.lastID = lastID
            self.lastUse = now
            self.lastHeard = now
        }

        /// The number of calls to which the server has not responded.
        @inline(__always)
        var callsInFlight: Int { pending.count + abandoned.count }

        /// The capacity for calls.
        enum Capacity: Equatable {
            case free
            /// There is capacity when a call has ended.
            case full
            /// There will be no capacity.
            case none
        }

        // Inlined, because a call copies the whole machine.
        @inline(__always)
        var capacity: Capacity {
            guard phase == .open, nextID <= lastID else { return .none }
            return callsInFlight < maximumCallsInFlight ? .free : .full
        }

        enum StartAction: Equatable {
            case send(StreamID)
            case noCapacity
        }

        mutating func start(_ call: CallReference, at now: Instant) -> StartAction {
            guard capacity == .free else { return .noCapacity }
            let id = takeID(at: now)
            pending.insert(call, for: id)
            lastUse = now
            return .send(id)
        }

        /// Removes the call that was started last, because it can't be sent.
        mutating func rollbackSend(_ id: StreamID) {
            _ = pending.remove(id)
            nextID = id
            if callsInFlight == 0 && ping == nil { silentSince = nil }
        }

        /// Starts a health check, whatever the capacity for calls is.
        ///
        /// - Returns: The stream; `nil` if a health check has no response yet, or if the connection takes no calls.
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

        /// Notes that all frames so far are written.
        mutating func wrote() {
            firstUnwritten = nextID
        }

        /// The number of frames since the last ``wrote()``.
        var unwritten: Int { Int(nextID.rawValue - firstUnwritten.rawValue) / 2 }

        enum ResponseAction {
            case complete(CallReference)
            /// The response is that to the health check.
            case pong
            case ignore
            /// The response is stray.
            case violation
        }

        mutating func answered(_ id: StreamID, at now: Instant) -> ResponseAction {
            let action: ResponseAction
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

        /// Returns the action after responses.
        func closeIfFinished() -> CloseAction {
            phase == .draining && pending.isEmpty ? .close : .none
        }

        /// The calls of a connection that has ended, in the order in which they were sent.
        struct Leftovers {
            /// Calls whose frames were not written. No server began them.
            var unsent: [CallReference] = []
            /// Calls that the server may have begun.
            var unanswered: [CallReference] = []
        }

        /// The calls without responses, in the order in which they were sent.
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

        /// The moment of the health check without a response; `nil` if every health check has one.
        var pingedSince: Instant? { ping?.sentAt }
    }
}

extension Connection.StateMachine.ResponseAction: Sendable where CallReference: Sendable {}
extension Connection.StateMachine.ResponseAction: Equatable where CallReference: Equatable {}
extension Connection.StateMachine.Leftovers: Equatable where CallReference: Equatable {}
