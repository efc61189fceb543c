package import DoormanFleet
package import DoormanSupport
private import DoormanWire
private import NIOConcurrencyHelpers

/// A store in memory, which tests stop, empty and replace. Everything happens when it is called, so it is as deterministic as its clock.
package final class MemoryStore: SharedStore {
    /// The data of a store.
    package struct Contents: Sendable, Hashable {
        fileprivate struct Value: Sendable, Hashable {
            var bytes: [UInt8]
            var end: Instant
        }

        fileprivate struct Log: Sendable, Hashable {
            var records: [LogRecord] = []
            var last = LogID.zero
        }

        fileprivate var values: [[UInt8]: Value] = [:]
        fileprivate var logs: [[UInt8]: Log] = [:]
        fileprivate var sets: [[UInt8]: [[UInt8]: Int64]] = [:]

        package init() {}
    }

    private struct State {
        var contents = Contents()
        /// The number of starts. A session belongs to one of them.
        var run = 1
        var isRunning = true
        var failure: StoreError?
        var appendFailure: StoreError?
        var appendTime = Duration.zero
        /// The number of looks at the range of a log before one that times out.
        var rangesUntilTimeOut: Int?
    }

    private let timeSource: TimeSource
    private let state = NIOLockedValueBox(State())

    /// - Parameter timeSource: The clocks of lifetimes and of ids. Nothing of it sleeps.
    package init(timeSource: TimeSource) {
        self.timeSource = timeSource
    }

    /// The data, for a store that takes over later.
    package var contents: Contents { state.withLockedValue { $0.contents } }

    /// Closes all sessions, and refuses others until ``start()``.
    package func stop() {
        state.withLockedValue { $0.isRunning = false }
    }

    /// Starts again with the same data and another run id.
    package func start() {
        replace(with: contents)
    }

    /// Removes all data. Sessions stay open.
    package func empty() {
        state.withLockedValue { $0.contents = Contents() }
    }

    /// Removes all sorted sets.
    package func emptySets() {
        state.withLockedValue { $0.contents.sets = [:] }
    }

    /// Lets another process with other data take over, as in a failover. Closes all sessions.
    package func replace(with contents: Contents = Contents()) {
        state.withLockedValue { state in
            state.run += 1
            state.isRunning = true
            state.contents = contents
        }
    }

    /// Lets every command fail; `nil` ends it. Commands then change nothing.
    package func fail(with error: StoreError?) {
        state.withLockedValue { $0.failure = error }
    }

    /// Lets every append fail; `nil` ends it.
    package func failAppends(with error: StoreError?) {
        state.withLockedValue { $0.appendFailure = error }
    }

    /// Lets every append take a time.
    package func slowAppends(to time: Duration) {
        state.withLockedValue { $0.appendTime = time }
    }

    /// Removes all data, and lets the second look at the range of a log from now on time out.
    package func emptyAndTimeOutOnce() {
        state.withLockedValue { state in
            state.contents = Contents()
            state.rangesUntilTimeOut = 1
        }
    }

    /// Waits as long as an append takes.
    fileprivate func beginAppend() async throws(StoreError) {
        let (failure, time) = state.withLockedValue { ($0.appendFailure, $0.appendTime) }
        if let failure { throw failure }
        if time > .zero { await timeSource.sleep(timeSource.now().advanced(by: time)) }
    }

    fileprivate func beginRange() throws(StoreError) {
        let timesOut = state.withLockedValue { state in
            guard let left = state.rangesUntilTimeOut else { return false }
            state.rangesUntilTimeOut = left > 0 ? left - 1 : nil
            return left == 0
        }
        if timesOut { throw .timedOut }
    }

    package func openSession() async throws(StoreError) -> any StoreSession {
        let (run, isRunning) = state.withLockedValue { ($0.run, $0.isRunning) }
        guard isRunning else { throw .unavailable("the store is stopped") }
        return MemoryStoreSession(self, run: run)
    }

    fileprivate func isRunning(_ run: Int) -> Bool { state.withLockedValue { $0.isRunning && $0.run == run } }

    /// Executes a command of a session.
    fileprivate func execute<Result>(
        _ run: Int, _ command: (inout Contents, TimeSource) -> Result
    ) throws(StoreError) -> Result {
        let result = state.withLockedValue { state -> Swift.Result<Result, StoreError> in
            guard state.isRunning, state.run == run else { return .failure(.unavailable("the session is closed")) }
            if let failure = state.failure { return .failure(failure) }
            return .success(command(&state.contents, timeSource))
        }
        return try result.get()
    }
}

/// A session with one run of a store.
private final class MemoryStoreSession: StoreSession {
    let server: StoreServer
    private let store: MemoryStore
    private let run: Int
    private let isClosed = NIOLockedValueBox(false)

    init(_ store: MemoryStore, run: Int) {
        self.store = store
        self.run = run
        server = StoreServer(runID: "run \(run)", version: "memory 1")
    }

    var isResponsive: Bool { !isClosed.withLockedValue { $0 } && store.isRunning(run) }

    func close() {
        isClosed.withLockedValue { $0 = true }
    }

    private func execute<Result>(_ command: (inout MemoryStore.Contents, TimeSource) -> Result) throws(StoreError) -> Result {
        guard !isClosed.withLockedValue({ $0 }) else { throw .unavailable("the session is closed") }
        return try store.execute(run, command)
    }

    func value(of key: [UInt8]) async throws(StoreError) -> [UInt8]? {
        try execute { contents, time in contents.value(of: key, at: time.now()) }
    }

    func set(_ value: [UInt8], for key: [UInt8], lifetime: Duration) async throws(StoreError) {
        try execute { contents, time in
            contents.values[key] = .init(bytes: value, end: time.now().advanced(by: lifetime))
        }
    }

    func takeLease(_ key: [UInt8], holder: [UInt8], lifetime: Duration) async throws(StoreError) -> Bool {
        try execute { contents, time in
            let now = time.now()
            guard contents.value(of: key, at: now) == nil else { return false }
            contents.values[key] = .init(bytes: holder, end: now.advanced(by: lifetime))
            return true
        }
    }

    func endLease(_ key: [UInt8], holder: [UInt8]) async throws(StoreError) {
        try execute { contents, time in
            if contents.value(of: key, at: time.now()) == holder { contents.values[key] = nil }
        }
    }

    func logRange(of log: [UInt8]) async throws(StoreError) -> ClosedRange<LogID>? {
        try store.beginRange()
        return try execute { contents, _ in
            guard let records = contents.logs[log]?.records, let first = records.first, let last = records.last else { return nil }
            return first.id...last.id
        }
    }

    func records(of log: [UInt8], after id: LogID, limit: Int) async throws(StoreError) -> [LogRecord] {
        try execute { contents, _ in Array((contents.logs[log]?.records ?? []).drop { $0.id <= id }.prefix(max(0, limit))) }
    }

    func append(_ record: LogAppend, to log: [UInt8]) async throws(StoreError) -> LogID {
        try await store.beginAppend()
        return try execute { contents, time in
            let now = UInt64(max(0, time.wallTime().millisecondsSince1970))
            let id = contents.logs[log, default: .init()].append(record, at: now)
            for key in record.removedKeys { contents.values[key] = nil }
            if let member = record.member { contents.sets[record.set, default: [:]][member.member] = member.score }
            return id
        }
    }

    func members(of set: [UInt8], from score: Int64, offset: Int, limit: Int) async throws(StoreError) -> [ScoredMember] {
        try execute { contents, _ in
            let found = (contents.sets[set] ?? [:]).map { ScoredMember($0.key, score: $0.value) }.filter { $0.score >= score }
            let sorted = found.sorted { left, right in
                left.score == right.score ? left.member.lexicographicallyPrecedes(right.member) : left.score < right.score
            }
            return Array(sorted.dropFirst(max(0, offset)).prefix(max(0, limit)))
        }
    }

    func removeMembers(of set: [UInt8], below score: Int64) async throws(StoreError) {
        try execute { contents, _ in contents.sets[set] = contents.sets[set]?.filter { $0.value >= score } }
    }
}

extension MemoryStore.Contents {
    /// Returns a value whose lifetime has not ended.
    fileprivate func value(of key: [UInt8], at now: Instant) -> [UInt8]? {
        values[key].flatMap { now < $0.end ? $0.bytes : nil }
    }
}

extension MemoryStore.Contents.Log {
    /// Appends a record, and forgets those before the id that the caller keeps.
    ///
    /// - Parameter now: The time in milliseconds since 1970. It may go back; the ids don't.
    fileprivate mutating func append(_ record: LogAppend, at now: UInt64) -> LogID {
        last = now > last.milliseconds ? LogID(now, 0) : LogID(last.milliseconds, last.number + 1)
        records.append(LogRecord(last, record.record))
        records.removeAll { $0.id < record.keptFrom }
        return last
    }
}
