internal import AccountKit
internal import DoormanCore
internal import DoormanSupport
internal import GraphAPI
internal import NIOConcurrencyHelpers
internal import ProviderHTTP

/// Verifies tokens with a ``SimulatedProvider`` as one application, with one of its secrets.
///
/// It is the real ``AccountKitVerifier`` over a ``SimulatedTransport``, except for two kinds of calls:
///
/// - Most verifications, because requests and their responses would take more time than the rest of a history.
/// - Exchanges, because the verifier sends two requests for each, of which the governor counts one.
final class SimulatedCredential: TokenProvider {
    /// The part of the verifications that send a request.
    private static let requestPercentage = 10

    private let provider: SimulatedProvider
    private let application: String
    private let secret: String
    private let verifier: AccountKitVerifier

    private var ledger: NIOLockedValueBox<Ledger> { provider.ledger }
    private var world: World { provider.world }

    /// - Parameter secret: The number of the secret that requests carry.
    init(_ provider: SimulatedProvider, application: String, secret: Int) throws {
        self.provider = provider
        self.application = application
        self.secret = SimulatedProvider.secret(secret, of: application)
        var settings = AccountKitSettings(application: .init(id: application, secret: AppSecret(self.secret)))
        settings.name = "simulated"
        verifier = try AccountKitVerifier(
            settings,
            client: ProviderClient(
                transport: SimulatedTransport(provider: provider, application: application), time: provider.world.timeSource))
    }

    func validateSyntax(of token: Token) -> Rejection? { verifier.validateSyntax(of: token) }

    func equivalents(of token: Token, naming provider: String?) -> [Token] { verifier.equivalents(of: token, naming: provider) }

    func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        let verdict =
            world.draw { $0.chance(Self.requestPercentage) }
            ? try await verifyByRequest(request, deadline: deadline) : try await verifyDirectly(request, deadline: deadline)
        // Account Kit states no expiry. Other providers do.
        guard case .valid(let identity) = verdict, let expiry = ledger.withLockedValue({ $0.facts[request.token]?.expiry }) else {
            return verdict
        }
        return .valid(identity.valid(until: expiry))
    }

    private func verifyByRequest(
        _ request: VerificationRequest, deadline: Deadline
    ) async throws(VerificationError) -> Verdict {
        let result = await SimulatedTransport.$verification.withValue(request) {
            do throws(VerificationError) {
                return Result<Verdict, VerificationError>.success(try await verifier.verify(request, deadline: deadline))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private func verifyDirectly(
        _ request: VerificationRequest, deadline: Deadline
    ) async throws(VerificationError) -> Verdict {
        let verification = SimulatedProvider.Verification(
            token: request.token, application: application, named: request.applicationID, began: world.now)
        do throws(SimulatedProvider.Failure) {
            return try await provider.call(of: application, about: request.token, deadline: deadline) { evaluated in
                self.provider.verify(verification, at: evaluated) { fact in
                    fact.application == self.application
                        && self.provider.accepts(secret: self.secret, of: self.application)
                }
            }
        } catch {
            if case .odd = error {
                ledger.withLockedValue { [now = world.now] in
                    $0.providerResponseOdd(.oddRequest, application, request.token, began: verification.began, now: now)
                }
            }
            throw VerificationError(error)
        }
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
        case .odd: self.init(.providerUnavailable, "The response is malformed.", scope: .request, request: .responded)
        case .throttled(let retryAfter):
            self.init(.providerBusy, "The provider throttles.", retryAfter: retryAfter.map { .seconds($0) })
        }
    }
}
