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
        /// The time until which the provider calls a revoked token valid.
        var isValidUntil: Instant?
    }

    /// A verdict of the provider about a token.
    struct Statement: Sendable {
        let token: Token
        /// The application as which the token was verified.
        let application: String
        /// The application that the calls named which waited for the verdict.
        let named: String?
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
    /// The end of each token's last revocation that was carried out, or may have been. Verdicts that were requested before are not used.
    private var forgotten: [Token: Instant] = [:]
    /// The time until which Doorman may reject each token because of a revocation.
    private var deniedUntil: [Token: Instant] = [:]
    /// The subjects of revocations that have not ended.
    private var openRevocations: [Int: RevocationRequest] = [:]
    private var revocationCount = 0
    private var callsInFlight: [(application: String, token: Token?, began: Instant)] = []
    private var allowances: [String: Allowance] = [:]
    /// The time of the last odd response about each token as each application, unless a verdict followed it.
    private var oddResponses: [Token: [String: Instant]] = [:]
    /// The time of the last response about each token that says that our settings are wrong.
    private var misconfigured: [Token: Instant] = [:]
    private let limits: SimulatedSettings
    private let start: Instant

    /// What the provider allows an application.
    private struct Allowance {
        var permits: Double
        var permitsAt: Instant
        var blockedUntil = Instant(nanoseconds: 0)
        /// The time of the provider's last throttling. A call that begins in the same instant may not know of it.
        var blockedAt = Instant(nanoseconds: 0)
    }

    init(limits: SimulatedSettings, now: Instant) {
        self.limits = limits
        start = now
    }

    private func allowance(of application: String) -> Allowance {
        allowances[application] ?? Allowance(permits: Double(limits.governor.callsBurst), permitsAt: start)
    }

    mutating func report(_ text: String, at now: Instant) {
        violations.append("\(Double(now.nanoseconds - 1_000_000_000_000) / 1e9) s: \(text)")
    }

    mutating func count(_ event: String) {
        counts[event, default: 0] += 1
    }

    // MARK: - Provider

    mutating func providerCallBegan(_ application: String, _ token: Token?, now: Instant) {
        count("provider calls")
        var allowance = allowance(of: application)
        let refill = Double(limits.governor.callsPerSecond) * Double(now.nanoseconds - allowance.permitsAt.nanoseconds) / 1e9
        allowance.permits = min(Double(limits.governor.callsBurst), allowance.permits + refill) - 1
        allowance.permitsAt = now
        allowances[application] = allowance
        if allowance.permits < -0.001 { report("provider requests exceed the rate limit", at: now) }
        if now < allowance.blockedUntil, now > allowance.blockedAt {
            report("a provider request during the throttle back-off", at: now)
        }
        if callsInFlight.filter({ $0.application == application }).count >= limits.governor.concurrentCalls {
            report("too many provider requests at once", at: now)
        }
        // Calls that name an application share no lookup with others: two applications, or none.
        if token != nil, callsInFlight.filter({ $0.token == token }).count >= 3 {
            report("two lookups in flight for one token and application", at: now)
        }
        if let token, let failed = oddResponses[token]?[application], failed < now,
            now < failed.advanced(by: .seconds(1))
        {
            report("a provider request right after an odd response about its token", at: now)
        }
        callsInFlight.append((application, token, now))
    }

    /// - Parameters:
    ///   - token: The token that was verified; `nil` after a request of another kind.
    ///   - began: The time of the request.
    mutating func providerResponseOdd(
        _ meaning: OddResponse.Meaning, _ application: String, _ token: Token?, began: Instant, now: Instant
    ) {
        count("odd responses: \(meaning)")
        switch meaning {
        case .oddRequest: if let token { oddResponses[token, default: [:]][application] = now }
        case .misconfigured: if let token { misconfigured[token] = now }
        case .throttled: providerThrottled(application, began, retryAfter: nil, now: now)
        case .providerFails: break
        }
    }

    mutating func providerCallEnded(_ application: String, _ token: Token?, began: Instant) {
        let index = callsInFlight.firstIndex { $0.application == application && $0.token == token && $0.began == began }
        guard let index else { preconditionFailure("a provider call ended that never began") }
        callsInFlight.remove(at: index)
    }

    mutating func providerSaid(_ statement: Statement) {
        oddResponses[statement.token]?[statement.application] = nil
        statements[statement.token, default: []].append(statement)
    }

    mutating func providerThrottled(_ application: String, _ began: Instant, retryAfter: Duration?, now: Instant) {
        let settings = limits.governor
        var allowance = allowance(of: application)
        if let retryAfter, retryAfter > .zero {
            allowance.blockedUntil = max(
                allowance.blockedUntil, now.advanced(by: min(retryAfter, settings.maximumThrottleBackOff)))
        } else if began > allowance.blockedAt, now >= allowance.blockedUntil {
            // A call from before the last throttling says nothing new.
            allowance.blockedUntil = now.advanced(by: min(settings.throttleBackOff, settings.maximumThrottleBackOff))
        }
        allowance.blockedAt = now
        allowances[application] = allowance
    }

    // MARK: - Revocations

    /// Records that a revocation began.
    ///
    /// - Returns: The revocation's number.
    mutating func revocationBegan(_ request: RevocationRequest) -> Int {
        revocationCount += 1
        openRevocations[revocationCount] = request
        return revocationCount
    }

    mutating func revocationEnded(_ number: Int, _ error: VerificationError?, now: Instant, wallTime: Timestamp) {
        guard let request = openRevocations.removeValue(forKey: number) else {
            preconditionFailure("a revocation ended that never began")
        }
        if let error { count("revocations failed: \(error.code)") } else { count("revocations") }
        // Only an answer of the provider says that nothing was revoked.
        let isCarriedOut =
            switch error?.code {
            case nil, .providerBusy, .deadlineExceeded, .storeUnavailable: true
            case .providerUnavailable: error?.scope != .credential
            default: false
            }
        guard isCarriedOut else { return }
        for token in facts.keys where request.concerns(token, facts[token]) {
            forgotten[token] = now
            deniedUntil[token] = now.advanced(by: limits.longestDenial)
        }
        if case .token(let token) = request.subject { deniedUntil[token] = now.advanced(by: limits.longestDenial) }
        guard error == nil else { return }
        if case .token(let token) = request.subject, let fact = facts[token], fact.revokedAt == nil,
            fact.expiry.map({ wallTime < $0 }) ?? true
        {
            report("a revocation succeeds that the provider has not carried out", at: now)
        }
        // Tokens from log-ins after the provider's revocation are not affected.
        for (token, fact) in facts where fact.revokedAt != nil && acknowledged[token] == nil && request.concerns(token, fact) {
            acknowledged[token] = now
        }
    }

    private func isDenied(_ token: Token, at now: Instant) -> Bool {
        deniedUntil[token].map { now <= $0 } == true || openRevocations.values.contains { $0.concerns(token, facts[token]) }
    }
}

extension RevocationRequest {
    fileprivate func concerns(_ token: Token, _ fact: Ledger.Fact?) -> Bool {
        switch subject {
        case .token(let revoked): revoked == token
        case .account(let account): account == fact?.account && applicationID == fact?.application
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
        case .success(.forbidden): report("a forbidden call that requires no scope", at: now)
        case .failure(let error): check(error, of: call, now: now)
        }
    }

    /// Checks the verdict about a token long after the last outage: it must be the truth.
    mutating func checkRecovery(
        of token: Token, _ outcome: Result<Verdict, VerificationError>, now: Instant, wallTime: Timestamp
    ) {
        let isOurs = facts[token].map { Simulation.applications.contains($0.application) } ?? true
        let isGood = isOurs && facts[token].map { $0.revokedAt == nil && ($0.expiry.map { wallTime < $0 } ?? true) } ?? false
        switch outcome {
        case .success(.valid) where isGood, .success(.rejected) where !isGood: count("recovered")
        case .success(.forbidden): report("a forbidden call that requires no scope", at: now)
        case .success(.rejected): report("a good token is rejected long after the last outage", at: now)
        // A third party may have revoked the token within its TTL.
        case .success(.valid): break
        // Whether a token belongs to another application is checked once in 5 s.
        case .failure where !isOurs: break
        case .failure(let error): report("a token is \(error.code) long after the last outage: \(error.message)", at: now)
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
        // A later rejection that the provider gave before the call began must replace the entry. After an error of the token's own
        // application, the rejection by another is not believed, nor is it an answer to a call that names another. Of two lookups the
        // later one counts, and the requests of the earlier one may have waited.
        let isRejectionKnown = statements[token, default: []].contains { later in
            if case .rejected(let rejection) = later.verdict, rejection.reason == .tokenRejected,
                later.application == fact.application, later.named == nil || later.named == fact.application
            {
                later.requested > source.returned.advanced(by: limits.cache.lookupTimeout) && later.returned < call.began
            } else {
                false
            }
        }
        if isRejectionKnown { report("OK although the provider's rejection was known", at: now) }
        if let maxAge = call.request.maxAge, source.evaluated.duration(to: call.began) > maxAge {
            report("OK older than the call's max_age", at: now)
        }
    }

    /// A token is rejected only if the provider, the call or a revocation says so.
    private mutating func check(_ rejection: Rejection, of call: Call, now: Instant, wallTime: Timestamp) {
        count("\(rejection.reason)")
        let token = call.request.token
        let fact = facts[token]
        switch rejection.reason {
        case .wrongApplication:
            if call.request.applicationID == nil || fact?.application == call.request.applicationID {
                report("WRONG_APPLICATION for the right application", at: now)
            }
        case .wrongProvider: report("WRONG_PROVIDER for a call that names none", at: now)
        case .proofRejected:
            if fact.map({ Simulation.applications.contains($0.application) }) ?? true {
                report("PROOF_REJECTED for a token of our own application", at: now)
            }
        case .tokenRejected:
            let isExpired = fact?.expiry.map { wallTime >= $0 } == true
            if !isExpired, !isDenied(token, at: now), !hasRejected(token, for: call, now: now) {
                report("a rejection without a verdict of the provider", at: now)
            }
        case .malformedToken:
            report("a rejection because of the syntax", at: now)
        }
    }

    /// Returns whether the provider rejected the token for a call that names the same application, recently enough.
    private func hasRejected(_ token: Token, for call: Call, now: Instant) -> Bool {
        let longest = limits.cache.negativeTTL * (1 + limits.cache.jitter) + .milliseconds(1)
        return statements[token, default: []].contains { statement in
            guard case .rejected(let said) = statement.verdict, said.reason == .tokenRejected else { return false }
            let named = call.request.applicationID
            guard named == nil || named == statement.application || facts[token]?.application == statement.application else {
                return false
            }
            return statement.returned >= call.began || statement.returned.duration(to: now) <= longest
        }
    }

    private mutating func check(_ error: VerificationError, of call: Call, now: Instant) {
        count("\(error.code)")
        switch error.code {
        case .deadlineExceeded:
            if now < call.deadline.instant, call.cancelled == nil { report("DEADLINE_EXCEEDED before the deadline", at: now) }
        case .providerUnavailable, .providerBusy:
            break
        case .providerMisconfigured:
            // A token of another application needs a check of the secret, which may fail.
            let application = facts[call.request.token]?.application
            let isOurs = application.map { Simulation.applications.contains($0) } ?? true
            let isAnothers = call.request.applicationID.map { $0 != application } ?? false
            // The lookup may have begun before the call.
            let isSaid =
                misconfigured[call.request.token].map { call.began <= $0.advanced(by: limits.cache.lookupTimeout) } ?? false
            if isOurs, !isAnothers, !isSaid, counts["changed secrets", default: 0] == 0 {
                report("PROVIDER_MISCONFIGURED with the right secrets", at: now)
            }
        case .storeUnavailable, .tooManyDenials, .unsupported, .invalidRequest, .internal:
            report("an error without a cause: \(error.code)", at: now)
        }
    }
}
