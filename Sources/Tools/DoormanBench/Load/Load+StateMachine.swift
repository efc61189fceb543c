internal import DoormanCore
package import DoormanSupport
internal import DoormanWire
package import NIOCore

/// The load of one event loop without its sockets: bytes and the time go in; bytes to write and connections to close come out.
/// ``LoadLoop`` performs; tests drive the same type with a clock that they step.
///
/// What a server does wrong is counted, and ends its connection where nothing behind it can be read. An answer to a call that
/// was given up is a harmless race, and ignored.
package struct Load {
    private enum ConnectionState {
        case open
        /// The server drains: no further calls, and it is closed when the last in flight has ended.
        case draining
        case closed
    }

    private struct Connection {
        var state = ConnectionState.open
        var decoder = FrameDecoder(maximumLength: Load.longestAnswer)
        var slots: CallSlots
        var output = ByteBuffer()
    }

    /// As long as any server's answer to `Verify` gets, in bytes: 64 KiB.
    private static let longestAnswer: UInt32 = 64 << 10

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
    /// No later than that of the oldest call in flight.
    private var earliestDeadline = Instant.distantFuture
    private var toWrite: [Int] = []
    private var toClose: [Int] = []
    package private(set) var counters = BenchCounters()

    /// - Parameters:
    ///   - connections: How many of the settings' connections are this loop's. All are open.
    ///   - part: This loop's part of the calls.
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

    // MARK: - What comes out

    package var connectionsLost: Int { connections.count - openConnections }

    /// Whether no call is in flight, and none will be.
    package func isFinished(at now: Instant) -> Bool {
        inFlight == 0 && (openConnections == 0 || schedule.next(at: now) == nil)
    }

    /// Bytes to write to a connection.
    package mutating func takeOutput() -> (connection: Int, bytes: ByteBuffer)? {
        guard let index = toWrite.popLast() else { return nil }
        let bytes = connections[index].output
        connections[index].output = ByteBuffer()
        return (index, bytes)
    }

    /// A connection to close.
    package mutating func takeClosing() -> Int? { toClose.popLast() }

    /// The time at which ``timePassed(now:)`` is next worth calling.
    package func nextTimer(at now: Instant) -> Instant {
        var next = earliestDeadline
        if window.end > now { next = min(next, window.end) }
        if openConnections > 0, let due = schedule.next(at: now) {
            next = min(next, free.count > 0 ? due : due.advanced(by: timeout))
        }
        return next
    }

    // MARK: - Events

    /// Bytes came.
    package mutating func receive(_ bytes: ByteBuffer, on index: Int, now: Instant) {
        guard connections[index].state != .closed else { return }
        if window.counts(now) { counters.countReceived(bytes: bytes.readableBytes) }
        connections[index].decoder.append(bytes)
        while let event = connections[index].decoder.next() {
            switch event {
            case .frame(let header) where header.type == .response:
                let outcome = connections[index].decoder.withData { CallOutcome($0, in: arena) }
                answer(header.streamID, on: index, outcome, now: now)
            case .oversized(let header) where header.type == .response:
                answer(header.streamID, on: index, .protocolViolation, now: now)
            case .frame, .oversized: continue
            case .violation:
                lose(index, .protocolViolation, now: now)
            }
            if connections[index].state == .closed { return }
        }
    }

    /// The connection ended.
    package mutating func end(_ index: Int, now: Instant) {
        lose(index, .connectionLost, now: now)
    }

    /// Sends every call that is due and has a free slot. Called after whatever may have changed either.
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

    /// Time went on: gives up calls that were not answered in time.
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

    /// No call is due any more; those that were are finished.
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

    private mutating func answer(_ id: StreamID, on index: Int, _ outcome: CallOutcome, now: Instant) {
        switch connections[index].slots.end(id) {
        case .call(let slot, let due):
            if window.counts(now) { counters.countAnswer() }
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
        case .draining where connections[slot.connection].slots.inFlight == 0: close(slot.connection)
        case .draining, .closed: return
        }
    }

    /// Calls that have waited for a slot for as long as a call may take.
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
        // Nobody is left to send the others to.
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
