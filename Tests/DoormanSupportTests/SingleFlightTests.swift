import DoormanCore
import DoormanSupport
import DoormanTracing
import InMemoryTracing
import NIOConcurrencyHelpers
import TestKit
import Testing

/// An operation that ends when the test says so.
private final class HeldOperation: Sendable {
    private let waiting = NIOLockedValueBox<[CheckedContinuation<Result<Int, VerificationError>, Never>]>([])
    private let started = NIOLockedValueBox(0)

    var startCount: Int { started.withLockedValue { $0 } }

    func run() async throws(VerificationError) -> Int {
        let result = await withCheckedContinuation { continuation in
            waiting.withLockedValue { $0.append(continuation) }
            started.withLockedValue { $0 += 1 }
        }
        return try result.get()
    }

    /// Ends the run that has waited longest, or the next run if no run waits.
    func finishNext(_ result: Result<Int, VerificationError>) async throws {
        try await eventually("an operation runs") { waiting.withLockedValue { !$0.isEmpty } }
        waiting.withLockedValue { $0.removeFirst() }.resume(returning: result)
    }
}

@Suite("Single flight")
struct SingleFlightTests {
    private typealias Lookups = SingleFlight<String, Int>

    private let operation = HeldOperation()

    private func makeLookups(maximum: Int = 10, waiters: Int = 10_000) -> Lookups {
        Lookups(maximumInFlightLookups: maximum, maximumWaitersPerLookup: waiters, timeSource: .system)
    }

    private func call(
        _ lookups: Lookups, _ key: String = "key", timeout: Duration = .seconds(3600), isCancelled: Bool = false
    ) -> Task<Result<Int, VerificationError>, Never> {
        let deadline = Deadline(TimeSource.system.now().advanced(by: timeout))
        return Task { [operation] in
            if isCancelled { unsafe withUnsafeCurrentTask { task in unsafe task?.cancel() } }
            do throws(VerificationError) {
                return .success(
                    try await lookups.value(for: key, deadline: deadline) { () async throws(VerificationError) in
                        try await operation.run()
                    })
            } catch {
                return .failure(error)
            }
        }
    }

    @Test("a cancelled caller begins no lookup")
    func cancelledBefore() async throws {
        let lookups = makeLookups()
        #expect(await call(lookups, isCancelled: true).value.code == .deadlineExceeded)
        #expect(operation.startCount == 0)
    }

    @Test("a thousand callers get the result of one operation")
    func thousandCallers() async throws {
        let lookups = makeLookups()
        let calls = (0..<1_000).map { _ in call(lookups) }
        try await eventually("all calls wait") { lookups.waiterCount == 1_000 && operation.startCount == 1 }
        try await operation.finishNext(.success(42))
        for call in calls { #expect(await call.value == .success(42)) }
        #expect(operation.startCount == 1)
        #expect(lookups.joinedCount == 999)
        #expect(lookups.inFlightCount == 0)
        #expect(lookups.waiterCount == 0)
    }

    @Test("the lookup belongs to the trace of its first caller, and the span of another caller links to that trace")
    func traces() async throws {
        let tracer = TestTracer()
        let lookups = makeLookups()
        let traces = (0..<2).map { CallTrace(parent: nil, span: CallTracer(tracer).startCall("call \($0)", parent: nil)) }
        let seen = NIOLockedValueBox<[CallTrace?]>([])
        func call(_ trace: CallTrace) -> Task<Void, Never> {
            let deadline = Deadline(TimeSource.system.now().advanced(by: .seconds(3600)))
            return CallTrace.$current.withValue(trace) {
                Task { [operation] in
                    _ = try? await lookups.value(for: "key", deadline: deadline) { () async throws(VerificationError) in
                        seen.withLockedValue { $0.append(CallTrace.current) }
                        return try await operation.run()
                    }
                }
            }
        }
        let first = call(traces[0])
        try await eventually("the lookup begins") { operation.startCount == 1 }
        let second = call(traces[1])
        try await eventually("the second call waits") { lookups.waiterCount == 2 }
        try await operation.finishNext(.success(1))
        await first.value
        await second.value
        for trace in traces { trace.span?.end() }
        #expect(seen.withLockedValue { $0.map { $0 === traces[0] } } == [true])
        let spans = tracer.spans
        #expect(spans[0].links.isEmpty)
        #expect(spans[0].text("doorman.lookup.joined") == nil)
        #expect(spans[1].text("doorman.lookup.joined") == "true")
        #expect(spans[1].links.map(\.context.inMemorySpanContext) == [spans[0].spanContext])
    }

    @Test("a cancelled first caller does not fail the second")
    func cancelledFirstCaller() async throws {
        let lookups = makeLookups()
        let first = call(lookups)
        try await eventually("the lookup of the first begins") { operation.startCount == 1 }
        let second = call(lookups)
        try await eventually("both callers wait") { lookups.waiterCount == 2 }
        first.cancel()
        #expect(await first.value.code == .deadlineExceeded)
        try await operation.finishNext(.success(7))
        #expect(await second.value == .success(7))
    }

    @Test("a lookup without waiters can still be joined")
    func abandonedLookup() async throws {
        let lookups = makeLookups()
        let first = call(lookups)
        try await eventually("the lookup begins") { operation.startCount == 1 }
        first.cancel()
        _ = await first.value
        let second = call(lookups)
        try await eventually("the second joins") { lookups.waiterCount == 1 }
        try await operation.finishNext(.success(7))
        #expect(await second.value == .success(7))
        #expect(operation.startCount == 1)
    }

    @Test("a waiter past its deadline does not end the lookup")
    func waiterDeadline() async throws {
        let lookups = makeLookups()
        let patient = call(lookups)
        try await eventually("the lookup begins") { operation.startCount == 1 }
        let hurried = call(lookups, timeout: .milliseconds(20))
        #expect(await hurried.value.code == .deadlineExceeded)
        #expect(lookups.inFlightCount == 1)
        try await operation.finishNext(.success(7))
        #expect(await patient.value == .success(7))
    }

    @Test("a caller past its deadline begins no lookup")
    func lateCaller() async {
        let lookups = makeLookups()
        #expect(await call(lookups, timeout: .zero).value.code == .deadlineExceeded)
        #expect(operation.startCount == 0)
        #expect(lookups.inFlightCount == 0)
    }

    @Test("all waiters of a failed lookup get its error")
    func errorsAreShared() async throws {
        let lookups = makeLookups()
        let calls = (0..<10).map { _ in call(lookups) }
        try await eventually("all calls wait") { lookups.waiterCount == 10 && operation.startCount == 1 }
        try await operation.finishNext(.failure(VerificationError(.providerUnavailable, "down")))
        for call in calls { #expect(await call.value.code == .providerUnavailable) }
        let next = call(lookups)
        try await eventually("the next caller begins a lookup") { operation.startCount == 2 }
        try await operation.finishNext(.success(1))
        #expect(await next.value == .success(1))
    }

    @Test("a call over the maximum of lookups or waiters gets a busy error")
    func bounds() async throws {
        let lookups = makeLookups(maximum: 2, waiters: 2)
        let calls = [call(lookups, "a"), call(lookups, "b")]
        try await eventually("two lookups begin") { operation.startCount == 2 }
        #expect(await call(lookups, "c").value.code == .providerBusy)
        let second = call(lookups, "a")
        try await eventually("two callers wait for a") { lookups.waiterCount == 3 }
        #expect(await call(lookups, "a").value.code == .providerBusy)
        try await operation.finishNext(.success(1))
        try await operation.finishNext(.success(1))
        for call in calls + [second] { #expect(await call.value == .success(1)) }
    }

    @Test("a waiter that is cancelled while the lookup completes is resumed once")
    func cancellationRacesCompletion() async throws {
        let lookups = makeLookups()
        for round in 1...100 {
            let calls = (0..<20).map { _ in call(lookups) }
            try await eventually("the lookup begins") { operation.startCount == round }
            try await eventually("all calls wait") { lookups.waiterCount == 20 }
            let canceller = Task.detached { for call in calls { call.cancel() } }
            try await operation.finishNext(.success(round))
            for call in calls {
                let result = await call.value
                #expect(result == .success(round) || result.code == .deadlineExceeded)
            }
            await canceller.value
            try await eventually("the lookup completes") { lookups.inFlightCount == 0 }
        }
    }
}

extension Result where Failure == VerificationError {
    fileprivate var code: VerificationError.Code? {
        guard case .failure(let error) = self else { return nil }
        return error.code
    }
}
