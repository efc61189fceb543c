internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// A provider in a ``World``: it takes its time, fails, throttles, loses answers and changes its mind, as the seed will have it.
///
/// Not TestKit's `ScriptedProvider`: it lives in the world's time, draws from the world's seed, and tells the ledger what is true.
final class SimulatedProvider: TokenProvider {
    enum Weather: Sendable, CaseIterable {
        case fine
        /// Every call fails after a moment.
        case down
        /// Calls are done, but their answers get lost.
        case silent
        /// Too much is asked.
        case throttling
        /// It finds our proof wrong, as in the middle of a badly done rotation of the secret.
        case rotating
        /// It is well, and its answers make no sense.
        case odd
    }

    private let world: World
    private let ledger: NIOLockedValueBox<Ledger>
    private let weather = NIOLockedValueBox(Weather.fine)
    private let isFast = NIOLockedValueBox(false)
    private let spentCodes = NIOLockedValueBox<Set<AuthorizationCode>>([])

    init(world: World, ledger: NIOLockedValueBox<Ledger>) {
        self.world = world
        self.ledger = ledger
    }

    /// From now on calls take a millisecond.
    func becomeFast() {
        isFast.withLockedValue { $0 = true }
    }

    func set(_ weather: Weather) {
        self.weather.withLockedValue { $0 = weather }
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
                            token: request.token, asked: began, evaluated: evaluated, returned: returned, verdict: verdict))
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
                        Ledger.Statement(token: token, asked: began, evaluated: evaluated, returned: returned, verdict: verdict))
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

    /// - Parameter work: What is done when the request arrives; returns what is done when the answer does.
    private func call<Answer>(
        about token: Token?, deadline: Deadline, _ work: @escaping (Instant) -> (Instant) -> Answer
    ) async throws(VerificationError) -> Answer {
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
        let weather = weather.withLockedValue { $0 }
        switch weather {
        case .fine, .rotating:
            let finish = work(world.now)
            try await wait(back, deadline)
            return finish(world.now)
        case .silent:
            _ = work(world.now)
            await world.sleep(until: deadline.instant)
            throw VerificationError(.deadlineExceeded, "No answer came.")
        case .down:
            try await wait(back, deadline)
            throw VerificationError(.providerUnavailable, "It is down.")
        case .odd:
            try await wait(back, deadline)
            throw VerificationError(.providerUnavailable, "It talks nonsense.", scope: .request)
        case .throttling:
            try await wait(back, deadline)
            let retryAfter: Duration? = world.draw { $0.chance(50) ? nil : $0.duration(.zero ... .seconds(5)) }
            let now = world.now
            ledger.withLockedValue { $0.providerThrottled(began, retryAfter: retryAfter, now: now) }
            throw VerificationError(.providerBusy, "Too much is asked.", retryAfter: retryAfter)
        }
    }

    private func wait(_ time: Duration, _ deadline: Deadline) async throws(VerificationError) {
        let end = world.now.advanced(by: time)
        guard end < deadline.instant else {
            await world.sleep(until: deadline.instant)
            throw VerificationError(.deadlineExceeded, "No answer came in time.")
        }
        await world.sleep(until: end)
    }

    private func truth(of token: Token, at now: Instant) -> Verdict {
        let wallTime = world.wallTime
        guard let fact = ledger.withLockedValue({ $0.facts[token] }), fact.revokedAt == nil,
            fact.expiry.map({ wallTime < $0 }) ?? true
        else { return .rejected(Rejection(.tokenRejected, "No such token.")) }
        if weather.withLockedValue({ $0 == .rotating }) { return .rejected(Rejection(.proofRejected, "The proof is wrong.")) }
        return .valid(
            Identity(
                accountID: fact.account, applicationID: fact.application, provider: "simulated", verifiedAt: wallTime
            )
            .valid(until: fact.expiry ?? .distantFuture))
    }
}
