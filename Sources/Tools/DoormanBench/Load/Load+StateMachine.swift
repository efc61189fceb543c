internal import DoormanCore
package import DoormanSupport
internal import DoormanWire
package import NIOCore

/// The load of one event loop, without sockets. Takes bytes and the time; returns bytes to write and connections to close.
/// ``LoadLoop`` performs them; tests drive the same type with a stepped clock.
///
/// Protocol violations are counted, and end the connection if nothing after them can be read. A response to a call that was given
/// up is a harmless race and is ignored.
package struct Load {
    private enum ConnectionState {
        case open
        /// The server is draining. The connection gets no calls and is closed after the last call in flight.
        case draining
        case closed
    }

    private struct Connection {
        var state = ConnectionState.open
        var decoder = FrameDecoder(maximumLength: Load.maxResponseLength)
        var slots: CallSlots
        var output = ByteBuffer()
    }

    /// Maximum length of a response to `Verify`: 64 KiB.
    private static let maxResponseLength: UInt32 = 64 << 10

    private let frames: RequestFrames
    private let timeout: Duration
    private let arena = MessageArena()
    package private(set) var window: BenchWindow
    private var schedule: CallSchedule
    private var connections: [Connection]
    private var openConnections: Int
    private var free: FreeSlots
    private var nextFrame: Int
    private var inFlight = 0
    /// A lower bound of the deadlines of all calls in flight.
    private var earliestDeadline = Instant.distantFuture
    private var toWrite: [Int] = []
    private var toClose: [Int] = []
    package private(set) var counters = BenchCounters()

    /// - Parameters:
    ///   - connections: The number of this loop's connections. All are open.
    ///   - part: The calls of this loop.
    package init(
        settings: BenchSettings, frames: RequestFrames, connections: Int, part: CallSchedule.Part, window: BenchWindow
    ) {
        self.frames = frames
        self.timeout = settings.callTimeout
        self.window = window
        self.schedule = CallSchedule(rate: settings.rate, part: part, window: window)
        self.connections = Array(repeating: Connection(slots: CallSlots(count: settings.depth)), count: connections)
        self.openConnections = connections
        self.free = FreeSlots(connections: connections, depth: settings.depth)
        self.nextFrame = part.index * frames.count / part.count
    }

    // MARK: - Results

    package var connectionsLost: Int { connections.count - openConnections }

    /// Whether no call is in flight and none will start.
    package func isFinished(at now: Instant) -> Bool {
        inFlight == 0 && (openConnections == 0 || schedule.next(at: now) == nil)
    }

    /// Takes the bytes to write to a connection; `nil` if no bytes are left.
    package mutating func takeOutput() -> (connection: Int, bytes: ByteBuffer)? {
        guard let index = toWrite.popLast() else { return nil }
        let bytes = connections[index].output
        connections[index].output = ByteBuffer()
        return (index, bytes)
    }

    /// Takes a connection to close; `nil` if none is left.
    package mutating func takeClosing() -> Int? { toClose.popLast() }

    /// Returns the time at which ``timePassed(now:)`` next has an effect.
    package func nextTimer(at now: Instant) -> Instant {
        var next = earliestDeadline
        if window.end > now { next = min(next, window.end) }
        if openConnections > 0, let due = schedule.next(at: now) {
            next = min(next, free.count > 0 ? due : due.advanced(by: timeout))
        }
        return next
    }

    // MARK: - Events

    /// Handles bytes from a connection.
    package mutating func receive(_ bytes: ByteBuffer, on index: Int, now: Instant) {
        guard connections[index].state != .closed else { return }
        if window.counts(now) { counters.countReceived(bytes: bytes.readableBytes) }
        connections[index].decoder.append(bytes)
        while let event = connections[index].decoder.next() {
            switch event {
            case .frame(let header) where header.type == .response:
                let outcome = connections[index].decoder.withData { CallOutcome($0, in: arena) }
                handleResponse(header.streamID, on: index, outcome, now: now)
            case .oversized(let header) where header.type == .response:
                handleResponse(header.streamID, on: index, .protocolViolation, now: now)
            case .frame, .oversized: continue
            case .violation:
                lose(index, .protocolViolation, now: now)
            }
            if connections[index].state == .closed { return }
        }
    }

    /// Handles the end of a connection.
    package mutating func end(_ index: Int, now: Instant) {
        lose(index, .connectionLost, now: now)
    }

    /// Sends every call that is due and has a free slot. Call it after any other event.
    package mutating func send(now: Instant) {
        giveUpUnsent(now: now)
        while let slot = free.first {
            guard connections[slot.connection].state == .open else {
                free.removeFirst()
                continue
            }
            guard let due = schedule.take(at: now) else { return }
            free.removeFirst()
            send(at: slot, due: due, now: now)
        }
    }

    /// Gives up calls whose deadline has passed.
    package mutating func timePassed(now: Instant) {
        guard now >= earliestDeadline else { return }
        let limit = now.advanced(by: .zero - timeout)
        var oldest = Instant.distantFuture
        for index in connections.indices {
            for call in connections[index].slots.giveUp(sentBy: limit) {
                finish(.init(connection: index, slot: call.slot), due: call.due, .deadline, now: now)
            }
            if let sent = connections[index].slots.oldestSent { oldest = min(oldest, sent) }
        }
        earliestDeadline = oldest.advanced(by: timeout)
    }

    /// Starts no further calls. Calls in flight still finish.
    package mutating func stop(now: Instant) {
        window.cut(at: now)
        schedule.cut(at: now)
    }

    // MARK: - Calls

    private mutating func send(at slot: FreeSlots.Slot, due: Instant, now: Instant) {
        let index = slot.connection
        let id = connections[index].slots.begin(slot.slot, due: due, now: now)
        if connections[index].output.readableBytes == 0 { toWrite.append(index) }
        let before = connections[index].output.readableBytes
        frames.write(nextFrame, streamID: id, into: &connections[index].output)
        if window.counts(now) { counters.countSent(bytes: connections[index].output.readableBytes - before) }
        nextFrame = nextFrame + 1 == frames.count ? 0 : nextFrame + 1
        inFlight += 1
        earliestDeadline = min(earliestDeadline, now.advanced(by: timeout))
    }

    private mutating func handleResponse(_ id: StreamID, on index: Int, _ outcome: CallOutcome, now: Instant) {
        switch connections[index].slots.end(id) {
        case .call(let slot, let due):
            if window.counts(now) { counters.countResponse() }
            if outcome == .draining, connections[index].state == .open { connections[index].state = .draining }
            finish(.init(connection: index, slot: slot), due: due, outcome, now: now)
        case .givenUp: return
        case .none: lose(index, .protocolViolation, now: now)
        }
    }

    private mutating func finish(_ slot: FreeSlots.Slot, due: Instant, _ outcome: CallOutcome, now: Instant) {
        inFlight -= 1
        if window.counts(due) { counters.count(outcome, after: due.duration(to: now)) }
        switch connections[slot.connection].state {
        case .open: free.append(slot)
        case .draining where connections[slot.connection].slots.inFlight == 0:
            close(slot.connection)
            // Without a connection, the rest of the window would count as time without calls.
            if openConnections == 0 { stop(now: now) }
        case .draining, .closed: return
        }
    }

    /// Gives up calls that have waited for a slot for as long as a call may take.
    private mutating func giveUpUnsent(now: Instant) {
        guard openConnections > 0 else { return }
        while let due = schedule.next(at: now), due.advanced(by: timeout) <= now, schedule.take(at: now) != nil {
            if window.counts(due) { counters.count(.notSent, after: due.duration(to: now)) }
        }
    }

    private mutating func lose(_ index: Int, _ outcome: CallOutcome, now: Instant) {
        guard connections[index].state != .closed else { return }
        close(index)
        for call in connections[index].slots.giveUp(sentBy: .distantFuture) {
            finish(.init(connection: index, slot: call.slot), due: call.due, outcome, now: now)
        }
        // No connection is left for the remaining calls.
        if openConnections == 0 { stop(now: now) }
    }

    private mutating func close(_ index: Int) {
        connections[index].state = .closed
        connections[index].output = ByteBuffer()
        toWrite.removeAll { $0 == index }
        openConnections -= 1
        toClose.append(index)
    }
}
