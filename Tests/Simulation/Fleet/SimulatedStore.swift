internal import DoormanCore
internal import DoormanFleet
internal import DoormanSupport
internal import DoormanWire
internal import NIOConcurrencyHelpers

/// A store of the simulated world: one primary at a time, with data that restarts and failovers lose. It can refuse, hang and lie.
final class SimulatedStore: Sendable {
    /// A process of the store.
    struct Primary: Sendable {
        var runID: String
        var values: [[UInt8]: (bytes: [UInt8], end: Instant)] = [:]
        var log: [LogRecord] = []
        var lastID = LogID.zero
        var denials: [[UInt8]: Int64] = [:]
        var hangs = false
        var isFull = false
        /// Whether it has lost its replicas, and refuses to write.
        var isCutOff = false
        /// The number of records that it will acknowledge and forget.
        var appendsToForget = 0
        /// Every sealed value that was ever written, for attacks.
        var history: [(key: [UInt8], value: [UInt8])] = []
    }

    struct State: Sendable {
        /// All processes by their ids. The last one is the primary.
        var primaries: [Primary]
        var isDown = false
        var starts = 1
        var commands = 0

        func index(of runID: String) -> Int? { primaries.firstIndex { $0.runID == runID } }
    }

    let world: World
    let state: NIOLockedValueBox<State>

    init(world: World) {
        self.world = world
        state = NIOLockedValueBox(State(primaries: [Primary(runID: "run-1")]))
    }

    /// The id of the primary; `nil` while the store is down.
    var runID: String? { state.withLockedValue { $0.isDown ? nil : $0.primaries.last?.runID } }

    /// Changes the primary.
    func change(_ body: (inout Primary) -> Void) {
        state.withLockedValue { body(&$0.primaries[$0.primaries.count - 1]) }
    }

    /// Replaces the process.
    ///
    /// - Parameter keptRecords: The part of the log that the new process knows, from 0 to 1. Zero: it knows nothing at all.
    func restart(keeping part: Double, leavingOldOne: Bool) {
        state.withLockedValue { state in
            state.starts += 1
            var next = Primary(runID: "run-\(state.starts)")
            let old = state.primaries[state.primaries.count - 1]
            if part > 0 {
                next = old
                next.runID = "run-\(state.starts)"
                next.log = Array(old.log.prefix(Int(Double(old.log.count) * part)))
                next.lastID = next.log.last?.id ?? .zero
                if part < 1 {
                    next.values = next.values.filter { _ in next.values.count % 2 == 0 }
                    next.denials = next.denials.filter { _ in next.log.count % 2 == 0 }
                }
            }
            (next.hangs, next.isFull, next.isCutOff, next.appendsToForget) = (false, false, false, 0)
            next.history = old.history
            if leavingOldOne { state.primaries[state.primaries.count - 1].isCutOff = true } else { state.primaries.removeLast() }
            state.primaries.append(next)
            if state.primaries.count > 2 { state.primaries.removeFirst() }
        }
    }

    /// Executes a command at a process, if it still lives.
    func execute<Value>(on runID: String, _ command: (inout Primary) throws(StoreError) -> Value) throws(StoreError) -> Value {
        let result = state.withLockedValue { state -> Result<Value, StoreError>? in
            guard !state.isDown, let index = state.index(of: runID) else { return .failure(.unavailable("connection lost")) }
            guard !state.primaries[index].hangs else { return nil }
            state.commands += 1
            do throws(StoreError) {
                return .success(try command(&state.primaries[index]))
            } catch {
                return .failure(error)
            }
        }
        guard let result else { throw .timedOut }
        return try result.get()
    }
}

/// The way of one node to the store: it delays and loses commands and replies, and can be cut.
final class SimulatedLink: SharedStore {
    struct Conditions: Sendable {
        var isCut = false
        /// Of a hundred commands.
        var lost = 0
        var longestDelay = Duration.milliseconds(2)
        /// Whether the node still reaches the process that it is connected to after a failover.
        var staysWithOldPrimary = false
    }

    let store: SimulatedStore
    let conditions = NIOLockedValueBox(Conditions())

    init(store: SimulatedStore) { self.store = store }

    func openSession() async throws(StoreError) -> any StoreSession {
        let world = store.world
        let conditions = conditions.withLockedValue { $0 }
        await world.sleep(for: world.draw { $0.duration(.milliseconds(1)...conditions.longestDelay + .milliseconds(1)) })
        let isDeaf = store.state.withLockedValue { $0.primaries.last?.hangs ?? true }
        guard !conditions.isCut, !isDeaf, let runID = store.runID, !world.draw({ $0.chance(conditions.lost) }) else {
            throw .unavailable("no connection")
        }
        return SimulatedSession(self, runID: runID)
    }
}

final class SimulatedSession: StoreSession {
    let server: StoreServer
    private let link: SimulatedLink
    private let state: NIOLockedValueBox<State>

    private struct State {
        var isOpen = true
        /// The time at which the last command is executed. The store executes those of a session in order.
        var last: Instant
        var overdue: Set<Int> = []
        var commands = 0
    }

    init(_ link: SimulatedLink, runID: String) {
        self.link = link
        server = StoreServer(runID: runID)
        state = NIOLockedValueBox(State(last: link.store.world.now))
    }

    var isResponsive: Bool { state.withLockedValue { $0.isOpen && $0.overdue.isEmpty } }

    func close() { state.withLockedValue { $0.isOpen = false } }

    /// Sends a command, which may be lost on the way, executed late, or executed without a reply.
    private func perform<Value: Sendable>(
        within timeout: Duration, _ command: @escaping @Sendable (inout SimulatedStore.Primary) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        let world = link.store.world
        let conditions = link.conditions.withLockedValue { $0 }
        guard state.withLockedValue({ $0.isOpen }) else { throw .unavailable("closed") }
        let (delay, back, isLost, isReplyLost) = world.draw { random in
            (
                random.duration(.zero...conditions.longestDelay), random.duration(.nanoseconds(1)...conditions.longestDelay),
                conditions.isCut || random.chance(conditions.lost), random.chance(conditions.lost)
            )
        }
        let start = world.now
        let (moment, number) = state.withLockedValue { state in
            state.last = max(state.last.advanced(by: .nanoseconds(1)), start.advanced(by: delay))
            state.commands += 1
            state.overdue = state.overdue.filter { $0 + 1000 > state.commands }
            return (state.last, state.commands)
        }
        let result = NIOLockedValueBox<Result<Value, StoreError>?>(nil)
        if !isLost {
            world.spawn { [link, server] in
                await world.sleep(until: moment)
                let value: Result<Value, StoreError>
                do throws(StoreError) {
                    value = .success(try link.store.execute(on: server.runID, command))
                } catch {
                    value = .failure(error)
                }
                result.withLockedValue { $0 = value }
            }
        }
        let replyAt = isLost || isReplyLost ? Instant.distantFuture : moment.advanced(by: back)
        let deadline = start.advanced(by: timeout)
        await world.sleep(until: min(replyAt, deadline))
        if replyAt <= deadline, let result = result.withLockedValue({ $0 }) {
            if case .failure(.unavailable) = result { close() }
            if result.isTimeout { hear(number) }
            return try result.get()
        }
        hear(number)
        throw .timedOut
    }

    /// A command had no reply in time. After many, the session closes.
    private func hear(_ number: Int) {
        let isSilent = link.conditions.withLockedValue { $0.isCut }
        state.withLockedValue { state in
            state.overdue.insert(number)
            if state.overdue.count > (isSilent ? 2 : 8) { state.isOpen = false }
        }
    }

    private static let short = Duration.milliseconds(20)
    private static let long = Duration.milliseconds(500)

    func value(of key: [UInt8]) async throws(StoreError) -> [UInt8]? {
        let world = link.store.world
        return try await perform(within: Self.short) { primary throws(StoreError) in
            guard let (bytes, end) = primary.values[key], world.now < end else { return nil }
            return bytes
        }
    }

    func set(_ value: [UInt8], for key: [UInt8], lifetime: Duration) async throws(StoreError) {
        let world = link.store.world
        try await perform(within: Self.short) { primary throws(StoreError) in
            try primary.write()
            primary.values[key] = (value, world.now.advanced(by: lifetime))
            primary.history.append((key, value))
            if primary.history.count > 200 { primary.history.removeFirst(100) }
        }
    }

    func takeLease(_ key: [UInt8], holder: [UInt8], lifetime: Duration) async throws(StoreError) -> Bool {
        let world = link.store.world
        return try await perform(within: Self.short) { primary throws(StoreError) in
            try primary.write()
            if let (_, end) = primary.values[key], world.now < end { return false }
            primary.values[key] = (holder, world.now.advanced(by: lifetime))
            return true
        }
    }

    func endLease(_ key: [UInt8], holder: [UInt8]) async throws(StoreError) {
        try await perform(within: Self.short) { primary throws(StoreError) in
            try primary.write()
            if primary.values[key]?.bytes == holder { primary.values[key] = nil }
        }
    }

    func logRange(of log: [UInt8]) async throws(StoreError) -> ClosedRange<LogID>? {
        try await perform(within: Self.long) { primary throws(StoreError) in
            guard let first = primary.log.first, let last = primary.log.last else { return nil }
            return first.id...last.id
        }
    }

    func records(of log: [UInt8], after id: LogID, limit: Int) async throws(StoreError) -> [LogRecord] {
        try await perform(within: Self.long) { primary throws(StoreError) in
            var first = primary.log.count
            while first > 0, primary.log[first - 1].id > id { first -= 1 }
            return Array(primary.log[first...].prefix(limit))
        }
    }

    func append(_ record: LogAppend, to log: [UInt8]) async throws(StoreError) -> LogID {
        let world = link.store.world
        return try await perform(within: Self.long) { primary throws(StoreError) in
            try primary.write()
            let milliseconds = UInt64(world.wallTime.millisecondsSince1970)
            let id =
                milliseconds > primary.lastID.milliseconds
                ? LogID(milliseconds, 0) : LogID(primary.lastID.milliseconds, primary.lastID.number + 1)
            guard primary.appendsToForget == 0 else {
                primary.appendsToForget -= 1
                return id
            }
            primary.lastID = id
            for key in record.removedKeys { primary.values[key] = nil }
            primary.log.append(LogRecord(id, record.record))
            var trimmed = 0
            while trimmed < primary.log.count, primary.log[trimmed].id < record.keptFrom { trimmed += 1 }
            if trimmed > 32 { primary.log.removeFirst(trimmed) }
            if let member = record.member { primary.denials[member.member] = member.score }
            return id
        }
    }

    func members(of set: [UInt8], from score: Int64, offset: Int, limit: Int) async throws(StoreError) -> [ScoredMember] {
        try await perform(within: Self.long) { primary throws(StoreError) in
            let members = primary.denials.filter { $0.value >= score }.map { ScoredMember($0.key, score: $0.value) }
            let sorted = members.sorted { left, right in
                left.score == right.score ? left.member.lexicographicallyPrecedes(right.member) : left.score < right.score
            }
            return Array(sorted.dropFirst(offset).prefix(limit))
        }
    }

    func removeMembers(of set: [UInt8], below score: Int64) async throws(StoreError) {
        try await perform(within: Self.long) { primary throws(StoreError) in
            try primary.write()
            primary.denials = primary.denials.filter { $0.value >= score }
        }
    }
}

extension SimulatedStore.Primary {
    /// - Throws: The error of a process that does not write.
    fileprivate func write() throws(StoreError) {
        if isFull { throw .full }
        if isCutOff { throw .refused("NOREPLICAS") }
    }
}

extension Result where Failure == StoreError {
    fileprivate var isTimeout: Bool {
        if case .failure(.timedOut) = self { true } else { false }
    }
}
