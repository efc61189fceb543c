internal import AccountKit
internal import DoormanCore
internal import DoormanSupport
internal import NIOConcurrencyHelpers
internal import ProviderHTTP

/// Verifies tokens with a ``SimulatedProvider`` as one application, with one of its secrets.
///
/// It is the real ``AccountKitVerifier`` over a ``SimulatedTransport``, except for exchanges: those take two requests, of which the
/// governor sees one.
final class SimulatedCredential: TokenProvider {
    private let provider: SimulatedProvider
    private let application: String
    private let secret: String
    private let verifier: AccountKitVerifier
    /// The verifiers for calls that name an application. The ledger records it with each verdict.
    private let verifiersByNamedApplication: [String: AccountKitVerifier]

    private var ledger: NIOLockedValueBox<Ledger> { provider.ledger }
    private var world: World { provider.world }

    /// - Parameter secret: The number of the secret that requests carry.
    init(_ provider: SimulatedProvider, application: String, secret: Int) throws {
        self.provider = provider
        self.application = application
        self.secret = SimulatedProvider.secret(secret, of: application)
        let settings = AccountKitSettings(application: .init(id: application, secret: AppSecret(self.secret)))
        func makeVerifier(named: String?) throws -> AccountKitVerifier {
            try AccountKitVerifier(
                settings, transport: SimulatedTransport(provider: provider, application: application, named: named),
                time: provider.world.timeSource)
        }
        verifier = try makeVerifier(named: nil)
        verifiersByNamedApplication = try Dictionary(
            uniqueKeysWithValues: Simulation.applications.map { ($0, try makeVerifier(named: $0)) })
    }

    func validateSyntax(of token: Token) -> Rejection? { verifier.validateSyntax(of: token) }

    func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        let verifier = request.applicationID.flatMap { verifiersByNamedApplication[$0] } ?? verifier
        let verdict = try await verifier.verify(request, deadline: deadline)
        // Account Kit states no expiry. Other providers do.
        guard case .valid(let identity) = verdict, let expiry = ledger.withLockedValue({ $0.facts[request.token]?.expiry }) else {
            return verdict
        }
        return .valid(identity.valid(until: expiry))
    }

    func revoke(
        _ request: RevocationRequest, deadline: Deadline
    ) async throws(VerificationError) -> RevocationOutcome {
        try await verifier.revoke(request, deadline: deadline)
    }

    func checkCredential(deadline: Deadline) async throws(VerificationError) {
        try await verifier.checkCredential(deadline: deadline)
    }

    func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        let began = world.now
        let result: Result<ExchangeVerdict, VerificationError>
        do throws(SimulatedProvider.Failure) {
            result = try await provider.call(of: application, about: nil, deadline: deadline) { evaluated in
                guard self.provider.accepts(secret: self.secret, of: self.application) else {
                    return { _ in .failure(.credentialRejected) }
                }
                return self.redeem(request.code, began: began, evaluated: evaluated)
            }
        } catch {
            throw VerificationError(error)
        }
        return try result.get()
    }

    private func redeem(
        _ code: AuthorizationCode, began: Instant, evaluated: Instant
    ) -> (Instant) -> Result<ExchangeVerdict, VerificationError> {
        if !provider.spend(code) { ledger.withLockedValue { $0.report("a code is exchanged twice", at: evaluated) } }
        let token = SimulatedProvider.token(for: code)
        guard let fact = provider.fact(about: token, at: evaluated), fact.application == application else {
            return { _ in .success(.rejected(Rejection(.tokenRejected, "No such code."))) }
        }
        let identity = Identity(
            accountID: fact.account, applicationID: application, provider: "simulated", verifiedAt: world.wallTime)
        return { returned in
            let statement = Ledger.Statement(
                token: token, application: self.application, named: nil, requested: began, evaluated: evaluated,
                returned: returned, verdict: .valid(identity))
            self.ledger.withLockedValue { $0.providerSaid(statement) }
            return .success(.issued(token, identity))
        }
    }
}

extension VerificationError {
    fileprivate static let credentialRejected = VerificationError(
        .providerUnavailable, "The provider is down, or the secret is wrong.", scope: .credential)

    fileprivate init(_ failure: SimulatedProvider.Failure) {
        switch failure {
        case .noResponse: self.init(.deadlineExceeded, "No response arrived.")
        case .down: self.init(.providerUnavailable, "The provider is down.")
        case .odd: self.init(.providerUnavailable, "The response is malformed.", scope: .request, hasResponse: true)
        case .throttled(let retryAfter):
            self.init(.providerBusy, "The provider throttles.", retryAfter: retryAfter.map { .seconds($0) })
        }
    }
}
