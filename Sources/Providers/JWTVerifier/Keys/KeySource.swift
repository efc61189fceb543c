internal import CompactTokens
internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// The keys of one issuer, kept fresh. ``KeySourceStateMachine`` decides; this class fetches and waits.
///
/// The lock is never held across a call.
final class KeySource: Sendable {
    /// The maximum time of a fetch, with the look-up of the OpenID configuration.
    static let fetchTime = Duration.seconds(10)
    /// The maximum number of calls that wait for one fetch.
    static let maximumWaiters = 10_000

    /// The keys that may have signed a token.
    enum Found {
        /// The keys to try, one at least.
        case keys([IssuerKey])
        case rejected(RejectedToken)
    }

    private let fetcher: KeyFetcher
    private let time: TimeSource
    private let maximumWaitersForUnknownKeys: Int
    private let onKeysRemoved: @Sendable (Set<UInt64>) -> Void
    private let observer: @Sendable (KeyEvent) -> Void
    private let state: NIOLockedValueBox<KeySourceStateMachine>
    /// The fetches by their numbers.
    private let flights: SingleFlight<UInt64, Void>
    /// The time for which the keys can be used without another successful fetch; zero without keys.
    var usableFor: Duration { state.withLockedValue { $0.usableFor(at: time.now()) } }

    /// The number of calls that wait although there are keys.
    private let waitersForUnknownKeys = NIOLockedValueBox(0)

    private enum WaitReason {
        case noKeys
        case unknownKey
    }

    init(
        _ fetcher: KeyFetcher, time: TimeSource, policy: KeySourceStateMachine.Policy,
        onKeysRemoved: @escaping @Sendable (Set<UInt64>) -> Void, observer: @escaping @Sendable (KeyEvent) -> Void
    ) {
        self.fetcher = fetcher
        self.time = time
        maximumWaitersForUnknownKeys = policy.maximumWaitersForUnknownKeys
        self.onKeysRemoved = onKeysRemoved
        self.observer = observer
        state = NIOLockedValueBox(KeySourceStateMachine(policy, at: time.now()))
        flights = SingleFlight(
            maximumInFlightLookups: Self.maximumWaiters, maximumWaitersPerLookup: Self.maximumWaiters, timeSource: time)
    }

    /// Whether the first fetch has ended, well or not.
    var hasTried: Bool { state.withLockedValue(\.hasTried) }

    /// The number of calls that wait although there are keys.
    var unknownKeyWaiterCount: Int { waitersForUnknownKeys.withLockedValue { $0 } }

    /// Takes over the keys of another source of the same issuer, and the times of its fetches. Does nothing if this source has been used,
    /// or if the other one has no keys. A fetch of the other source that is in flight ends there.
    func takeOver(_ other: KeySource) {
        let (now, machine) = (time.now(), other.state.withLockedValue { $0 })
        state.withLockedValue { $0.takeOver(machine, at: now) }
    }

    /// Returns the keys for a key id. Waits for a fetch if the id is unknown, or if there are no keys yet.
    ///
    /// - Throws: `.providerUnavailable` if it can't be told now whether the issuer has such a key; `.providerBusy` if too many calls wait.
    func keys(withID id: [UInt8]?, deadline: Deadline) async throws(VerificationError) -> Found {
        let arrival = state.withLockedValue { $0.arrive() }
        while true {
            let now = time.now()
            let (lookup, hasKeys) = state.withLockedValue { ($0.lookup(id, arrival, at: now), $0.hasKeys(at: now)) }
            switch lookup {
            case .found(let keys): return .keys(keys)
            case .unknown:
                return .rejected(RejectedToken(.tokenRejected, "The issuer has no key with the key id of the token."))
            case .ambiguous:
                return .rejected(RejectedToken(.tokenRejected, "The token names no key, and the issuer has several."))
            case .begin(let number):
                begin(number)
                try await wait(for: number, because: hasKeys ? .unknownKey : .noKeys, deadline: deadline)
            case .join(let number):
                try await wait(for: number, because: hasKeys ? .unknownKey : .noKeys, deadline: deadline)
            case .unresolved(let retryAfter):
                throw VerificationError(
                    .providerUnavailable, "The key of the token is unknown, and the issuer's keys can't be fetched right now.",
                    retryAfter: retryAfter, scope: .request)
            case .noKeys(let retryAfter):
                throw VerificationError(
                    .providerUnavailable, "The issuer's keys could not be fetched yet.", retryAfter: retryAfter, scope: .request)
            }
        }
    }

    /// Waits for newer keys, for a token that none of the keys of ``keys(withID:deadline:)`` has signed.
    ///
    /// - Parameter tried: The keys that the call has tried. Another call may have renewed them since.
    /// - Returns: Other keys; `nil` if none can be had now.
    func renewedKeys(
        withID id: [UInt8]?, unlike tried: [IssuerKey], deadline: Deadline
    ) async throws(VerificationError) -> [IssuerKey]? {
        let arrival = state.withLockedValue { $0.arrive() }
        while true {
            let now = time.now()
            switch state.withLockedValue({ $0.renewal(arrival, at: now) }) {
            case .begin(let number):
                begin(number)
                try await wait(for: number, because: .unknownKey, deadline: deadline)
            case .join(let number): try await wait(for: number, because: .unknownKey, deadline: deadline)
            case .none:
                guard case .found(let keys) = state.withLockedValue({ $0.lookup(id, arrival, at: now) }) else { return nil }
                return keys == tried ? nil : keys
            }
        }
    }

    /// Keeps the keys fresh until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            let now = time.now()
            switch state.withLockedValue({ $0.periodic(at: now) }) {
            case .begin(let number):
                begin(number)
                await waitForEnd(of: number, since: now)
            case .join(let number):
                await waitForEnd(of: number, since: now)
            case .wait(let moment):
                await time.sleep(moment)
            }
        }
    }

    private func waitForEnd(of number: UInt64, since now: Instant) async {
        do throws(VerificationError) {
            // The fetch ends by its own deadline.
            try await wait(for: number, deadline: Deadline(now.advanced(by: Self.fetchTime * 2)))
        } catch {
            // Either this task is cancelled, or too many calls wait for the fetch.
            await time.sleep(now.advanced(by: .seconds(1)))
        }
    }

    private func begin(_ number: UInt64) {
        let began = flights.start(for: number) { [self] in await perform(number) }
        // A call that joined the fetch at once may have begun it.
        guard !began, !flights.isInFlight(number) else { return }
        finish(number, .failure(.busy))
    }

    /// Waits for a fetch as one of a limited number of calls. The fetch that a call has begun goes on without it.
    private func wait(
        for number: UInt64, because reason: WaitReason, deadline: Deadline
    ) async throws(VerificationError) {
        guard reason == .unknownKey else { return try await wait(for: number, deadline: deadline) }
        let mayWait = waitersForUnknownKeys.withLockedValue { count in
            guard count < maximumWaitersForUnknownKeys else { return false }
            count += 1
            return true
        }
        guard mayWait else { throw .tooManyWaiters }
        defer { waitersForUnknownKeys.withLockedValue { $0 -= 1 } }
        try await wait(for: number, deadline: deadline)
    }

    private func wait(for number: UInt64, deadline: Deadline) async throws(VerificationError) {
        do throws(VerificationError) {
            try await join(number, deadline: deadline)
        } catch {
            // The limit is not a setting of the cache.
            throw error.code == .providerBusy ? .tooManyWaiters : error
        }
    }

    private func join(_ number: UInt64, deadline: Deadline) async throws(VerificationError) {
        try await flights.value(for: number, deadline: deadline) { [self] in await perform(number) }
    }

    /// Performs a fetch. Returns at once if another task performs it, or has.
    private func perform(_ number: UInt64) async {
        guard let fetch = state.withLockedValue({ $0.claim(number) }) else { return }
        let deadline = Deadline(time.now().advanced(by: Self.fetchTime))
        let result: Result<KeyFetcher.Fetched, KeyFetchFailure>
        do throws(KeyFetchFailure) {
            result = .success(try await fetcher.fetch(knownURL: fetch.knownURL, deadline: deadline))
        } catch {
            result = .failure(error)
        }
        finish(number, result)
    }

    private func finish(_ number: UInt64, _ result: Result<KeyFetcher.Fetched, KeyFetchFailure>) {
        let now = time.now()
        let completion = state.withLockedValue { $0.complete(number, result, at: now) }
        if !completion.removed.isEmpty { onKeysRemoved(completion.removed) }
        if let event = completion.event { observer(event) }
    }
}

extension VerificationError {
    fileprivate static let tooManyWaiters = VerificationError(
        .providerBusy, "Too many calls wait for the issuer's keys.", retryAfter: .seconds(1), scope: .request)
}
