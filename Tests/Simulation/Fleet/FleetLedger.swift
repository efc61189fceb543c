internal import DoormanCache
internal import DoormanCore
internal import DoormanFleet
internal import DoormanSupport

/// The truth of a simulated fleet, and the invariants that every answer of a node must keep.
struct FleetLedger: Sendable {
    static let offlineProvider = "jwt"
    static let onlineProvider = "online"

    struct Fact: Sendable {
        let account: String
        let isOffline: Bool
        let end: Timestamp
        /// The time of the first attempt to revoke the token or its account.
        var attemptedAt: Instant?
        var revokedAt: Instant?
    }

    /// A provider request with its verdict. The identity carries its number.
    struct Statement: Sendable {
        let token: Token
        let sent: Instant
    }

    /// A revocation that was acknowledged to its caller.
    struct Acknowledgement: Sendable {
        let tokens: Set<Token>
        let at: Instant
        let author: Int
        let position: RevocationPosition
        /// Whether store and author were lost together, which no fleet survives.
        var isExcused = false
        /// The nodes that knew it at the last loss of the store.
        var holders: Set<Int> = []
    }

    /// A call that has been answered.
    struct Call: Sendable {
        let token: Token
        let node: Int
        let began: Instant
        let notBefore: RevocationPosition?
        /// Whether the node had said when the call began that it had applied each acknowledged revocation, by index.
        let applied: Set<Int>
        /// Whether the node's gate was open when the call ended.
        var isGateOpen = true
    }

    let bound: Duration
    /// Whether revocations are acknowledged once all nodes have applied them.
    let waitsForFleet: Bool
    let longestServing: Duration
    let lookupTimeout: Duration
    /// Whether nothing fails in this history, so that each token costs one request.
    let isCalm: Bool
    let shortestLifetime: Duration

    var facts: [Token: Fact] = [:]
    private(set) var statements: [Statement] = []
    private(set) var acknowledgements: [Acknowledgement] = []
    private(set) var violations: [String] = []
    private(set) var counts: [String: Int] = [:]
    private var lastRequests: [Token: Instant] = [:]
    private var accountDenials: [String: Instant] = [:]
    private var providerTroubleUntil = Instant(nanoseconds: 0)
    private var isProviderDown = false
    private var lastLoss: Instant?
    /// The time from which the store has answered all commands; `nil` while it hangs, is down or refuses to write.
    private var storeWellSince: Instant? = Instant(nanoseconds: 0)
    private var unreachable: Set<Int> = []
    var openCalls = 0

    init(_ cache: CacheSettings, _ settings: FleetSettings, callTimeout: Duration, isCalm: Bool) {
        bound = settings.revocationBound
        waitsForFleet = settings.acknowledgement == .fleet
        longestServing = cache.longestServingTime + callTimeout + .seconds(2)
        lookupTimeout = cache.lookupTimeout
        shortestLifetime = cache.ttl * (1 - cache.jitter) - .seconds(2)
        self.isCalm = isCalm
    }

    mutating func count(_ event: String) { counts[event, default: 0] += 1 }

    mutating func report(_ text: String, at now: Instant) {
        violations.append("\(Double(now.nanoseconds - 1_000_000_000_000) / 1e9) s: \(text)")
    }

    // MARK: - Provider

    mutating func noteProvider(isDown: Bool, now: Instant) {
        isProviderDown = isDown
        providerTroubleUntil = now.advanced(by: lookupTimeout * 2)
    }

    mutating func state(_ token: Token, sent: Instant, now: Instant, wallTime: Timestamp) -> Verdict {
        count("provider requests")
        guard let fact = facts[token], wallTime < fact.end, fact.isOffline || fact.revokedAt == nil else {
            return .rejected(Rejection(.tokenRejected, "unknown, expired or revoked"))
        }
        // The TTL of a token that ends soon is shorter.
        if isCalm, !fact.isOffline, fact.end > wallTime.advanced(by: .seconds(15)) {
            if let last = lastRequests[token], last.duration(to: sent) < shortestLifetime {
                report("two provider requests for one token within its TTL", at: now)
            }
            lastRequests[token] = sent
        }
        statements.append(Statement(token: token, sent: sent))
        var identity = Identity(
            accountID: fact.account, applicationID: "app", email: "\(statements.count - 1)",
            provider: fact.isOffline ? Self.offlineProvider : Self.onlineProvider, verifiedAt: wallTime)
        identity.validUntil = fact.end
        return .valid(identity)
    }

    mutating func revokeAtProvider(_ subject: RevocationRequest.Subject, now: Instant) -> RevocationOutcome {
        switch subject {
        case .token(let token):
            guard let fact = facts[token] else { return .alreadyInvalid }
            if fact.isOffline { return .deniedLocally(until: fact.end == .distantFuture ? nil : fact.end) }
            if fact.revokedAt == nil { facts[token]?.revokedAt = now }
            return .revoked
        case .account(let account):
            for token in tokens(of: account) where facts[token]?.revokedAt == nil { facts[token]?.revokedAt = now }
            return .revoked
        }
    }

    private func tokens(of account: String) -> [Token] {
        facts.filter { $0.value.account == account && !$0.value.isOffline }.map(\.key)
    }

    // MARK: - Revocations

    /// Returns the tokens that a revocation concerns.
    mutating func revocationBegan(_ subject: RevocationRequest.Subject, now: Instant) -> Set<Token> {
        count("revocations")
        let tokens: Set<Token> =
            switch subject {
            case .token(let token): [token]
            case .account(let account): Set(tokens(of: account))
            }
        if case .account(let account) = subject { accountDenials[account] = .distantFuture }
        for token in tokens where facts[token]?.attemptedAt == nil { facts[token]?.attemptedAt = now }
        return tokens
    }

    mutating func revocationEnded(_ subject: RevocationRequest.Subject, now: Instant) {
        // Other nodes may hear of it later, also of one that failed.
        if case .account(let account) = subject { accountDenials[account] = now.advanced(by: longestServing * 4) }
    }

    mutating func acknowledge(_ tokens: Set<Token>, by node: Int, _ position: RevocationPosition, now: Instant) {
        count("acknowledged revocations")
        acknowledgements.append(
            Acknowledgement(
                tokens: tokens, at: now, author: node, position: position,
                isExcused: unreachable.contains(node) && isLossRecent(now)))
    }

    // MARK: - Excuses

    /// Whether the store has lost data, and the nodes have had no time yet to repeat it.
    private func isLossRecent(_ now: Instant) -> Bool {
        guard let lastLoss else { return false }
        guard let storeWellSince else { return true }
        return max(lastLoss, storeWellSince).duration(to: now) <= bound * 2
    }

    /// The store answers all commands from now on, or no longer.
    mutating func noteStore(isWell: Bool, now: Instant) {
        guard isWell != (storeWellSince != nil) else { return }
        if !isLossRecent(now) { lastLoss = nil }
        storeWellSince = isWell ? now : nil
    }

    /// The store has lost data, or lied. Revocations whose authors are unreachable may be lost with it.
    ///
    /// - Parameter holders: Returns the reachable nodes that have applied a revocation, and can repeat it.
    mutating func noteLoss(now: Instant, holders: (RevocationPosition) -> Set<Int>) {
        count("losses of the store")
        lastLoss = now
        excuse(unreachable)
        for index in acknowledgements.indices {
            acknowledgements[index].holders = holders(acknowledgements[index].position)
            if acknowledgements[index].holders.isEmpty { acknowledgements[index].isExcused = true }
        }
    }

    /// A node was cut off or killed.
    mutating func noteUnreachable(_ node: Int, now: Instant) {
        unreachable.insert(node)
        guard isLossRecent(now) else { return }
        excuse([node])
        for index in acknowledgements.indices where acknowledgements[index].holders.remove(node) != nil {
            if acknowledgements[index].holders.isEmpty { acknowledgements[index].isExcused = true }
        }
    }

    mutating func noteReachable(_ node: Int) { unreachable.remove(node) }

    private mutating func excuse(_ nodes: Set<Int>) {
        for index in acknowledgements.indices where nodes.contains(acknowledgements[index].author) {
            acknowledgements[index].isExcused = true
        }
    }

    // MARK: - Answers

    mutating func check(_ outcome: Result<Verdict, VerificationError>, of call: Call, now: Instant, wallTime: Timestamp) {
        switch outcome {
        case .success(.valid(let identity)): check(identity, of: call, now: now, wallTime: wallTime)
        case .success(.rejected):
            count("rejected")
            guard let fact = facts[call.token] else { return }
            // The clocks of nodes differ by up to a second.
            if fact.attemptedAt == nil, wallTime.advanced(by: .seconds(1)) < fact.end {
                report("a good token is rejected", at: now)
            }
        case .success(.forbidden): report("a forbidden call that requires no scope", at: now)
        case .failure(let error): check(error, of: call, now: now)
        }
    }

    private mutating func check(_ identity: Identity, of call: Call, now: Instant, wallTime: Timestamp) {
        guard let fact = facts[call.token], fact.account == identity.accountID,
            let number = identity.email.flatMap({ Int($0) }), statements.indices.contains(number),
            statements[number].token == call.token
        else { return report("OK with an identity that no provider request returned", at: now) }
        let statement = statements[number]
        count("\(identity.freshness)")
        if statement.sent.duration(to: call.began) > longestServing { report("OK long after the TTL", at: now) }
        if wallTime.advanced(by: .zero - .seconds(2)) >= fact.end { report("OK after the token's end", at: now) }
        for (index, revocation) in acknowledgements.enumerated()
        where revocation.tokens.contains(call.token) && !revocation.isExcused {
            guard fact.isOffline || statement.sent < revocation.at else { continue }
            let late = revocation.at.duration(to: call.began)
            if late > (waitsForFleet ? .zero : bound) {
                report("OK \(late) after a revocation was acknowledged, with a bound of \(bound)", at: now)
            }
            if late > .zero, call.notBefore == revocation.position { report("OK in spite of not_before", at: now) }
            if late > .zero, call.applied.contains(index) { report("OK from a node that had applied the revocation", at: now) }
        }
    }

    private mutating func check(_ error: VerificationError, of call: Call, now: Instant) {
        count("\(error.code)")
        guard let fact = facts[call.token] else { return }
        if fact.isOffline {
            if error.code == .storeUnavailable, call.isGateOpen, call.notBefore == nil {
                report("a token is unavailable although the node is caught up", at: now)
            }
            return
        }
        let isDenied = accountDenials[fact.account].map { now < $0 } ?? false
        if !isDenied, !isProviderDown, now > providerTroubleUntil {
            report("a call fails that the provider could answer: \(error.code) \(error.message)", at: now)
        }
    }
}
