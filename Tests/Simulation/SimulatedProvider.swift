internal import DoormanCore
private import DoormanCrypto
internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// A provider in a ``World``. The seed decides its latency, failures, throttling, lost responses, secrets and revocations.
///
/// It is not TestKit's `ScriptedProvider`, because it uses time and seed of the world and tells the ledger the truth.
final class SimulatedProvider: Sendable {
    enum Condition: Sendable, CaseIterable {
        case healthy
        /// Every call fails after its latency.
        case down
        /// Calls are carried out, but their responses get lost.
        case silent
        /// Every call is throttled.
        case throttling
        /// The responses are odd: see ``OddResponse``.
        case odd
    }

    /// The reason why a call was not carried out, or has no response.
    enum Failure: Error {
        case noResponse
        case down
        case odd
        /// - Parameter retryAfter: The time after which the application may come back, in seconds.
        case throttled(retryAfter: Int?)
    }

    private struct State {
        var condition = Condition.healthy
        var isFast = false
        var spentCodes: Set<AuthorizationCode> = []
        /// The secret that the provider accepts, by application.
        var secrets: [String: Secret] = [:]
    }

    private struct Secret {
        let text: String
        private lazy var proofKey = HMACSHA256(key: Array(text.utf8))
        private var proofs: [Token: String] = [:]

        init(_ text: String) {
            self.text = text
        }

        mutating func proof(of token: Token) -> String {
            if let proof = proofs[token] { return proof }
            let proof = proofKey.authenticationCode(for: token.bytes.span).hexadecimal
            proofs[token] = proof
            return proof
        }
    }

    let world: World
    let ledger: NIOLockedValueBox<Ledger>
    private let longestLag: Duration
    private let state = NIOLockedValueBox(State())

    /// - Parameter longestLag: The longest time for which it calls a token valid after it revoked it.
    init(world: World, ledger: NIOLockedValueBox<Ledger>, longestLag: Duration) {
        self.world = world
        self.ledger = ledger
        self.longestLag = longestLag
        for application in Simulation.issuers { changeSecret(of: application, to: 0) }
    }

    /// Makes later calls take one millisecond.
    func becomeFast() {
        state.withLockedValue { $0.isFast = true }
    }

    func set(_ condition: Condition) {
        state.withLockedValue { $0.condition = condition }
    }

    // MARK: - Secrets

    /// Returns a secret of an application.
    static func secret(_ number: Int, of application: String) -> String { "secret-\(number)-of-\(application)" }

    /// Accepts another secret of the application from now on. The first secret has the number 0.
    func changeSecret(of application: String, to number: Int) {
        state.withLockedValue { $0.secrets[application] = Secret(Self.secret(number, of: application)) }
    }

    func accepts(secret: String, of application: String) -> Bool {
        state.withLockedValue { $0.secrets[application]?.text == secret }
    }

    func accepts(appToken: [UInt8], of application: String) -> Bool {
        guard let secret = state.withLockedValue({ $0.secrets[application] }) else { return false }
        return appToken == Array("AA|\(application)|\(secret.text)".utf8)
    }

    func accepts(proof: String, of token: Token, _ application: String) -> Bool {
        state.withLockedValue { $0.secrets[application]?.proof(of: token) == proof }
    }

    // MARK: - Tokens

    /// Returns the token that a code is exchanged for.
    static func token(for code: AuthorizationCode) -> Token { Token(bytes: Array("EMAW".utf8) + code.bytes) }

    /// Returns the facts about a token; `nil` if the provider calls it invalid.
    func fact(about token: Token, at now: Instant) -> Ledger.Fact? {
        let wallTime = world.wallTime
        guard let fact = ledger.withLockedValue({ $0.facts[token] }), fact.isValidUntil.map({ now < $0 }) ?? true,
            fact.expiry.map({ wallTime < $0 }) ?? true
        else { return nil }
        return fact
    }

    /// A request to verify a token.
    struct Verification: Sendable {
        let token: Token
        /// The application that sends the request.
        let application: String
        /// The application that the calls name which wait for the verdict.
        let named: String?
        let began: Instant
    }

    /// Judges a token, and then its proof.
    ///
    /// - Parameter isProven: Returns whether the request proves to be of the token's application.
    /// - Returns: A closure to call when the response arrives.
    func verify(
        _ verification: Verification, at evaluated: Instant, isProven: (Ledger.Fact) -> Bool
    ) -> (Instant) -> Verdict {
        let fact = fact(about: verification.token, at: evaluated)
        let isProven = fact.map(isProven) ?? false
        return { returned in
            let verdict: Verdict
            if let fact, isProven {
                verdict = .valid(
                    Identity(
                        accountID: fact.account, applicationID: fact.application, provider: "simulated",
                        verifiedAt: self.world.wallTime))
            } else {
                verdict = .rejected(
                    fact == nil
                        ? Rejection(.tokenRejected, "No such token.") : Rejection(.proofRejected, "The proof is wrong."))
            }
            let statement = Ledger.Statement(
                token: verification.token, application: verification.application, named: verification.named,
                requested: verification.began, evaluated: evaluated, returned: returned, verdict: verdict)
            self.ledger.withLockedValue { $0.providerSaid(statement) }
            return verdict
        }
    }

    func hasAccount(_ account: String, of application: String) -> Bool {
        ledger.withLockedValue { ledger in
            ledger.facts.values.contains { $0.account == account && $0.application == application }
        }
    }

    /// Records that a code is used.
    ///
    /// - Returns: Whether it was used for the first time.
    func spend(_ code: AuthorizationCode) -> Bool {
        state.withLockedValue { $0.spentCodes.insert(code).inserted }
    }

    /// Revokes the tokens that match. Verifications may lag behind that.
    ///
    /// - Returns: The number of valid tokens that were revoked.
    func revoke(at now: Instant, where isMatch: (Token, Ledger.Fact) -> Bool) -> Int {
        let lag = world.draw { $0.chance(50) ? .zero : $0.duration(.zero...longestLag) }
        return ledger.withLockedValue { ledger in
            var count = 0
            for (token, fact) in ledger.facts where fact.revokedAt == nil && isMatch(token, fact) {
                ledger.facts[token]?.revokedAt = now
                ledger.facts[token]?.isValidUntil = now.advanced(by: lag)
                count += 1
            }
            return count
        }
    }

    // MARK: - One call

    /// - Parameters:
    ///   - application: The application that makes the call.
    ///   - token: The token to verify; `nil` for a call of another kind.
    ///   - work: Called when the request arrives. Returns a closure to call when the response arrives.
    func call<Response>(
        of application: String, about token: Token?, deadline: Deadline, _ work: (Instant) -> (Instant) -> Response
    ) async throws(Failure) -> Response {
        let began = world.now
        ledger.withLockedValue { $0.providerCallBegan(application, token, now: began) }
        defer { ledger.withLockedValue { $0.providerCallEnded(application, token, began: began) } }
        let isFast = state.withLockedValue { $0.isFast }
        let (there, back) = world.draw { random in
            if isFast { return (Duration.zero, Duration.milliseconds(1)) }
            let longest: Duration = random.chance(5) ? .seconds(2) : .milliseconds(300)
            return (random.duration(.zero...longest), random.duration(.zero...longest))
        }
        try await wait(there, deadline)
        let condition = state.withLockedValue { $0.condition }
        if condition == .silent {
            _ = work(world.now)
            await world.sleep(until: deadline.instant)
            throw .noResponse
        }
        let finish = condition == .healthy ? work(world.now) : nil
        try await wait(back, deadline)
        if let finish { return finish(world.now) }
        switch condition {
        case .healthy, .silent: preconditionFailure("handled above")
        case .down: throw .down
        case .odd: throw .odd
        case .throttling:
            let retryAfter = world.draw { $0.chance(50) ? nil : Int.random(in: 0...5, using: &$0) }
            ledger.withLockedValue { [now = world.now] in
                $0.providerThrottled(application, began, retryAfter: retryAfter.map { .seconds($0) }, now: now)
            }
            throw .throttled(retryAfter: retryAfter)
        }
    }

    private func wait(_ time: Duration, _ deadline: Deadline) async throws(Failure) {
        let end = world.now.advanced(by: time)
        guard end < deadline.instant else {
            await world.sleep(until: deadline.instant)
            throw .noResponse
        }
        await world.sleep(until: end)
    }
}
