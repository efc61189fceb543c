internal import DoormanCore
internal import DoormanSupport

/// Decides when the keys of an issuer are fetched, and what a call with a key id gets. Pure: time is an argument, and the owner fetches.
///
/// There are two reasons for a fetch. The *periodic* fetch keeps the keys fresh. A fetch *on demand* looks for an unknown key id, or for the
/// first keys; there is at most one in ``Policy/demandInterval``, so that invented ids can't flood the issuer. The periodic fetch does not
/// count towards that, so that they can't starve it either.
struct KeySourceStateMachine: Sendable {
    struct Policy: Sendable {
        /// The bounds of the time between periodic fetches.
        var intervals = Duration.seconds(60)...Duration.seconds(24 * 3600)
        /// The lifetime of keys whose response does not state one.
        var defaultLifetime = Duration.seconds(600)
        /// The time between fetches on demand, and the time for which an unknown key id is remembered.
        var demandInterval = Duration.seconds(30)
        /// The time for which the last good keys are used while fetches fail. It begins when the next periodic fetch is due: the issuer may
        /// say that its keys last for as long.
        var maximumOverdue = Duration.seconds(24 * 3600)
        /// The time after the first failed periodic fetch. It doubles with each further failure, up to ``maximumBackOff``.
        var backOff = Duration.seconds(1)
        var maximumBackOff = Duration.seconds(60)
        /// The maximum number of remembered unknown key ids.
        var maximumUnknownIDs = 1000
        /// The maximum number of calls that wait for a fetch although there are keys: with an unknown key id, or with a signature of none of
        /// the keys. Everyone can invent such tokens.
        var maximumWaitersForUnknownKeys = 1_000
    }

    /// The fetches that had begun and ended when a call arrived.
    struct Arrival: Sendable {
        fileprivate let begun: UInt64
        fileprivate let ended: UInt64
    }

    /// The result of looking for the keys of a token.
    enum Lookup {
        /// The keys to try, one at least.
        case found([IssuerKey])
        /// The issuer has no such key: a fetch that began after the call arrived, or not long before, shows it.
        case unknown
        /// The token names no key, and the issuer has several.
        case ambiguous
        /// The owner begins this fetch, waits for its end and looks again.
        case begin(UInt64)
        /// The owner waits for the end of this fetch, which has begun, and looks again.
        case join(UInt64)
        /// There are keys, the call's is not among them, and no fetch is allowed now.
        case unresolved(retryAfter: Duration)
        /// There are no keys, or none that may still be used.
        case noKeys(retryAfter: Duration)
    }

    enum Periodic {
        case begin(UInt64)
        case join(UInt64)
        case wait(until: Instant)
    }

    /// What the owner does after a fetch.
    struct Completion: Sendable {
        /// The fingerprints of keys that are gone.
        var removed: Set<UInt64> = []
        var event: KeyEvent?
    }

    private struct Fetch {
        let number: UInt64
        /// The key id that it looks for, of a fetch on demand.
        let id: [UInt8]?
        let isPeriodic: Bool
        var isRunning = false
    }

    private struct Keys {
        var set: KeySet
        /// The end of their use without another successful fetch.
        var end: Instant
        var url: String
    }

    private let policy: Policy
    private var keys: Keys?
    private var inFlight: Fetch?
    private var lastBegun: UInt64 = 0
    private var lastEnded: UInt64 = 0
    private var lastSuccessful: UInt64 = 0
    private var nextPeriodic: Instant
    private var nextDemand: Instant
    private var failedPeriodic = 0
    /// The unknown key ids, with the ends of their remembrance.
    private var unknownIDs: [[UInt8]: Instant] = [:]
    /// The time before which no unknown key id is forgotten. A full list is not searched before it, since thousands of calls can ask at once.
    private var nextUnknownEnd: Instant
    /// The failure that was reported last, while fetches fail.
    private var reportedFailure: KeyFetchFailure?
    private var hasReportedEnd = false

    /// Whether a fetch has ended, well or not.
    var hasTried: Bool { lastEnded > 0 }
    var unknownCount: Int { unknownIDs.count }

    init(_ policy: Policy, at now: Instant) {
        self.policy = policy
        nextPeriodic = now
        nextDemand = now
        nextUnknownEnd = now
    }

    /// Whether there are keys that may still be used.
    func hasKeys(at now: Instant) -> Bool { usableFor(at: now) > .zero }

    /// The time for which the keys can be used without another successful fetch; zero without keys.
    func usableFor(at now: Instant) -> Duration { keys.map { max(.zero, now.duration(to: $0.end)) } ?? .zero }

    /// Takes over the keys of a machine with the same issuer, and the times of its fetches. Does nothing if a fetch has begun here, or if
    /// there is no key to take over: then the first fetch is due at once.
    mutating func takeOver(_ other: KeySourceStateMachine, at now: Instant) {
        guard lastBegun == 0, other.hasKeys(at: now) else { return }
        self = other
        guard let fetch = inFlight else { return }
        // Its result arrives at the other machine, so a fetch of this one may take its place.
        inFlight = nil
        if fetch.isPeriodic { nextPeriodic = now } else { nextDemand = now }
    }

    // MARK: - Calls

    /// Notes the arrival of a call, before its first ``lookup(_:_:at:)``.
    func arrive() -> Arrival { Arrival(begun: lastBegun, ended: lastEnded) }

    /// Looks for the keys of a call.
    ///
    /// - Parameter id: The key id of the token; `nil` if it names none.
    mutating func lookup(_ id: [UInt8]?, _ arrival: Arrival, at now: Instant) -> Lookup {
        guard let keys, now < keys.end else { return withoutKeys(arrival, at: now) }
        guard let id else { return keys.set.keys.count == 1 ? .found(keys.set.keys) : .ambiguous }
        let found = keys.set.keys(withID: id)
        if !found.isEmpty { return .found(found) }
        if lastSuccessful > arrival.begun {
            remember(id, at: now)
            return .unknown
        }
        if let end = unknownIDs[id], now < end { return .unknown }
        if let inFlight { return .join(inFlight.number) }
        // A fetch for this call has failed.
        if lastEnded > arrival.begun || now < nextDemand { return .unresolved(retryAfter: retryAfter(at: now)) }
        return .begin(beginOnDemand(id, at: now))
    }

    /// What a call does whose token is signed by none of the keys that were found. The issuer may have replaced a key under its id, or its
    /// tokens name no key. Such a token must not be rejected for keys from before a rotation.
    enum Renewal {
        case begin(UInt64)
        case join(UInt64)
        /// The keys are as new as the call, or no fetch is allowed now.
        case none
    }

    /// Decides whether a call waits for newer keys, within the budget of fetches on demand.
    mutating func renewal(_ arrival: Arrival, at now: Instant) -> Renewal {
        if lastEnded > arrival.begun { return .none }
        if let inFlight { return .join(inFlight.number) }
        return now < nextDemand ? .none : .begin(beginOnDemand(nil, at: now))
    }

    private mutating func withoutKeys(_ arrival: Arrival, at now: Instant) -> Lookup {
        if lastEnded > arrival.ended { return .noKeys(retryAfter: retryAfter(at: now)) }
        if let inFlight { return .join(inFlight.number) }
        guard now >= nextDemand else { return .noKeys(retryAfter: retryAfter(at: now)) }
        return .begin(beginOnDemand(nil, at: now))
    }

    private mutating func beginOnDemand(_ id: [UInt8]?, at now: Instant) -> UInt64 {
        nextDemand = now.advanced(by: policy.demandInterval)
        return begin(id, isPeriodic: false)
    }

    /// The time until the next fetch, a second at least.
    private func retryAfter(at now: Instant) -> Duration {
        inFlight != nil ? .seconds(1) : max(.seconds(1), now.duration(to: min(nextPeriodic, nextDemand)))
    }

    /// Remembers an unknown key id. Does nothing if too many are remembered: such a call is unavailable, and never rejected.
    private mutating func remember(_ id: [UInt8], at now: Instant) {
        if unknownIDs.count >= policy.maximumUnknownIDs, now >= nextUnknownEnd {
            unknownIDs = unknownIDs.filter { now < $0.value }
            nextUnknownEnd = unknownIDs.values.min() ?? now
        }
        guard unknownIDs.count < policy.maximumUnknownIDs else { return }
        unknownIDs[id] = now.advanced(by: policy.demandInterval)
    }

    // MARK: - Fetches

    /// Decides whether the periodic fetch is due.
    mutating func periodic(at now: Instant) -> Periodic {
        if let inFlight { return .join(inFlight.number) }
        guard now >= nextPeriodic else { return .wait(until: nextPeriodic) }
        return .begin(begin(nil, isPeriodic: true))
    }

    private mutating func begin(_ id: [UInt8]?, isPeriodic: Bool) -> UInt64 {
        lastBegun += 1
        inFlight = Fetch(number: lastBegun, id: id, isPeriodic: isPeriodic)
        return lastBegun
    }

    /// Claims a fetch for one task: the first that asks.
    ///
    /// - Returns: `nil` if another task has it, or it has ended; else the known URL of the keys, which only a periodic fetch looks up again.
    mutating func claim(_ number: UInt64) -> (isPeriodic: Bool, knownURL: String?)? {
        guard let fetch = inFlight, fetch.number == number, !fetch.isRunning else { return nil }
        inFlight?.isRunning = true
        return (fetch.isPeriodic, fetch.isPeriodic ? nil : keys?.url)
    }

    /// Ends a fetch. Does nothing if it has ended.
    mutating func complete(
        _ number: UInt64, _ result: Result<KeyFetcher.Fetched, KeyFetchFailure>, at now: Instant
    ) -> Completion {
        guard let fetch = inFlight, fetch.number == number else { return Completion() }
        inFlight = nil
        lastEnded = number
        switch result {
        case .success(let fetched): return succeeded(fetch, fetched, at: now)
        case .failure(let failure): return failed(fetch, failure, at: now)
        }
    }

    private mutating func succeeded(_ fetch: Fetch, _ fetched: KeyFetcher.Fetched, at now: Instant) -> Completion {
        lastSuccessful = fetch.number
        failedPeriodic = 0
        let old = keys?.set
        // Before the end of the lifetime, so that no call waits.
        let lifetime = fetched.lifetime ?? policy.defaultLifetime
        nextPeriodic = now.advanced(by: min(max(lifetime * 0.8, policy.intervals.lowerBound), policy.intervals.upperBound))
        keys = Keys(set: fetched.keys, end: nextPeriodic.advanced(by: policy.maximumOverdue), url: fetched.url)
        if let id = fetch.id, fetched.keys.keys(withID: id).isEmpty { remember(id, at: now) }
        var completion = Completion(removed: old?.fingerprints.subtracting(fetched.keys.fingerprints) ?? [])
        if reportedFailure != nil || hasReportedEnd || old.map(fetched.keys.isEqual) != true {
            completion.event = .loaded(usable: fetched.keys.keys.count, skipped: fetched.keys.skipped)
        }
        reportedFailure = nil
        hasReportedEnd = false
        return completion
    }

    private mutating func failed(_ fetch: Fetch, _ failure: KeyFetchFailure, at now: Instant) -> Completion {
        if fetch.isPeriodic {
            let doublings = min(failedPeriodic, 16)
            failedPeriodic += 1
            let backOff = min(policy.backOff * (1 << doublings), policy.maximumBackOff)
            nextPeriodic = now.advanced(by: backOff)
        }
        let isOver = keys.map { now >= $0.end } ?? false
        if isOver && !hasReportedEnd {
            hasReportedEnd = true
            reportedFailure = failure
            return Completion(event: .expired(failure))
        }
        guard reportedFailure != failure else { return Completion() }
        reportedFailure = failure
        return Completion(event: .fetchFailed(failure, keysUsableFor: keys == nil ? nil : usableFor(at: now)))
    }
}

/// A change of an issuer's keys, for the log. There is no event for a fetch that changed nothing.
package enum KeyEvent: Sendable, Hashable {
    /// Keys were fetched for the first time, have changed, or could be fetched again after a failure.
    case loaded(usable: Int, skipped: [KeySet.Skipped])
    /// A fetch failed for the first time, or for another reason than before.
    ///
    /// `keysUsableFor` is the time for which the last good keys are still used; `nil` if there are none.
    case fetchFailed(KeyFetchFailure, keysUsableFor: Duration?)
    /// The last good keys are too old, since all fetches have failed. Tokens of the issuer are unavailable now.
    case expired(KeyFetchFailure)
}
