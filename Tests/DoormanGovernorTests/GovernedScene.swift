import DoormanCore
import DoormanGovernor
import DoormanSupport
import TestKit

extension Verdict {
    static let rejectedToken = Verdict.rejected(Rejection(.tokenRejected, "No such token."))
}

extension VerificationError {
    static let unavailable = VerificationError(.providerUnavailable, "down")
}

extension Result where Failure == VerificationError {
    var error: VerificationError? {
        guard case .failure(let error) = self else { return nil }
        return error
    }
}

/// A governed verifier in front of a scripted provider.
struct GovernedScene {
    typealias Call = Task<Result<Verdict, VerificationError>, Never>

    let provider = ScriptedProvider.withCodes()
    let clock = SteppedClock()
    let governor: Governor
    let verifier: GovernedVerifier

    /// - Parameter usesRealTime: Whether to use the system clock, for tests that wait for a deadline to pass.
    init(usesRealTime: Bool = false, _ change: (inout GovernorSettings) -> Void = { _ in }) {
        var settings = GovernorSettings()
        // The clock stands still, so the rate limit would allow nothing more.
        settings.callsBurst = 1_000_000
        settings.retryJitter = 0
        change(&settings)
        governor = Governor(settings: settings, timeSource: usesRealTime ? .system : clock.timeSource)
        verifier = GovernedVerifier(provider: provider, governor: governor)
    }

    func start(_ token: String = "EMAW", for purpose: CallPurpose = .demand, deadline: Deadline? = nil) -> Call {
        let deadline = deadline ?? Deadline(clock.now.advanced(by: .seconds(3600)))
        return Task { [verifier] in
            do throws(VerificationError) {
                return .success(
                    try await verifier.verify(VerificationRequest(token: Token(token), purpose: purpose), deadline: deadline))
            } catch {
                return .failure(error)
            }
        }
    }

    func verify(_ token: String = "EMAW", deadline: Deadline? = nil) async -> Result<Verdict, VerificationError> {
        await start(token, deadline: deadline).value
    }

    func exchange() async throws(VerificationError) -> ExchangeVerdict {
        let deadline = Deadline(clock.now.advanced(by: .seconds(3600)))
        return try await verifier.exchange(ExchangeRequest(code: AuthorizationCode("AQ")), deadline: deadline)
    }
}
