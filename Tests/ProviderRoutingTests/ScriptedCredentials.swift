import DoormanCore
import DoormanSupport
import NIOConcurrencyHelpers
import ProviderRouting
import TestKit

/// The credentials of some applications: what Account Kit says to each is a test's to change, and who was asked is written down.
/// A credential is called by the id of its application and a letter: `1a`, `1b`, `2a`.
final class ScriptedCredentials: Sendable {
    /// What Account Kit says to a credential, whatever it is asked.
    enum Saying: Sendable {
        /// The token, code or account is this application's.
        case yes
        /// It is nobody's any more: void, or used.
        case void
        case proofWrong
        case anotherApplication
        /// It could not be asked, or gave no usable answer.
        case fails(VerificationError.Code, VerificationError.Scope = .provider)
    }

    private struct State {
        var sayings: [String: Saying]
        var calls: [String] = []
        var meeting = 0
    }

    private let state: NIOLockedValueBox<State>

    init(_ sayings: [String: Saying]) {
        state = NIOLockedValueBox(State(sayings: sayings))
    }

    /// A router over credentials that are named like `1a 1b 2a`, in that order.
    ///
    /// - Parameter preferred: The number of the credential that each application uses first.
    func router(_ names: String, preferred: Int = 0) -> ApplicationRouter {
        let names = names.split(separator: " ").map(String.init)
        var ids: [String] = []
        for name in names where !ids.contains(String(name.dropLast())) { ids.append(String(name.dropLast())) }
        return ApplicationRouter(
            ids.map { id in
                let own = names.filter { $0.dropLast() == id }
                return ApplicationRouter.Application(
                    id: id, credentials: own.map(provider(named:)), preferred: preferred)
            })
    }

    func change(_ name: String, to saying: Saying) {
        state.withLockedValue { $0.sayings[name] = saying }
    }

    /// Who was asked since this was last looked at.
    func takeCalls() -> [String] {
        state.withLockedValue { state in
            defer { state.calls = [] }
            return state.calls
        }
    }

    /// Makes the answers wait until so many calls have come.
    func answersAfter(calls: Int) {
        state.withLockedValue { $0.meeting = calls }
    }

    private func ask(_ name: String) async -> Saying {
        state.withLockedValue { $0.calls.append(name) }
        try? await eventually("the others have come") { state.withLockedValue { $0.calls.count >= $0.meeting } }
        return state.withLockedValue { $0.sayings[name] } ?? .fails(.internal)
    }

    /// A provider that asks this for each answer.
    private func provider(named name: String) -> ScriptedProvider {
        let identity = Identity(
            accountID: "12345", applicationID: String(name.dropLast()), provider: "scripted",
            verifiedAt: Timestamp(millisecondsSince1970: 0))
        let provider = ScriptedProvider()
        provider.verifications.script { _ in
            switch await self.ask(name) {
            case .yes: .success(.valid(identity))
            case .void: .success(.rejected(Rejection(.tokenRejected, "void")))
            case .proofWrong: .success(.rejected(Rejection(.proofRejected, "proof")))
            case .anotherApplication: .success(.rejected(Rejection(.wrongApplication, "application")))
            case .fails(let code, let scope): .failure(VerificationError(code, name, scope: scope))
            }
        }
        provider.exchanges.script { _ in
            switch await self.ask(name) {
            case .yes: .success(.issued(Token("EMAW"), identity))
            case .void: .success(.rejected(Rejection(.tokenRejected, "used")))
            case .proofWrong, .anotherApplication: .failure(VerificationError(.internal, name))
            case .fails(let code, let scope): .failure(VerificationError(code, name, scope: scope))
            }
        }
        provider.revocations.script { _ in
            switch await self.ask(name) {
            case .yes, .void: .success(())
            case .proofWrong: .failure(VerificationError(.providerMisconfigured, name, scope: .credential))
            case .anotherApplication: .failure(VerificationError(.invalidRequest, name))
            case .fails(let code, let scope): .failure(VerificationError(code, name, scope: scope))
            }
        }
        return provider
    }
}

/// What the tests of this module ask with.
enum Sample {
    static let token = Token("EMAWtesttoken0001")
    static let code = AuthorizationCode("AQtest_code-0001")

    static func deadline() -> Deadline {
        Deadline(SteppedClock().now.advanced(by: .seconds(2)))
    }
}
