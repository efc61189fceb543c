package import DoormanCore
internal import NIOConcurrencyHelpers

/// One question per key at a time, however many ask it: the first call starts a flight, the others wait for its answer.
///
/// A flight belongs to nobody. It runs in a task of its own, so a caller that is cancelled or out of time, the first one
/// included, leaves it as it is. Each waiter is resumed once, and never under the lock.
package final class SingleFlight<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// An operation bounds its own time; a flight takes as long as it does.
    package typealias Operation = @Sendable () async throws(VerificationError) -> Value

    private typealias Outcome = Result<Value, VerificationError>
    private typealias Waiter = CheckedContinuation<Outcome, Never>

    private let maximumFlights: Int
    private let maximumWaiters: Int
    private let now: @Sendable () -> Instant
    private let state = NIOLockedValueBox(State())

    private struct State {
        var flights: [UInt64: Flight] = [:]
        /// The flights that a call may still join.
        var joinable: [Key: UInt64] = [:]
        /// Which flight a waiter waits for.
        var seats: [UInt64: UInt64] = [:]
        var lastNumber: UInt64 = 0
        var joined: UInt64 = 0

        mutating func nextNumber() -> UInt64 {
            lastNumber += 1
            return lastNumber
        }
    }

    private struct Flight {
        let key: Key
        var waiters: [UInt64: Waiter]
    }

    private enum Admission {
        case joined
        case started(flight: UInt64)
        case refused(VerificationError)
    }

    package init(maximumFlights: Int, maximumWaitersPerFlight: Int, timeSource: TimeSource) {
        self.maximumFlights = maximumFlights
        maximumWaiters = maximumWaitersPerFlight
        now = timeSource.now
    }

    /// Waits for the key's flight, having started it if there was none.
    ///
    /// - Parameter deadline: Bounds this caller's waiting only, not the flight.
    /// - Throws: What the operation throws; `.deadlineExceeded` if the caller's deadline passes first or its task is cancelled;
    ///   `.providerBusy` if there are too many flights, or waiters for this one.
    package func value(
        for key: Key, deadline: Deadline, _ operation: @escaping Operation
    ) async throws(VerificationError) -> Value {
        guard !deadline.hasPassed(at: now()) else { throw Self.deadlineExceeded }
        // Nobody is left to want the flight, and one that redeems a code would spend it.
        guard !Task.isCancelled else { throw Self.cancelled }
        let waiter = state.withLockedValue { $0.nextNumber() }
        let timer = Task.detached { [self] in
            guard await deadline.sleep(now) else { return }
            dismiss(waiter, Self.deadlineExceeded)
        }
        defer { timer.cancel() }
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                board(waiter, continuation, key, deadline, operation)
            }
        } onCancel: {
            dismiss(waiter, Self.cancelled)
        }
        return try outcome.get()
    }

    /// Calls from now on start a flight of their own. Those who wait already get the answer of the old one.
    package func detach(_ key: Key) {
        state.withLockedValue { $0.joinable[key] = nil }
    }

    /// As ``detach(_:)``, for every key.
    package func detachAll() {
        state.withLockedValue { $0.joinable.removeAll() }
    }

    /// How many flights are in the air, those that were detached included.
    package var flightCount: Int { state.withLockedValue { $0.flights.count } }

    /// How many callers wait.
    package var waiterCount: Int { state.withLockedValue { $0.seats.count } }

    /// How many calls joined a flight since the start.
    package var joinedCount: UInt64 { state.withLockedValue { $0.joined } }
}

extension SingleFlight {
    private func board(
        _ waiter: UInt64, _ continuation: Waiter, _ key: Key, _ deadline: Deadline, _ operation: @escaping Operation
    ) {
        switch admit(waiter, continuation, key) {
        case .joined:
            break
        case .started(let flight):
            Task.detached { [self] in land(flight, await Self.outcome(of: operation)) }
        case .refused(let error):
            continuation.resume(returning: .failure(error))
            return
        }
        // Whoever cancelled or called time before the waiter had a seat found nobody to dismiss.
        if Task.isCancelled {
            dismiss(waiter, Self.cancelled)
        } else if deadline.hasPassed(at: now()) {
            dismiss(waiter, Self.deadlineExceeded)
        }
    }

    private func admit(_ waiter: UInt64, _ continuation: Waiter, _ key: Key) -> Admission {
        state.withLockedValue { state in
            if let flight = state.joinable[key], let waiting = state.flights[flight]?.waiters.count {
                guard waiting < maximumWaiters else {
                    return .refused(
                        VerificationError(.providerBusy, "Too many calls wait for the same answer.", retryAfter: .milliseconds(100))
                    )
                }
                state.flights[flight]?.waiters[waiter] = continuation
                state.seats[waiter] = flight
                state.joined &+= 1
                return .joined
            }
            guard state.flights.count < maximumFlights else {
                return .refused(
                    VerificationError(.providerBusy, "Too many questions to the provider are open.", retryAfter: .milliseconds(100))
                )
            }
            let flight = state.nextNumber()
            state.flights[flight] = Flight(key: key, waiters: [waiter: continuation])
            state.joinable[key] = flight
            state.seats[waiter] = flight
            return .started(flight: flight)
        }
    }

    private func land(_ number: UInt64, _ outcome: Outcome) {
        let waiters = state.withLockedValue { state -> [UInt64: Waiter] in
            guard let flight = state.flights.removeValue(forKey: number) else { return [:] }
            if state.joinable[flight.key] == number { state.joinable[flight.key] = nil }
            for waiter in flight.waiters.keys { state.seats[waiter] = nil }
            return flight.waiters
        }
        for waiter in waiters.values { waiter.resume(returning: outcome) }
    }

    private func dismiss(_ waiter: UInt64, _ error: VerificationError) {
        let continuation = state.withLockedValue { state -> Waiter? in
            guard let flight = state.seats.removeValue(forKey: waiter) else { return nil }
            return state.flights[flight]?.waiters.removeValue(forKey: waiter)
        }
        continuation?.resume(returning: .failure(error))
    }

    private static func outcome(of operation: Operation) async -> Outcome {
        do throws(VerificationError) {
            return .success(try await operation())
        } catch {
            return .failure(error)
        }
    }

    private static var deadlineExceeded: VerificationError {
        VerificationError(.deadlineExceeded, "The deadline passed before there was an answer.")
    }

    private static var cancelled: VerificationError {
        VerificationError(.deadlineExceeded, "The caller left before there was an answer.")
    }
}
