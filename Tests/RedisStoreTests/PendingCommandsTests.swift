import DoormanFleet
import DoormanSupport
import Testing

@testable import RedisStore

@Suite("Requests without replies")
struct PendingCommandsTests {
    private static let start = Instant(nanoseconds: 1_000_000_000)

    private static func at(_ milliseconds: Int) -> Instant { start.advanced(by: .milliseconds(milliseconds)) }

    private static func add(
        _ pending: inout PendingCommands, replies: Int = 1, bytes: Int = 10, deadline: Int = 20, at now: Int = 0
    ) -> ReplyWaiter? {
        let waiter = ReplyWaiter()
        let isAdded = pending.add(waiter, replies: replies, bytes: bytes, deadline: Deadline(at(deadline)), at: at(now))
        return isAdded ? waiter : nil
    }

    @Test("replies belong to the requests in their order")
    func order() {
        var pending = PendingCommands()
        let (first, second) = (Self.add(&pending), Self.add(&pending, replies: 2))
        guard case .request(let waiter, let replies) = pending.received(.integer(1)) else {
            Issue.record("the first request has its reply")
            return
        }
        #expect(waiter === first && replies == [.integer(1)])
        guard case .none = pending.received(.integer(2)), case .request(let last, let both) = pending.received(.integer(3)) else {
            Issue.record("the second request has two replies")
            return
        }
        #expect(last === second && both == [.integer(2), .integer(3)])
        #expect(pending.isEmpty)
    }

    @Test("a reply to no request is stray")
    func stray() {
        var pending = PendingCommands()
        guard case .stray = pending.received(.null) else {
            Issue.record("no request waits")
            return
        }
    }

    @Test("a request keeps its place after its deadline")
    func deadline() {
        var pending = PendingCommands()
        let (first, second) = (Self.add(&pending), Self.add(&pending, deadline: 500, at: 1))
        #expect(pending.nextWakeUp(silence: .seconds(1)) == Self.at(20))
        #expect(pending.passed(at: Self.at(19)).isEmpty)
        #expect(pending.passed(at: Self.at(20)).map(ObjectIdentifier.init) == [first].compactMap { $0 }.map(ObjectIdentifier.init))
        #expect(pending.oldest == Self.start)
        guard case .request(let waiter, _) = pending.received(.integer(1)),
            case .request(let next, _) = pending.received(.integer(2))
        else {
            Issue.record("both requests have replies")
            return
        }
        #expect(waiter === first && next === second)
        #expect(pending.passed(at: Self.at(1000)).isEmpty)
    }

    @Test("the timer serves the silence of the server, too")
    func silence() {
        var pending = PendingCommands()
        _ = Self.add(&pending)
        #expect(pending.nextWakeUp(silence: .seconds(1)) == Self.at(20))
        #expect(pending.nextWakeUp(silence: .seconds(1)) == nil)
        _ = pending.passed(at: Self.at(20))
        #expect(pending.nextWakeUp(silence: .seconds(1)) == Self.at(1000))
    }

    @Test("the number of requests has a limit")
    func count() {
        var pending = PendingCommands()
        for _ in 0..<PendingCommands.maximumCount { #expect(Self.add(&pending) != nil) }
        #expect(Self.add(&pending) == nil)
        _ = pending.received(.null)
        #expect(Self.add(&pending) != nil)
    }

    @Test("the bytes of requests have a limit")
    func bytes() {
        var pending = PendingCommands()
        #expect(Self.add(&pending, bytes: PendingCommands.maximumBytes) != nil)
        #expect(Self.add(&pending, bytes: 1) == nil)
        _ = pending.received(.null)
        #expect(Self.add(&pending, bytes: 1) != nil)
    }

    @Test("the end of the connection frees every waiter")
    func end() {
        var pending = PendingCommands()
        let waiters = (0..<3).map { _ in Self.add(&pending) }
        #expect(pending.removeAll().map(ObjectIdentifier.init) == waiters.compactMap { $0 }.map(ObjectIdentifier.init))
        #expect(pending.isEmpty && pending.oldest == nil && pending.nextWakeUp(silence: .seconds(1)) == nil)
    }

    @Test("a waiter has the first outcome")
    func firstOutcome() async throws {
        let waiter = ReplyWaiter()
        waiter.finish(.success([.integer(1)]))
        waiter.finish(.failure(.timedOut))
        #expect(try await waiter.replies() == [.integer(1)])
    }

    @Test("a cancelled task does not wait", .timeLimit(.minutes(1)))
    func cancellation() async {
        let waiter = ReplyWaiter()
        let task = Task { try await waiter.replies() }
        task.cancel()
        await #expect(throws: StoreError.timedOut) { try await task.value }
        waiter.finish(.success([]))
    }
}
