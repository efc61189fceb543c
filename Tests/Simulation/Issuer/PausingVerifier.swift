internal import DoormanCore
internal import DoormanSupport
internal import JWTVerifier
internal import NIOConcurrencyHelpers

/// The real ``JWTVerifier``, whose verdicts sometimes arrive later, as they do when a busy machine pauses a thread.
struct PausingVerifier: TokenProvider {
    let verifier: JWTVerifier
    let world: World
    let ledger: NIOLockedValueBox<IssuerLedger>

    func validateSyntax(of token: Token) -> Rejection? { verifier.validateSyntax(of: token) }

    func equivalents(of token: Token, naming provider: String?) -> [Token] { verifier.equivalents(of: token, naming: provider) }

    func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        let verdict = try await verifier.verify(request, deadline: deadline)
        ledger.withLockedValue { [now = world.now, wallTime = world.wallTime] in
            $0.checkVerifier(verdict, at: now, wallTime: wallTime)
        }
        if let pause = world.draw({ $0.chance(25) ? $0.duration(.zero ... .milliseconds(500)) : nil }) {
            await world.sleep(for: pause)
        }
        return verdict
    }

    func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        try await verifier.exchange(request, deadline: deadline)
    }

    func revoke(
        _ request: RevocationRequest, deadline: Deadline
    ) async throws(VerificationError) -> RevocationOutcome {
        let outcome = try await verifier.revoke(request, deadline: deadline)
        IssuerSimulation.outcome?.withLockedValue { $0 = outcome }
        return outcome
    }
}
