internal import DoormanCore
internal import DoormanSupport

/// The record of a history of an issuer's keys, and the invariants that it must keep. It knows when the issuer published which keys, and
/// nothing about how the verifier or the cache work.
struct IssuerLedger: Sendable {
    /// A token, and what is true about it.
    struct IssuedToken: Sendable {
        let token: Token
        /// The key id in the header.
        let keyID: String
        let expiry: Timestamp
        /// Whether another key has signed the token than its header says.
        let isForged: Bool
    }

    /// A call from its caller's view.
    struct Call: Sendable {
        let issued: IssuedToken
        let began: Instant
        let deadline: Deadline
        /// The position among the events of the history.
        let position: Int
    }

    /// The times that the product states.
    private enum Limits {
        static let demandInterval = Duration.seconds(30)
        static let fetchTime = Duration.seconds(10)
        static let leastPeriod = Duration.seconds(60)
        static let maximumAge = Duration.seconds(24 * 3600)
        /// The most periodic fetches in 30 seconds while they fail (after 0, 1, 3, 7 and 15 s), with one on demand.
        static let fetchesInDemandInterval = 6
    }

    private(set) var violations: [String] = []
    private(set) var counts: [String: Int] = [:]
    var openCalls = 0
    private var position = 0
    private let longestRejection: Duration

    /// The time since which each published key is published.
    private var publishedSince: [String: Instant] = [:]
    /// The first time at which a call named each key.
    private var firstNamed: [String: Instant] = [:]
    /// The keys of the last good response, with the time since which each was in all good responses.
    private var held: [String: Instant] = [:]
    /// The time of the last good response.
    private var heldAt: Instant?
    /// The time of the good response that showed that a key is gone.
    private var goneSince: [String: Instant] = [:]
    /// The position of each acknowledged revocation by which Doorman denies the token.
    private var denied: [Token: Int] = [:]
    /// The tokens that a revocation began for.
    private var revoked: Set<Token> = []

    private var fetchesInFlight = 0
    private var fetches: [Instant] = []
    private var lastDemand: Instant?

    /// - Parameter negativeTTL: The longest time for which a rejection is cached.
    init(negativeTTL: Duration) {
        longestRejection = Limits.demandInterval + Limits.fetchTime + negativeTTL + .milliseconds(1)
    }

    mutating func report(_ text: String, at now: Instant) {
        violations.append("\(Double(now.nanoseconds - 1_000_000_000_000) / 1e9) s: \(text)")
    }

    mutating func count(_ event: String) { counts[event, default: 0] += 1 }

    /// Returns the position of a new event.
    mutating func nextPosition() -> Int {
        position += 1
        return position
    }

    // MARK: - Issuer

    mutating func published(_ id: String, at now: Instant) {
        count("published keys")
        publishedSince[id] = now
    }

    mutating func withdrew(_ id: String) {
        count("withdrawn keys")
        publishedSince[id] = nil
    }

    mutating func fetchBegan(at now: Instant) {
        count("fetches")
        fetchesInFlight += 1
        if fetchesInFlight > 1 { report("two fetches at once", at: now) }
        // Soon after a good response, only a fetch on demand can begin.
        if let heldAt, now < heldAt.advanced(by: Limits.leastPeriod) {
            if let lastDemand, now < lastDemand.advanced(by: Limits.demandInterval) {
                report("two fetches on demand within 30 s", at: now)
            }
            lastDemand = now
        }
        fetches.removeAll { $0.advanced(by: Limits.demandInterval) <= now }
        fetches.append(now)
        if fetches.count > Limits.fetchesInDemandInterval { report("\(fetches.count) fetches within 30 s", at: now) }
    }

    mutating func fetchEnded() { fetchesInFlight -= 1 }

    /// Records a good response.
    mutating func keysArrived(_ ids: [String], at now: Instant) {
        count("good responses")
        for id in held.keys where !ids.contains(id) { goneSince[id] = now }
        for id in ids { goneSince[id] = nil }
        held = Dictionary(uniqueKeysWithValues: ids.map { ($0, held[$0] ?? now) })
        heldAt = now
    }

    // MARK: - Calls

    mutating func began(_ issued: IssuedToken, at now: Instant, deadline: Deadline) -> Call {
        openCalls += 1
        if firstNamed[issued.keyID] == nil { firstNamed[issued.keyID] = now }
        return Call(issued: issued, began: now, deadline: deadline, position: nextPosition())
    }

    mutating func revocationBegan(_ issued: IssuedToken, at now: Instant) {
        revoked.insert(issued.token)
        if firstNamed[issued.keyID] == nil { firstNamed[issued.keyID] = now }
    }

    mutating func revocationEnded(_ issued: IssuedToken, isDenied: Bool) {
        count(isDenied ? "denied tokens" : "revocations of invalid tokens")
        if isDenied { denied[issued.token] = nextPosition() }
    }

    /// Checks a verdict of the verifier itself, before the cache sees it.
    mutating func checkVerifier(_ verdict: Verdict, at now: Instant, wallTime: Timestamp) {
        guard case .valid(let identity) = verdict else { return }
        if identity.expiresAt.map({ wallTime >= $0 }) ?? true { report("the verifier accepts an expired token", at: now) }
    }

    mutating func check(_ outcome: Result<Verdict, VerificationError>, of call: Call, now: Instant, wallTime: Timestamp) {
        openCalls -= 1
        if now > call.deadline.instant { report("a result after the deadline", at: now) }
        switch outcome {
        case .success(.valid(let identity)): check(identity, of: call, now: now, wallTime: wallTime)
        case .success(.rejected(let rejection)):
            count("rejected")
            if rejection.reason != .tokenRejected { report("rejected as \(rejection.reason)", at: now) }
            if isGenuine(call, now: now, wallTime: wallTime) {
                report("a genuine token is rejected: \(rejection.message)", at: now)
            }
        case .success(.forbidden): report("a forbidden call that requires no scope", at: now)
        case .failure(let error): check(error, of: call, now: now, wallTime: wallTime)
        }
    }

    private mutating func check(_ identity: Identity, of call: Call, now: Instant, wallTime: Timestamp) {
        let issued = call.issued
        count("\(identity.freshness)")
        if issued.isForged { report("OK for a forged token", at: now) }
        if wallTime >= issued.expiry { report("OK past the token's end", at: now) }
        if let position = denied[issued.token], position < call.position { report("OK after a revocation", at: now) }
        if let gone = goneSince[issued.keyID], gone < call.began {
            report("OK for a token of a withdrawn key (\(identity.freshness))", at: now)
        }
        // A lookup that began when the keys were young enough ends within its time.
        let age = heldAt.map { $0.duration(to: now) } ?? .seconds(1_000_000)
        if identity.freshness == .fresh, age > Limits.maximumAge + Limits.fetchTime {
            report("OK with keys that are too old", at: now)
        }
    }

    private mutating func check(_ error: VerificationError, of call: Call, now: Instant, wallTime: Timestamp) {
        count("\(error.code)")
        switch error.code {
        // The verifier may pause for longer than the call waits.
        case .deadlineExceeded where now >= call.deadline.instant: return
        case .providerUnavailable: break
        default: report("an error without a cause: \(error.code)", at: now)
        }
        // The key has been here since before the call, so nothing keeps the call from its verdict.
        guard let since = held[call.issued.keyID], since < call.began, let heldAt else { return }
        if now < heldAt.advanced(by: Limits.maximumAge), !call.issued.isForged {
            report("\(error.code) for a token of a known key", at: now)
        }
    }

    /// Returns whether nothing that the issuer, a clock or a revocation says justifies a rejection.
    ///
    /// A key that is published after a token has named it may be remembered as unknown for a stated time.
    private func isGenuine(_ call: Call, now: Instant, wallTime: Timestamp) -> Bool {
        let issued = call.issued
        guard !issued.isForged, wallTime < issued.expiry, !revoked.contains(issued.token),
            let since = publishedSince[issued.keyID], since < call.began
        else { return false }
        return firstNamed[issued.keyID].map { $0 > since } ?? true || now > since.advanced(by: longestRejection)
    }

    /// Checks the verdict about a token long after the issuer's last failure.
    mutating func checkRecovery(_ outcome: Result<Verdict, VerificationError>, of call: Call, now: Instant, wallTime: Timestamp) {
        let isGood =
            !call.issued.isForged && wallTime < call.issued.expiry && !revoked.contains(call.issued.token)
            && publishedSince[call.issued.keyID] != nil
        if isGood {
            if case .success(.valid) = outcome {
                count("recovered")
            } else {
                report("a genuine token does not recover: \(outcome)", at: now)
            }
        }
        check(outcome, of: call, now: now, wallTime: wallTime)
    }
}
