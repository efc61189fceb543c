import DoormanCache
import DoormanCore
import DoormanSupport
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

    /// Ends the run that has waited longest, or else the next that comes.
    func finishNext(_ result: Result<Int, VerificationError>) async throws {
        try await eventually("one runs") { waiting.withLockedValue { !$0.isEmpty } }
        waiting.withLockedValue { $0.removeFirst() }.resume(returning: result)
    }
}

@Suite("One question at a time")
struct SingleFlightTests {
    private typealias Flights = SingleFlight<String, Int>

    private let operation = HeldOperation()

    private func flights(maximum: Int = 10, waiters: Int = 10_000) -> Flights {
        Flights(maximumInFlightLookups: maximum, maximumWaitersPerLookup: waiters, timeSource: .system)
    }

    private func call(
        _ flights: Flights, _ key: String = "key", patience: Duration = .seconds(3600), isCancelled: Bool = false
    ) -> Task<Result<Int, VerificationError>, Never> {
        let deadline = Deadline(TimeSource.system.now().advanced(by: patience))
        return Task { [operation] in
            if isCancelled { unsafe withUnsafeCurrentTask { task in unsafe task?.cancel() } }
            do throws(VerificationError) {
                return .success(
                    try await flights.value(for: key, deadline: deadline) { () async throws(VerificationError) in
                        try await operation.run()
                    })
            } catch {
                return .failure(error)
            }
        }
    }

    @Test("a caller that is cancelled already starts nothing")
    func cancelledBefore() async throws {
        let flights = flights()
        #expect(await call(flights, isCancelled: true).value.code == .deadlineExceeded)
        #expect(operation.startCount == 0)
    }

    @Test("a thousand callers get the answer of one operation")
    func thousandCallers() async throws {
        let flights = flights()
        let calls = (0..<1_000).map { _ in call(flights) }
        try await eventually("all wait") { flights.waiterCount == 1_000 && operation.startCount == 1 }
        try await operation.finishNext(.success(42))
        for call in calls { #expect(await call.value == .success(42)) }
        #expect(operation.startCount == 1)
        #expect(flights.joinedCount == 999)
        #expect(flights.inFlightCount == 0)
        #expect(flights.waiterCount == 0)
    }

    @Test("a cancelled first caller does not fail the second")
    func cancelledFirstCaller() async throws {
        let flights = flights()
        let first = call(flights)
        try await eventually("the first flies") { operation.startCount == 1 }
        let second = call(flights)
        try await eventually("both wait") { flights.waiterCount == 2 }
        first.cancel()
        #expect(await first.value.code == .deadlineExceeded)
        try await operation.finishNext(.success(7))
        #expect(await second.value == .success(7))
    }

    @Test("a flight that everybody left still lands, and can be joined until then")
    func abandonedFlight() async throws {
        let flights = flights()
        let first = call(flights)
        try await eventually("it flies") { operation.startCount == 1 }
        first.cancel()
        _ = await first.value
        let second = call(flights)
        try await eventually("another joined") { flights.waiterCount == 1 }
        try await operation.finishNext(.success(7))
        #expect(await second.value == .success(7))
        #expect(operation.startCount == 1)
    }

    @Test("a waiter whose deadline passes leaves alone")
    func waiterDeadline() async throws {
        let flights = flights()
        let patient = call(flights)
        try await eventually("it flies") { operation.startCount == 1 }
        let impatient = call(flights, patience: .milliseconds(20))
        #expect(await impatient.value.code == .deadlineExceeded)
        #expect(flights.inFlightCount == 1)
        try await operation.finishNext(.success(7))
        #expect(await patient.value == .success(7))
    }

    @Test("a caller that is late or cancelled already starts nothing it would not wait for")
    func lateCaller() async {
        let flights = flights()
        #expect(await call(flights, patience: .zero).value.code == .deadlineExceeded)
        #expect(operation.startCount == 0)
        #expect(flights.inFlightCount == 0)
    }

    @Test("all waiters get the error, and the next caller asks again")
    func errorsAreShared() async throws {
        let flights = flights()
        let calls = (0..<10).map { _ in call(flights) }
        try await eventually("all wait") { flights.waiterCount == 10 && operation.startCount == 1 }
        try await operation.finishNext(.failure(VerificationError(.providerUnavailable, "down")))
        for call in calls { #expect(await call.value.code == .providerUnavailable) }
        let next = call(flights)
        try await eventually("it asks again") { operation.startCount == 2 }
        try await operation.finishNext(.success(1))
        #expect(await next.value == .success(1))
    }

    @Test("after a detachment callers start anew, and the old flight's landing does not end the new one")
    func detachment() async throws {
        let flights = flights()
        let old = call(flights)
        try await eventually("the old one flies") { operation.startCount == 1 }
        flights.detach("key")
        let new = call(flights)
        try await eventually("the new one flies") { operation.startCount == 2 }
        try await operation.finishNext(.success(1))
        #expect(await old.value == .success(1))
        let joiner = call(flights)
        try await eventually("another joined the new one") { flights.waiterCount == 2 }
        try await operation.finishNext(.success(2))
        #expect(await new.value == .success(2))
        #expect(await joiner.value == .success(2))
        #expect(operation.startCount == 2)
    }

    @Test("one flight too many is told that the provider is busy, and so is one waiter too many")
    func bounds() async throws {
        let flights = flights(maximum: 2, waiters: 2)
        let calls = [call(flights, "a"), call(flights, "b")]
        try await eventually("two fly") { operation.startCount == 2 }
        #expect(await call(flights, "c").value.code == .providerBusy)
        let second = call(flights, "a")
        try await eventually("two wait for a") { flights.waiterCount == 3 }
        #expect(await call(flights, "a").value.code == .providerBusy)
        try await operation.finishNext(.success(1))
        try await operation.finishNext(.success(1))
        for call in calls + [second] { #expect(await call.value == .success(1)) }
    }

    @Test("waiters that are cancelled while the flight lands are each resumed once")
    func cancellationRacesLanding() async throws {
        let flights = flights()
        for round in 1...100 {
            let calls = (0..<20).map { _ in call(flights) }
            try await eventually("it flies") { operation.startCount == round }
            try await eventually("all wait") { flights.waiterCount == 20 }
            let canceller = Task.detached { for call in calls { call.cancel() } }
            try await operation.finishNext(.success(round))
            for call in calls {
                let result = await call.value
                #expect(result == .success(round) || result.code == .deadlineExceeded)
            }
            await canceller.value
            try await eventually("it landed") { flights.inFlightCount == 0 }
        }
    }
}

extension Result where Failure == VerificationError {
    fileprivate var code: VerificationError.Code? {
        guard case .failure(let error) = self else { return nil }
        return error.code
    }
}
