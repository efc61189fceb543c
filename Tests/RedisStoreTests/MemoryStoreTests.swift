import DoormanFleet
import DoormanSupport
import DoormanWire
import TestKit
import Testing

@Suite("A store in memory")
struct MemoryStoreTests {
    private static let key = [UInt8(1)]
    private let clock = SteppedClock()
    private let store: MemoryStore

    init() {
        store = MemoryStore(timeSource: clock.timeSource)
    }

    @Test("a stopped store has no sessions until it starts again, with its data and another run id")
    func stop() async throws {
        let session = try await store.openSession()
        try await session.set([7], for: Self.key, lifetime: .seconds(60))
        store.stop()
        #expect(!session.isResponsive)
        await #expect(throws: StoreError.unavailable("the session is closed")) { try await session.value(of: Self.key) }
        await #expect(throws: StoreError.unavailable("the store is stopped")) { try await store.openSession() }
        store.start()
        #expect(!session.isResponsive)
        let next = try await store.openSession()
        #expect(next.server.runID != session.server.runID)
        #expect(try await next.value(of: Self.key) == [7])
    }

    @Test("an emptied store keeps its sessions")
    func empty() async throws {
        let session = try await store.openSession()
        try await session.set([7], for: Self.key, lifetime: .seconds(60))
        store.empty()
        #expect(try await session.value(of: Self.key) == nil)
    }

    @Test("a store that takes over has the data of its replica")
    func replace() async throws {
        let session = try await store.openSession()
        let first = try await session.append(LogAppend([1], keepingFrom: .zero), to: Self.key)
        let replica = store.contents
        _ = try await session.append(LogAppend([2], keepingFrom: .zero), to: Self.key)
        store.replace(with: replica)
        let next = try await store.openSession()
        #expect(!session.isResponsive && next.server.runID != session.server.runID)
        #expect(try await next.records(of: Self.key, after: .zero, limit: 10) == [LogRecord(first, [1])])
    }

    @Test("a failing store changes nothing")
    func fail() async throws {
        let session = try await store.openSession()
        store.fail(with: .full)
        await #expect(throws: StoreError.full) { try await session.set([7], for: Self.key, lifetime: .seconds(60)) }
        store.fail(with: nil)
        #expect(try await session.value(of: Self.key) == nil)
    }

    @Test("an id has the time of the clock, and rises if the clock does not")
    func ids() async throws {
        let session = try await store.openSession()
        let milliseconds = UInt64(clock.wallTime.millisecondsSince1970)
        #expect(try await session.append(LogAppend([1], keepingFrom: .zero), to: Self.key) == LogID(milliseconds, 0))
        #expect(try await session.append(LogAppend([1], keepingFrom: .zero), to: Self.key) == LogID(milliseconds, 1))
        clock.advance(by: .milliseconds(5))
        #expect(try await session.append(LogAppend([1], keepingFrom: .zero), to: Self.key) == LogID(milliseconds + 5, 0))
    }
}
