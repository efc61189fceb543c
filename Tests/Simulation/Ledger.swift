internal import DoormanCore
internal import DoormanSupport

/// All that happened in one simulated history, and what must never be true of it. It knows what the provider knows and what it
/// said, and nothing of how a cache or a governor works.
struct Ledger: Sendable {
    /// What is true of a token at the provider.
    struct Fact: Sendable {
        let account: String
        let application: String
        let expiry: Timestamp?
        var revokedAt: Instant?
    }

    /// What the provider said of a token, once.
    struct Statement: Sendable {
        let token: Token
        let asked: Instant
        let evaluated: Instant
        let returned: Instant
        let verdict: Verdict
    }

    /// A call as its caller knows it.
    struct Call: Sendable {
        let request: VerificationRequest
        let began: Instant
        let deadline: Deadline
        var cancelled: Instant?
    }

    var facts: [Token: Fact] = [:]
    private(set) var statements: [Token: [Statement]] = [:]
    private(set) var violations: [String] = []
    private(set) var counts: [String: Int] = [:]
    var openCalls = 0
    /// Since when Doorman has said that a token is revoked.
    private var acknowledged: [Token: Instant] = [:]
    /// When the last revocation of a token ended, whether or not it could be done: what was asked before is forgotten.
    private var forgotten: [Token: Instant] = [:]
    /// When Doorman was told to revoke something, and when it said that this was over.
    private var revocations: [(began: Instant, ended: Instant?)] = []
    private var callsUnderWay: [(token: Token?, began: Instant)] = []
    private var shares: Double
    private var sharesAt: Instant
    private var blockedUntil = Instant(nanoseconds: 0)
    /// When the provider said so. A call that begins in the same instant may not have heard of it.
    private var blockedAt = Instant(nanoseconds: 0)
    private let limits: SimulatedSettings

    init(limits: SimulatedSettings, now: Instant) {
        self.limits = limits
        shares = Double(limits.governor.callsBurst)
        sharesAt = now
    }

    mutating func report(_ text: String, at now: Instant) {
        violations.append("\(Double(now.nanoseconds - 1_000_000_000_000) / 1e9) s: \(text)")
    }

    mutating func count(_ what: String) {
        counts[what, default: 0] += 1
    }

    // MARK: - At the provider

    mutating func providerCallBegan(_ token: Token?, now: Instant) {
        count("provider calls")
        let share = Double(limits.governor.callsPerSecond) * Double(now.nanoseconds - sharesAt.nanoseconds) / 1e9
        shares = min(Double(limits.governor.callsBurst), shares + share) - 1
        sharesAt = now
        if shares < -0.001 { report("the provider is asked more often than its budget allows", at: now) }
        if now < blockedUntil, now > blockedAt { report("the provider is asked while it throttles us", at: now) }
        if callsUnderWay.count >= limits.governor.concurrentCalls { report("too many calls to the provider at once", at: now) }
        // A flight may have waited for its turn for as long as it may take, and have been detached meanwhile.
        let earliest = now.advanced(by: .zero - limits.cache.lookupTimeout)
        let others = callsUnderWay.filter { token != nil && $0.token == token }
        if others.count > revocations.filter({ $0.ended ?? now >= earliest }).count {
            report("two flights for one token", at: now)
        }
        callsUnderWay.append((token, now))
    }

    mutating func providerCallEnded(_ token: Token?, began: Instant) {
        guard let index = callsUnderWay.firstIndex(where: { $0.token == token && $0.began == began }) else {
            preconditionFailure("a call that ends has begun")
        }
        callsUnderWay.remove(at: index)
    }

    mutating func providerSaid(_ statement: Statement) {
        statements[statement.token, default: []].append(statement)
    }

    mutating func providerThrottled(_ began: Instant, retryAfter: Duration?, now: Instant) {
        let settings = limits.governor
        defer { blockedAt = now }
        if let retryAfter, retryAfter > .zero {
            blockedUntil = max(blockedUntil, now.advanced(by: min(retryAfter, settings.maximumThrottleBackOff)))
        } else if began > blockedAt, now >= blockedUntil {
            // One that was under way when the last was throttled tells nothing new.
            blockedUntil = now.advanced(by: min(settings.throttleBackOff, settings.maximumThrottleBackOff))
        }
    }

    // MARK: - Revocations

    /// Doorman was told to revoke. At some time until it says that this is over, calls stop joining the flights in the air: new
    /// ones are no second ones.
    ///
    /// - Returns: The revocation's number.
    mutating func revocationBegan(now: Instant) -> Int {
        revocations.append((now, nil))
        return revocations.count - 1
    }

    mutating func revocationEnded(
        _ number: Int, _ subject: RevocationRequest.Subject, isAcknowledged: Bool, now: Instant
    ) {
        revocations[number].ended = now
        for (token, fact) in facts {
            switch subject {
            case .token(let revoked) where revoked == token: forgotten[token] = now
            case .account(let account) where account == fact.account: forgotten[token] = now
            default: break
            }
        }
        guard isAcknowledged else { return }
        count("revocations")
        // Those who logged in after the provider had done it are not concerned.
        for (token, fact) in facts where fact.revokedAt != nil && acknowledged[token] == nil {
            switch subject {
            case .token(let revoked) where revoked == token: acknowledged[token] = now
            case .account(let account) where account == fact.account: acknowledged[token] = now
            default: break
            }
        }
    }
}

// MARK: - What callers are told

extension Ledger {
    mutating func check(_ outcome: Result<Verdict, VerificationError>, of call: Call, now: Instant, wallTime: Timestamp) {
        openCalls -= 1
        if now > call.deadline.instant { report("an answer after its deadline", at: now) }
        if let cancelled = call.cancelled, now > cancelled { report("a cancelled call that lingers", at: now) }
        switch outcome {
        case .success(.valid(let identity)): check(identity, of: call, now: now, wallTime: wallTime)
        case .success(.rejected(let rejection)): check(rejection, of: call, now: now, wallTime: wallTime)
        case .failure(let error): check(error, of: call, now: now)
        }
    }

    /// Long after the last trouble, a token must be judged, and by what is true.
    mutating func checkRecovery(of token: Token, _ verdict: Verdict?, now: Instant, wallTime: Timestamp) {
        let isGood = facts[token].map { $0.revokedAt == nil && ($0.expiry.map { wallTime < $0 } ?? true) } ?? false
        switch verdict {
        case .valid where isGood, .rejected where !isGood: count("recovered")
        case .rejected: report("a good token is refused long after the last trouble", at: now)
        // Somebody else may have revoked it within its time to live.
        case .valid: break
        case nil: report("a token can't be judged long after the last trouble", at: now)
        }
    }

    private mutating func check(_ identity: Identity, of call: Call, now: Instant, wallTime: Timestamp) {
        count("\(identity.freshness)")
        let token = call.request.token
        guard let fact = facts[token], fact.account == identity.accountID, fact.application == identity.applicationID else {
            return report("OK for somebody else's token", at: now)
        }
        if let wanted = call.request.applicationID, wanted != fact.application { report("OK to the wrong audience", at: now) }
        if let expiry = fact.expiry, wallTime >= expiry { report("OK after the provider's expiry", at: now) }
        if let revoked = acknowledged[token], revoked < call.began { report("OK after a revocation was acknowledged", at: now) }
        if identity.freshness != .fresh, identity.validUntil.advanced(by: .milliseconds(2)) < wallTime {
            report("OK that says it is not valid any more", at: now)
        }
        let source = statements[token, default: []].last { statement in
            if case .valid(let said) = statement.verdict { said.verifiedAt == identity.verifiedAt } else { false }
        }
        guard let source else { return report("OK that the provider never said", at: now) }
        if let ended = forgotten[token], ended < call.began, source.asked < ended {
            report("an answer that was asked for before a revocation ended", at: now)
        }
        let age = source.returned.duration(to: now)
        let longest = limits.cache.ttl * (1 + limits.cache.jitter) + .milliseconds(1)
        switch identity.freshness {
        case .fresh where source.returned < call.began: report("an old answer that calls itself fresh", at: now)
        case .cached where age > longest: report("OK past its time", at: now)
        case .stale where age > longest + limits.cache.staleIfError: report("OK past the time of what is stale", at: now)
        case .stale where limits.cache.staleIfError == .zero: report("a stale answer where none is allowed", at: now)
        default: break
        }
        // An answer within its time is never kept from a caller by a later refusal that the provider gave before the call.
        let refusal = statements[token, default: []].contains { later in
            if case .rejected(let rejection) = later.verdict, rejection.reason == .tokenRejected {
                later.asked > source.returned && later.returned < call.began
            } else {
                false
            }
        }
        if refusal { report("OK after the provider's refusal was known", at: now) }
        if let maxAge = call.request.maxAge, source.evaluated.duration(to: call.began) > maxAge {
            report("an answer older than the call allows", at: now)
        }
    }

    private mutating func check(_ rejection: Rejection, of call: Call, now: Instant, wallTime: Timestamp) {
        count("\(rejection.reason)")
        let token = call.request.token
        let fact = facts[token]
        let said = statements[token, default: []].contains { statement in
            guard case .rejected(let said) = statement.verdict, said.reason == rejection.reason else { return false }
            let isFresh = statement.returned >= call.began
            let longest = said.isCacheable ? limits.cache.negativeTTL * (1 + limits.cache.jitter) + .milliseconds(1) : .zero
            return isFresh || statement.returned.duration(to: now) <= longest
        }
        switch rejection.reason {
        case .wrongApplication
        where fact.map { call.request.applicationID != nil && $0.application != call.request.applicationID } == true:
            break
        case .tokenRejected where fact?.expiry.map { wallTime >= $0 } == true:
            break
        default:
            if !said { report("a refusal (\(rejection.reason)) that the provider did not give", at: now) }
        }
    }

    private mutating func check(_ error: VerificationError, of call: Call, now: Instant) {
        count("\(error.code)")
        switch error.code {
        case .deadlineExceeded:
            if now < call.deadline.instant, call.cancelled == nil { report("a deadline that had not passed", at: now) }
        case .providerUnavailable, .providerBusy:
            break
        case .providerMisconfigured, .unsupported, .invalidRequest, .internal:
            report("an error that nobody caused: \(error.code)", at: now)
        }
    }
}
