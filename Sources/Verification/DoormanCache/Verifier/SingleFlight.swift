package import DoormanCore
package import DoormanSupport
internal import NIOConcurrencyHelpers

/// One lookup per key at a time, however many callers wait for it: the first call begins a flight, the others join it.
///
/// A flight belongs to no caller. It runs in a task of its own, so a caller that is cancelled or out of time, the first one
/// included, leaves it as it is. Each waiter is resumed once, and never under the lock.
package final class SingleFlight<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// An operation bounds its own time; a flight takes as long as it does.
    package typealias Operation = @Sendable () async throws(VerificationError) -> Value

    fileprivate typealias Outcome = Result<Value, VerificationError>
    fileprivate typealias Waiter = CheckedContinuation<Outcome, Never>

    private let maximumFlights: Int
    private let maximumWaiters: Int
    private let timeSource: TimeSource
    private let state = NIOLockedValueBox(State())

    package init(maximumFlights: Int, maximumWaitersPerFlight: Int, timeSource: TimeSource) {
        self.maximumFlights = maximumFlights
        maximumWaiters = maximumWaitersPerFlight
        self.timeSource = timeSource
    }

    /// Waits for the key's flight, having started it if there was none.
    ///
    /// - Parameter deadline: Bounds this caller's waiting only, not the flight.
    /// - Throws: What the operation throws; `.deadlineExceeded` if the caller's deadline passes first or its task is cancelled;
    ///   `.providerBusy` if there are too many flights, or waiters for this one.
    package func value(
        for key: Key, deadline: Deadline, _ operation: @escaping Operation
    ) async throws(VerificationError) -> Value {
        guard !deadline.hasPassed(at: timeSource.now()) else { throw .outOfTime }
        // No caller is left to want the flight, and one that redeems a code would spend it.
        guard !Task.isCancelled else { throw .callerLeft }
        let number = state.withLockedValue { $0.nextNumber() }
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in join(waiter, number, key, deadline, operation) }
        } onCancel: {
            cancel(number, .callerLeft)
        }
        return try outcome.get()
    }

    /// Starts a flight that no caller waits for, unless the key has one in flight, or there are too many.
    ///
    /// - Returns: Whether it was started.
    package func start(for key: Key, _ operation: @escaping Operation) -> Bool {
        let flight = state.withLockedValue { state -> UInt64? in
            guard state.joinable[key] == nil, state.flights.count < maximumFlights else { return nil }
            state.startedAlone &+= 1
            return state.begin(key)
        }
        if let flight { run(flight, operation) }
        return flight != nil
    }

    /// Whether the key has a flight that a call could join.
    package func isInFlight(_ key: Key) -> Bool {
        state.withLockedValue { $0.joinable[key] != nil }
    }

    /// Calls from now on start a flight of their own. Those who wait already get the answer of the old one.
    package func detach(_ key: Key) {
        state.withLockedValue { $0.joinable[key] = nil }
    }

    /// As ``detach(_:)``, for every key.
    package func detachAll() {
        state.withLockedValue { $0.joinable.removeAll() }
    }

    /// How many lookups are in flight, detached ones included.
    package var flightCount: Int { state.withLockedValue { $0.flights.count } }

    /// How many callers wait.
    package var waiterCount: Int { state.withLockedValue { $0.waiterFlights.count } }

    /// How many flights began that no call waited for, since the start.
    package var startedAloneCount: UInt64 { state.withLockedValue { $0.startedAlone } }

    /// How many calls joined a flight since the start.
    package var joinedCount: UInt64 { state.withLockedValue { $0.joined } }
}

// MARK: - What changes under the lock

extension SingleFlight {
    private struct State {
        var flights: [UInt64: Flight] = [:]
        /// The flights that a call may still join.
        var joinable: [Key: UInt64] = [:]
        /// Which flight a waiter waits for.
        var waiterFlights: [UInt64: UInt64] = [:]
        var deadlines = DeadlineQueue()
        var joined: UInt64 = 0
        var startedAlone: UInt64 = 0
        private var lastNumber: UInt64 = 0

        mutating func nextNumber() -> UInt64 {
            lastNumber += 1
            return lastNumber
        }

        mutating func begin(_ key: Key) -> UInt64 {
            let flight = nextNumber()
            flights[flight] = Flight(key: key)
            joinable[key] = flight
            return flight
        }

        /// - Returns: When a wake-up must be arranged; `nil` if one is, early enough.
        mutating func add(_ waiter: Waiter, _ number: UInt64, in flight: UInt64, until deadline: Deadline) -> Instant? {
            flights[flight]?.waiters[number] = waiter
            waiterFlights[number] = flight
            deadlines.insert(number, deadline: deadline)
            return deadlines.nextWakeUp()
        }

        mutating func leave(_ number: UInt64) -> Waiter? {
            guard let flight = waiterFlights.removeValue(forKey: number) else { return nil }
            deadlines.remove(number)
            return flights[flight]?.waiters.removeValue(forKey: number)
        }

        /// - Returns: Those who wait, first come, first served.
        mutating func complete(_ number: UInt64) -> [Waiter] {
            guard let flight = flights.removeValue(forKey: number) else { return [] }
            if joinable[flight.key] == number { joinable[flight.key] = nil }
            for waiter in flight.waiters.keys {
                waiterFlights[waiter] = nil
                deadlines.remove(waiter)
            }
            return flight.waiters.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    private struct Flight {
        let key: Key
        var waiters: [UInt64: Waiter] = [:]
    }

    private enum Admission {
        case joined(wakeUp: Instant?)
        case started(flight: UInt64, wakeUp: Instant?)
        case refused(VerificationError)
    }
}

// MARK: - What happens outside of it

extension SingleFlight {
    private func join(
        _ waiter: Waiter, _ number: UInt64, _ key: Key, _ deadline: Deadline, _ operation: @escaping Operation
    ) {
        switch admit(waiter, number, key, deadline) {
        case .joined(let moment):
            if let moment { wakeUp(at: moment) }
        case .started(let flight, let moment):
            if let moment { wakeUp(at: moment) }
            run(flight, operation)
        case .refused(let error):
            waiter.resume(returning: .failure(error))
            return
        }
        // A cancellation before the waiter was added found nothing to cancel.
        if Task.isCancelled { cancel(number, .callerLeft) }
    }

    private func admit(_ waiter: Waiter, _ number: UInt64, _ key: Key, _ deadline: Deadline) -> Admission {
        state.withLockedValue { state in
            if let flight = state.joinable[key], let waiting = state.flights[flight]?.waiters.count {
                guard waiting < maximumWaiters else { return .refused(.tooManyWaiters) }
                state.joined &+= 1
                return .joined(wakeUp: state.add(waiter, number, in: flight, until: deadline))
            }
            guard state.flights.count < maximumFlights else { return .refused(.tooManyFlights) }
            let flight = state.begin(key)
            return .started(flight: flight, wakeUp: state.add(waiter, number, in: flight, until: deadline))
        }
    }

    private func run(_ flight: UInt64, _ operation: @escaping Operation) {
        timeSource.spawn { [self] in
            let outcome: Outcome
            do throws(VerificationError) {
                outcome = .success(try await operation())
            } catch {
                outcome = .failure(error)
            }
            let waiters = state.withLockedValue { $0.complete(flight) }
            for waiter in waiters { waiter.resume(returning: outcome) }
        }
    }

    private func wakeUp(at moment: Instant) {
        timeSource.wake(self, at: moment) { $0.timePassed() }
    }

    private func timePassed() {
        let now = timeSource.now()
        let (late, moment) = state.withLockedValue { state in
            let late = state.deadlines.passed(at: now).compactMap { state.leave($0) }
            return (late, state.deadlines.nextWakeUp())
        }
        for waiter in late { waiter.resume(returning: .failure(.outOfTime)) }
        if let moment { wakeUp(at: moment) }
    }

    private func cancel(_ number: UInt64, _ error: VerificationError) {
        state.withLockedValue { $0.leave(number) }?.resume(returning: .failure(error))
    }
}

extension VerificationError {
    fileprivate static let outOfTime = VerificationError(.deadlineExceeded, "The deadline passed before there was an answer.")
    fileprivate static let callerLeft = VerificationError(.deadlineExceeded, "The caller left before there was an answer.")
    fileprivate static let tooManyFlights = VerificationError(
        .providerBusy, "Too many questions to the provider are open (cache.max-flights).", retryAfter: .milliseconds(100))
    fileprivate static let tooManyWaiters = VerificationError(
        .providerBusy, "Too many calls wait for the same answer (cache.max-waiters).", retryAfter: .milliseconds(100))
}
