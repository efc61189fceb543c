import DoormanCore
import NIOConcurrencyHelpers
import NIOPosix
import TestKit
import Testing

@testable import DoormanClient

@Suite("tasks on a client's thread", .timeLimit(.minutes(2)))
struct ClientTaskExecutorTests {
    private func client(of peer: RespondingPeer) -> DoormanClient {
        DoormanClient(targets: [peer.target], configuration: .patient)
    }

    @Test("all tasks run on one event loop")
    func answers() async throws {
        let peer = try RespondingPeer()
        let client = client(of: peer)
        let loops = try await withThrowingTaskGroup(of: ObjectIdentifier?.self) { tasks in
            for number in 0..<200 {
                tasks.addTask(executorPreference: client.taskExecutor) {
                    for round in 0..<10 {
                        let token = "EMAW\(number)-\(round)"
                        let identity = try await client.verify(token)
                        #expect(identity.accountID == token)
                    }
                    return MultiThreadedEventLoopGroup.currentEventLoop.map { ObjectIdentifier($0) }
                }
            }
            return try await tasks.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(loops.count == 1 && !loops.contains(nil))
        await client.close()
    }

    @Test("jobs do not nest")
    func nesting() async {
        let executor = EventLoopTaskExecutor(MultiThreadedEventLoopGroup.singleton.next())
        let order = NIOLockedValueBox<[String]>([])
        let outer = Task(executorPreference: executor) {
            let inner = Task(executorPreference: executor) { order.withLockedValue { $0.append("inner") } }
            executor.runJobs()
            order.withLockedValue { $0.append("outer") }
            return inner
        }
        await outer.value.value
        #expect(order.withLockedValue(\.self) == ["outer", "inner"])
    }

    @Test("a call without a response ends by its deadline, by its task's cancellation, or with the client")
    func ends() async throws {
        let peer = try RespondingPeer()
        let time = SteppedTime()
        let client = DoormanClient([peer.target], time: time)
        peer.behave(.hung)
        func verify(_ token: String, timeout: Duration) async -> DoormanError.Kind? {
            do throws(DoormanError) {
                _ = try await client.verify(token, timeout: timeout)
                return nil
            } catch {
                return error.kind
            }
        }
        let late = Task(executorPreference: client.taskExecutor) { await verify("EMAWlate", timeout: .milliseconds(50)) }
        try await eventually("the call is made") { peer.calls.contains("EMAWlate") }
        try await time.advance(by: .milliseconds(50))
        #expect(await late.value == .unavailable(.deadlineExceeded))

        let cancelled = Task(executorPreference: client.taskExecutor) { await verify("EMAWcancelled", timeout: .seconds(60)) }
        try await eventually("the call is made") { peer.calls.contains("EMAWcancelled") }
        cancelled.cancel()
        #expect(await cancelled.value == .unavailable(.cancelled))

        let cancelledBefore = Task(executorPreference: client.taskExecutor) {
            unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
            return await verify("EMAWnever", timeout: .seconds(60))
        }
        #expect(await cancelledBefore.value == .unavailable(.cancelled))
        #expect(!peer.calls.contains("EMAWnever"))

        let closed = Task(executorPreference: client.taskExecutor) { await verify("EMAWclosed", timeout: .seconds(60)) }
        try await eventually("the call is made") { peer.calls.contains("EMAWclosed") }
        await client.close()
        #expect(await closed.value == .unavailable(.clientClosed))
    }

    @Test("a task that retries at once does not starve the thread")
    func persistence() async throws {
        let client = DoormanClient(targets: [])
        let tries = Task(executorPreference: client.taskExecutor) {
            while !Task.isCancelled { _ = try? await client.verify("EMAW1") }
        }
        await client.close()
        let error = await #expect(throws: DoormanError.self) { try await client.verify("EMAW2") }
        #expect(error?.kind == .unavailable(.clientClosed))
        tries.cancel()
        await tries.value
    }
}
