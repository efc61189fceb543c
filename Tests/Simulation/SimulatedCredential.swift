internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// Verifies tokens with a ``SimulatedProvider`` as one application, with one of its secrets.
final class SimulatedCredential: TokenProvider {
    private let provider: SimulatedProvider
    private let application: String
    private let secret: Int

    private var ledger: NIOLockedValueBox<Ledger> { provider.ledger }
    private var world: World { provider.world }
    private var isAccepted: Bool { provider.accepts(secret: secret, of: application) }

    /// - Parameter secret: The number of the secret that requests carry.
    init(_ provider: SimulatedProvider, application: String, secret: Int) {
        self.provider = provider
        self.application = application
        self.secret = secret
    }

    func validateSyntax(of token: Token) -> Rejection? { nil }

    func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        let began = world.now
        return try await provider.call(of: application, about: request.token, deadline: deadline) { evaluated in
            let verdict = self.verdict(on: request.token, at: evaluated)
            return { returned in
                self.record(
                    Ledger.Statement(
                        token: request.token, application: self.application, named: request.applicationID, requested: began,
                        evaluated: evaluated, returned: returned, verdict: verdict))
                return verdict
            }
        }
    }

    func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        let began = world.now
        return try await provider.call(of: application, about: nil, deadline: deadline) { evaluated throws(VerificationError) in
            guard self.isAccepted else { throw .credentialRejected }
            if !self.provider.spend(request.code) {
                self.ledger.withLockedValue { $0.report("a code is exchanged twice", at: evaluated) }
            }
            let token = Token("\(String(decoding: request.code.bytes, as: UTF8.self)) token")
            let verdict = self.verdict(on: token, at: evaluated)
            return { returned in
                guard case .valid(let identity) = verdict else { return .rejected(Rejection(.tokenRejected, "No such code.")) }
                self.record(
                    Ledger.Statement(
                        token: token, application: self.application, named: nil, requested: began, evaluated: evaluated,
                        returned: returned, verdict: verdict))
                return .issued(token, identity)
            }
        }
    }

    func revoke(
        _ request: RevocationRequest, deadline: Deadline
    ) async throws(VerificationError) -> RevocationOutcome {
        try await provider.call(of: application, about: nil, deadline: deadline) { evaluated throws(VerificationError) in
            let outcome: RevocationOutcome
            switch request.subject {
            case .token(let token): outcome = try self.revoke(token, at: evaluated)
            case .account(let account): outcome = try self.revokeTokens(ofAccount: account, at: evaluated)
            }
            return { _ in outcome }
        }
    }

    func checkCredential(deadline: Deadline) async throws(VerificationError) {
        try await provider.call(of: application, about: nil, deadline: deadline) { _ throws(VerificationError) in
            guard self.isAccepted else { throw .credentialRejected }
            return { _ in }
        }
    }

    // MARK: - What the provider knows

    private func fact(about token: Token) -> Ledger.Fact? { ledger.withLockedValue { $0.facts[token] } }

    /// The provider judges a token before its proof.
    private func verdict(on token: Token, at now: Instant) -> Verdict {
        let wallTime = world.wallTime
        guard let fact = fact(about: token), fact.isValidUntil.map({ now < $0 }) ?? true, fact.expiry.map({ wallTime < $0 }) ?? true
        else { return .rejected(Rejection(.tokenRejected, "No such token.")) }
        guard fact.application == application, isAccepted else {
            return .rejected(Rejection(.proofRejected, "The proof is wrong."))
        }
        return .valid(
            Identity(accountID: fact.account, applicationID: fact.application, provider: "simulated", verifiedAt: wallTime)
                .valid(until: fact.expiry ?? .distantFuture))
    }

    private func record(_ statement: Ledger.Statement) {
        ledger.withLockedValue { $0.providerSaid(statement) }
    }

    private func revoke(_ token: Token, at now: Instant) throws(VerificationError) -> RevocationOutcome {
        guard let fact = fact(about: token), fact.revokedAt == nil, fact.expiry.map({ world.wallTime < $0 }) ?? true else {
            return .alreadyInvalid
        }
        guard fact.application == application, isAccepted else {
            throw VerificationError(.providerMisconfigured, "The proof is wrong.", scope: .credential)
        }
        _ = provider.revoke(at: now) { other, _ in other == token }
        return .revoked
    }

    private func revokeTokens(ofAccount account: String, at now: Instant) throws(VerificationError) -> RevocationOutcome {
        let exists = ledger.withLockedValue { ledger in
            ledger.facts.values.contains { $0.account == account && $0.application == application }
        }
        // The provider's error for an unknown account is that for a wrong secret.
        guard isAccepted, exists else { throw .credentialRejected }
        _ = provider.revoke(at: now) { _, fact in fact.account == account && fact.application == self.application }
        return .revoked
    }
}

extension VerificationError {
    fileprivate static let credentialRejected = VerificationError(
        .providerUnavailable, "The provider is down, or the secret is wrong.", scope: .credential)
}
