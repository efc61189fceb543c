package import DoormanCore
internal import DoormanTracing
internal import NIOConcurrencyHelpers

/// One lookup per key at a time for any number of callers: the first call begins a lookup, the others join it.
///
/// A lookup belongs to no caller. It runs in a task of its own, so it goes on if a caller is cancelled or out of time, even the first.
/// Each waiter is resumed once, and never under the lock.
package final class SingleFlight<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// The work of a lookup. It bounds its own time.
    package typealias Operation = @Sendable () async throws(VerificationError) -> Value

    fileprivate typealias Outcome = Result<Value, VerificationError>
    fileprivate typealias Waiter = CheckedContinuation<Outcome, Never>

    private let maximumInFlightLookups: Int
    private let maximumWaiters: Int
    private let timeSource: TimeSource
    private let timer: WakeUpTimer<SingleFlight>
    private let state = NIOLockedValueBox(State())

    package init(maximumInFlightLookups: Int, maximumWaitersPerLookup: Int, timeSource: TimeSource) {
        self.maximumInFlightLookups = maximumInFlightLookups
        maximumWaiters = maximumWaitersPerLookup
        self.timeSource = timeSource
        timer = WakeUpTimer(timeSource: timeSource) { $0.timePassed() }
    }

    /// Waits for the key's lookup. Begins a lookup if the key has none.
    ///
    /// - Parameter deadline: The end of this caller's wait. It does not end the lookup.
    /// - Throws: What the operation throws; `.deadlineExceeded` if the caller's deadline passes first or its task is cancelled;
    ///   `.providerBusy` if there are too many lookups, or too many waiters for this lookup.
    package func value(
        for key: Key, deadline: Deadline, _ operation: @escaping Operation
    ) async throws(VerificationError) -> Value {
        guard !deadline.hasPassed(at: timeSource.now()) else { throw .outOfTime }
        // Nothing waits for the lookup any more, and a lookup that redeems a code would spend it.
        guard !Task.isCancelled else { throw .callerLeft }
        let number = state.withLockedValue { $0.nextNumber() }
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in join(waiter, number, key, deadline, operation) }
        } onCancel: {
            cancel(number, .callerLeft)
        }
        return try outcome.get()
    }

    /// Begins a lookup that no caller waits for, unless the key has one in flight or there are too many.
    ///
    /// - Returns: Whether the lookup began.
    package func start(for key: Key, _ operation: @escaping Operation) -> Bool {
        let lookup = state.withLockedValue { state -> UInt64? in
            guard state.joinable[key] == nil, state.lookups.count < maximumInFlightLookups else { return nil }
            state.startedAlone &+= 1
            return state.begin(key)
        }
        if let lookup { run(lookup, operation) }
        return lookup != nil
    }

    /// Whether the key has a lookup that a call can join.
    package func isInFlight(_ key: Key) -> Bool {
        state.withLockedValue { $0.joinable[key] != nil }
    }

    /// The number of lookups in flight.
    package var inFlightCount: Int { state.withLockedValue { $0.lookups.count } }

    /// The number of waiters.
    package var waiterCount: Int { state.withLockedValue { $0.lookupOfWaiter.count } }

    /// The number of lookups since the start that began without a waiter.
    package var startedAloneCount: UInt64 { state.withLockedValue { $0.startedAlone } }

    /// The number of calls since the start that joined a lookup.
    package var joinedCount: UInt64 { state.withLockedValue { $0.joined } }
}

// MARK: - State under the lock

extension SingleFlight {
    private struct State {
        var lookups: [UInt64: Lookup] = [:]
        /// The lookups that a call can still join.
        var joinable: [Key: UInt64] = [:]
        /// The lookup that a waiter waits for.
        var lookupOfWaiter: [UInt64: UInt64] = [:]
        var deadlines = DeadlineQueue()
        var joined: UInt64 = 0
        var startedAlone: UInt64 = 0
        private var lastNumber: UInt64 = 0

        mutating func nextNumber() -> UInt64 {
            lastNumber += 1
            return lastNumber
        }

        mutating func begin(_ key: Key) -> UInt64 {
            let lookup = nextNumber()
            lookups[lookup] = Lookup(key: key, trace: CallTrace.current)
            joinable[key] = lookup
            return lookup
        }

        /// - Returns: The time of the next wake-up to arrange; `nil` if an early enough wake-up is arranged.
        mutating func add(_ waiter: Waiter, _ number: UInt64, in lookup: UInt64, until deadline: Deadline) -> Instant? {
            lookups[lookup]?.waiters[number] = waiter
            lookupOfWaiter[number] = lookup
            deadlines.insert(number, deadline: deadline)
            return deadlines.nextWakeUp()
        }

        mutating func leave(_ number: UInt64) -> Waiter? {
            guard let lookup = lookupOfWaiter.removeValue(forKey: number) else { return nil }
            deadlines.remove(number)
            return lookups[lookup]?.waiters.removeValue(forKey: number)
        }

        /// - Returns: The waiters, in the order in which they came.
        mutating func complete(_ number: UInt64) -> [Waiter] {
            guard let lookup = lookups.removeValue(forKey: number) else { return [] }
            if joinable[lookup.key] == number { joinable[lookup.key] = nil }
            for waiter in lookup.waiters.keys {
                lookupOfWaiter[waiter] = nil
                deadlines.remove(waiter)
            }
            return lookup.waiters.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    private struct Lookup {
        let key: Key
        /// The trace of the call that began the lookup.
        let trace: CallTrace?
        var waiters: [UInt64: Waiter] = [:]
    }

    private enum JoinResult {
        case joined(wakeUp: Instant?, first: CallTrace?)
        case started(lookup: UInt64, wakeUp: Instant?)
        case limitExceeded(VerificationError)
    }
}

// MARK: - Work outside the lock

extension SingleFlight {
    private func join(
        _ waiter: Waiter, _ number: UInt64, _ key: Key, _ deadline: Deadline, _ operation: @escaping Operation
    ) {
        switch admit(waiter, number, key, deadline) {
        case .joined(let moment, let first):
            if let moment { wakeUp(at: moment) }
            CallTrace.current?.join(first)
        case .started(let lookup, let moment):
            if let moment { wakeUp(at: moment) }
            run(lookup, operation)
        case .limitExceeded(let error):
            waiter.resume(returning: .failure(error))
            return
        }
        // A cancellation before the waiter was added found nothing to cancel.
        if Task.isCancelled { cancel(number, .callerLeft) }
    }

    private func admit(_ waiter: Waiter, _ number: UInt64, _ key: Key, _ deadline: Deadline) -> JoinResult {
        state.withLockedValue { state in
            if let lookup = state.joinable[key], let waiting = state.lookups[lookup]?.waiters.count {
                guard waiting < maximumWaiters else { return .limitExceeded(.tooManyWaiters) }
                state.joined &+= 1
                let first = state.lookups[lookup]?.trace
                return .joined(wakeUp: state.add(waiter, number, in: lookup, until: deadline), first: first)
            }
            guard state.lookups.count < maximumInFlightLookups else { return .limitExceeded(.tooManyLookups) }
            let lookup = state.begin(key)
            return .started(lookup: lookup, wakeUp: state.add(waiter, number, in: lookup, until: deadline))
        }
    }

    private func run(_ lookup: UInt64, _ operation: @escaping Operation) {
        // The task of the lookup is detached, and its provider request belongs to the trace of the call that began it.
        let trace = CallTrace.current
        _ = timeSource.spawn { [self] in
            let outcome = await CallTrace.$current.withValue(trace) { await perform(operation) }
            let waiters = state.withLockedValue { $0.complete(lookup) }
            for waiter in waiters { waiter.resume(returning: outcome) }
        }
    }

    private func perform(_ operation: Operation) async -> Outcome {
        do throws(VerificationError) {
            return .success(try await operation())
        } catch {
            return .failure(error)
        }
    }

    private func wakeUp(at moment: Instant) {
        timer.set(to: moment, for: self)
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
    fileprivate static let outOfTime = VerificationError(
        .deadlineExceeded, "The deadline passed before the provider answered.", request: .sent)
    fileprivate static let callerLeft = VerificationError(
        .deadlineExceeded, "The caller cancelled the call before the provider answered.", request: .sent)
    fileprivate static let tooManyLookups = VerificationError(
        .providerBusy, "Too many lookups are in flight (cache.max-in-flight-lookups).", retryAfter: RetryHint.minimumDelay,
        limit: "cache.max-in-flight-lookups")
    fileprivate static let tooManyWaiters = VerificationError(
        .providerBusy, "Too many calls wait for the same lookup (cache.max-waiters-per-lookup).",
        retryAfter: RetryHint.minimumDelay,
        limit: "cache.max-waiters-per-lookup")
}
