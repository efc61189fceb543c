internal import DoormanCore
internal import DoormanSupport

/// The record of one simulated history, and the invariants that it must keep. It knows the facts and responses of the provider, and
/// nothing about how cache or governor work.
struct Ledger: Sendable {
    /// The truth about a token at the provider.
    struct Fact: Sendable {
        let account: String
        let application: String
        let expiry: Timestamp?
        var revokedAt: Instant?
    }

    /// A verdict of the provider about a token.
    struct Statement: Sendable {
        let token: Token
        let requested: Instant
        let evaluated: Instant
        let returned: Instant
        let verdict: Verdict
    }

    /// A call from its caller's view.
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
    /// The time at which Doorman acknowledged the revocation of each token.
    private var acknowledged: [Token: Instant] = [:]
    /// The end of each token's last revocation, successful or not. Verdicts that were requested before are forgotten.
    private var forgotten: [Token: Instant] = [:]
    /// The begin and end of each revocation.
    private var revocations: [(began: Instant, ended: Instant?)] = []
    private var callsInFlight: [(token: Token?, began: Instant)] = []
    private var permits: Double
    private var permitsAt: Instant
    private var blockedUntil = Instant(nanoseconds: 0)
    /// The time of the provider's last throttling. A call that begins in the same instant may not know of it.
    private var blockedAt = Instant(nanoseconds: 0)
    private let limits: SimulatedSettings

    init(limits: SimulatedSettings, now: Instant) {
        self.limits = limits
        permits = Double(limits.governor.callsBurst)
        permitsAt = now
    }

    mutating func report(_ text: String, at now: Instant) {
        violations.append("\(Double(now.nanoseconds - 1_000_000_000_000) / 1e9) s: \(text)")
    }

    mutating func count(_ event: String) {
        counts[event, default: 0] += 1
    }

    // MARK: - Provider

    mutating func providerCallBegan(_ token: Token?, now: Instant) {
        count("provider calls")
        let refill = Double(limits.governor.callsPerSecond) * Double(now.nanoseconds - permitsAt.nanoseconds) / 1e9
        permits = min(Double(limits.governor.callsBurst), permits + refill) - 1
        permitsAt = now
        if permits < -0.001 { report("provider requests exceed the rate limit", at: now) }
        if now < blockedUntil, now > blockedAt { report("a provider request during the throttle back-off", at: now) }
        if callsInFlight.count >= limits.governor.concurrentCalls { report("too many provider requests at once", at: now) }
        // A lookup may have waited for up to its timeout, and a revocation may have detached it meanwhile.
        let earliest = now.advanced(by: .zero - limits.cache.lookupTimeout)
        let others = callsInFlight.filter { token != nil && $0.token == token }
        if others.count > revocations.filter({ $0.ended ?? now >= earliest }).count {
            report("two lookups in flight for one token", at: now)
        }
        callsInFlight.append((token, now))
    }

    mutating func providerCallEnded(_ token: Token?, began: Instant) {
        guard let index = callsInFlight.firstIndex(where: { $0.token == token && $0.began == began }) else {
            preconditionFailure("a provider call ended that never began")
        }
        callsInFlight.remove(at: index)
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
            // A call from before the last throttling says nothing new.
            blockedUntil = now.advanced(by: min(settings.throttleBackOff, settings.maximumThrottleBackOff))
        }
    }

    // MARK: - Revocations

    /// Records that a revocation began. Until it ends, calls stop joining lookups in flight, so that a second lookup for a token is
    /// allowed.
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
        // Tokens from log-ins after the provider's revocation are not affected.
        for (token, fact) in facts where fact.revokedAt != nil && acknowledged[token] == nil {
            switch subject {
            case .token(let revoked) where revoked == token: acknowledged[token] = now
            case .account(let account) where account == fact.account: acknowledged[token] = now
            default: break
            }
        }
    }
}

// MARK: - Results of calls

extension Ledger {
    mutating func check(_ outcome: Result<Verdict, VerificationError>, of call: Call, now: Instant, wallTime: Timestamp) {
        openCalls -= 1
        if now > call.deadline.instant { report("a result after the deadline", at: now) }
        if let cancelled = call.cancelled, now > cancelled { report("a cancelled call that does not end", at: now) }
        switch outcome {
        case .success(.valid(let identity)): check(identity, of: call, now: now, wallTime: wallTime)
        case .success(.rejected(let rejection)): check(rejection, of: call, now: now, wallTime: wallTime)
        case .failure(let error): check(error, of: call, now: now)
        }
    }

    /// Checks the verdict about a token long after the last outage: it must be the truth.
    mutating func checkRecovery(of token: Token, _ verdict: Verdict?, now: Instant, wallTime: Timestamp) {
        let isGood = facts[token].map { $0.revokedAt == nil && ($0.expiry.map { wallTime < $0 } ?? true) } ?? false
        switch verdict {
        case .valid where isGood, .rejected where !isGood: count("recovered")
        case .rejected: report("a good token is rejected long after the last outage", at: now)
        // A third party may have revoked the token within its TTL.
        case .valid: break
        case nil: report("a token gets no verdict long after the last outage", at: now)
        }
    }

    private mutating func check(_ identity: Identity, of call: Call, now: Instant, wallTime: Timestamp) {
        count("\(identity.freshness)")
        let token = call.request.token
        guard let fact = facts[token], fact.account == identity.accountID, fact.application == identity.applicationID else {
            return report("OK for another account's token", at: now)
        }
        if let wanted = call.request.applicationID, wanted != fact.application { report("OK to the wrong application", at: now) }
        if let expiry = fact.expiry, wallTime >= expiry { report("OK after the provider's expiry", at: now) }
        if let revoked = acknowledged[token], revoked < call.began { report("OK after a revocation was acknowledged", at: now) }
        if identity.freshness != .fresh, identity.validUntil.advanced(by: .milliseconds(2)) < wallTime {
            report("OK after the end of its own validity", at: now)
        }
        let source = statements[token, default: []].last { statement in
            if case .valid(let said) = statement.verdict { said.verifiedAt == identity.verifiedAt } else { false }
        }
        guard let source else { return report("OK without a verdict of the provider", at: now) }
        if let ended = forgotten[token], ended < call.began, source.requested < ended {
            report("OK from a request sent before a revocation ended", at: now)
        }
        let age = source.returned.duration(to: now)
        let longest = limits.cache.ttl * (1 + limits.cache.jitter) + .milliseconds(1)
        switch identity.freshness {
        case .fresh where source.returned < call.began: report("a cached entry marked fresh", at: now)
        case .cached where age > longest: report("OK after the TTL", at: now)
        case .stale where age > longest + limits.cache.staleIfError: report("OK after the stale-if-error time", at: now)
        case .stale where limits.cache.staleIfError == .zero: report("a stale entry without stale-if-error", at: now)
        default: break
        }
        // A later rejection that the provider gave before the call began must replace the entry.
        let isRejectionKnown = statements[token, default: []].contains { later in
            if case .rejected(let rejection) = later.verdict, rejection.reason == .tokenRejected {
                later.requested > source.returned && later.returned < call.began
            } else {
                false
            }
        }
        if isRejectionKnown { report("OK although the provider's rejection was known", at: now) }
        if let maxAge = call.request.maxAge, source.evaluated.duration(to: call.began) > maxAge {
            report("OK older than the call's max_age", at: now)
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
            if !said { report("a rejection (\(rejection.reason)) without a verdict of the provider", at: now) }
        }
    }

    private mutating func check(_ error: VerificationError, of call: Call, now: Instant) {
        count("\(error.code)")
        switch error.code {
        case .deadlineExceeded:
            if now < call.deadline.instant, call.cancelled == nil { report("DEADLINE_EXCEEDED before the deadline", at: now) }
        case .providerUnavailable, .providerBusy:
            break
        case .providerMisconfigured, .unsupported, .invalidRequest, .internal:
            report("an error without a cause: \(error.code)", at: now)
        }
    }
}
