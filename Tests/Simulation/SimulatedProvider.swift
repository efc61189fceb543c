internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// A provider in a ``World``. The seed decides its latency, failures, throttling, lost responses and revocations.
///
/// It is not TestKit's `ScriptedProvider`, because it uses time and seed of the world and tells the ledger the truth.
final class SimulatedProvider: TokenProvider {
    enum Condition: Sendable, CaseIterable {
        case healthy
        /// Every call fails after its latency.
        case down
        /// Calls are carried out, but their responses get lost.
        case silent
        /// Every call is throttled.
        case throttling
        /// The provider rejects our proof, as in a failed rotation of the secret.
        case rotating
        /// The responses are malformed.
        case malformed
    }

    private let world: World
    private let ledger: NIOLockedValueBox<Ledger>
    private let condition = NIOLockedValueBox(Condition.healthy)
    private let isFast = NIOLockedValueBox(false)
    private let spentCodes = NIOLockedValueBox<Set<AuthorizationCode>>([])

    init(world: World, ledger: NIOLockedValueBox<Ledger>) {
        self.world = world
        self.ledger = ledger
    }

    /// Makes later calls take one millisecond.
    func becomeFast() {
        isFast.withLockedValue { $0 = true }
    }

    func set(_ condition: Condition) {
        self.condition.withLockedValue { $0 = condition }
    }

    func validateSyntax(of token: Token) -> Rejection? { nil }

    func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        let began = world.now
        return try await call(about: request.token, deadline: deadline) { evaluated in
            let verdict = self.truth(of: request.token, at: evaluated)
            return { returned in
                self.ledger.withLockedValue {
                    $0.providerSaid(
                        Ledger.Statement(
                            token: request.token, requested: began, evaluated: evaluated, returned: returned, verdict: verdict))
                }
                return verdict
            }
        }
    }

    func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        let began = world.now
        return try await call(about: nil, deadline: deadline) { evaluated in
            let isFirst = self.spentCodes.withLockedValue { $0.insert(request.code).inserted }
            if !isFirst { self.ledger.withLockedValue { $0.report("a code is exchanged twice", at: evaluated) } }
            let token = Token("\(String(decoding: request.code.bytes, as: UTF8.self)) token")
            let verdict = self.truth(of: token, at: evaluated)
            return { returned in
                guard case .valid(let identity) = verdict else { return .rejected(Rejection(.tokenRejected, "No such code.")) }
                self.ledger.withLockedValue {
                    $0.providerSaid(
                        Ledger.Statement(token: token, requested: began, evaluated: evaluated, returned: returned, verdict: verdict)
                    )
                }
                return .issued(token, identity)
            }
        }
    }

    func revoke(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError) {
        try await call(about: nil, deadline: deadline) { evaluated in
            self.ledger.withLockedValue { ledger in
                for (token, fact) in ledger.facts where fact.revokedAt == nil {
                    switch request.subject {
                    case .token(let revoked) where revoked == token: ledger.facts[token]?.revokedAt = evaluated
                    case .account(let account) where account == fact.account: ledger.facts[token]?.revokedAt = evaluated
                    default: break
                    }
                }
            }
            return { _ in }
        }
    }

    // MARK: - One call

    /// - Parameter work: Called when the request arrives. Returns a closure to call when the response arrives.
    private func call<Response>(
        about token: Token?, deadline: Deadline, _ work: @escaping (Instant) -> (Instant) -> Response
    ) async throws(VerificationError) -> Response {
        let began = world.now
        ledger.withLockedValue { $0.providerCallBegan(token, now: began) }
        defer { ledger.withLockedValue { $0.providerCallEnded(token, began: began) } }
        let isFast = isFast.withLockedValue { $0 }
        let (there, back) = world.draw { random in
            if isFast { return (Duration.zero, Duration.milliseconds(1)) }
            let longest: Duration = random.chance(5) ? .seconds(2) : .milliseconds(300)
            return (random.duration(.zero...longest), random.duration(.zero...longest))
        }
        try await wait(there, deadline)
        let condition = condition.withLockedValue { $0 }
        switch condition {
        case .healthy, .rotating:
            let finish = work(world.now)
            try await wait(back, deadline)
            return finish(world.now)
        case .silent:
            _ = work(world.now)
            await world.sleep(until: deadline.instant)
            throw VerificationError(.deadlineExceeded, "No response arrived.")
        case .down:
            try await wait(back, deadline)
            throw VerificationError(.providerUnavailable, "The provider is down.")
        case .malformed:
            try await wait(back, deadline)
            throw VerificationError(.providerUnavailable, "The response is malformed.", scope: .request)
        case .throttling:
            try await wait(back, deadline)
            let retryAfter: Duration? = world.draw { $0.chance(50) ? nil : $0.duration(.zero ... .seconds(5)) }
            let now = world.now
            ledger.withLockedValue { $0.providerThrottled(began, retryAfter: retryAfter, now: now) }
            throw VerificationError(.providerBusy, "The provider throttles.", retryAfter: retryAfter)
        }
    }

    private func wait(_ time: Duration, _ deadline: Deadline) async throws(VerificationError) {
        let end = world.now.advanced(by: time)
        guard end < deadline.instant else {
            await world.sleep(until: deadline.instant)
            throw VerificationError(.deadlineExceeded, "No response arrived in time.")
        }
        await world.sleep(until: end)
    }

    private func truth(of token: Token, at now: Instant) -> Verdict {
        let wallTime = world.wallTime
        guard let fact = ledger.withLockedValue({ $0.facts[token] }), fact.revokedAt == nil,
            fact.expiry.map({ wallTime < $0 }) ?? true
        else { return .rejected(Rejection(.tokenRejected, "No such token.")) }
        if condition.withLockedValue({ $0 == .rotating }) { return .rejected(Rejection(.proofRejected, "The proof is wrong.")) }
        return .valid(
            Identity(
                accountID: fact.account, applicationID: fact.application, provider: "simulated", verifiedAt: wallTime
            )
            .valid(until: fact.expiry ?? .distantFuture))
    }
}
