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
                    id: id, credentials: own.map { Credential(name: $0, world: self) }, preferred: preferred)
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

    private struct Credential: TokenProvider {
        let name: String
        let world: ScriptedCredentials

        var identity: Identity {
            Identity(
                accountID: "12345", applicationID: String(name.dropLast()), provider: "scripted",
                verifiedAt: Timestamp(millisecondsSince1970: 0))
        }

        func validateSyntax(of token: Token) -> Rejection? {
            token.bytes.isEmpty ? Rejection(.malformedToken, "The token is empty.") : nil
        }

        func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
            switch await world.ask(name) {
            case .yes: return .valid(identity)
            case .void: return .rejected(Rejection(.tokenRejected, "void"))
            case .proofWrong: return .rejected(Rejection(.proofRejected, "proof"))
            case .anotherApplication: return .rejected(Rejection(.wrongApplication, "application"))
            case .fails(let code, let scope): throw VerificationError(code, name, scope: scope)
            }
        }

        func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
            switch await world.ask(name) {
            case .yes: return .issued(Token("EMAW"), identity)
            case .void: return .rejected(Rejection(.tokenRejected, "used"))
            case .proofWrong, .anotherApplication: throw VerificationError(.internal, name)
            case .fails(let code, let scope): throw VerificationError(code, name, scope: scope)
            }
        }

        func revoke(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError) {
            switch await world.ask(name) {
            case .yes, .void: return
            case .proofWrong: throw VerificationError(.providerMisconfigured, name, scope: .credential)
            case .anotherApplication: throw VerificationError(.invalidRequest, name)
            case .fails(let code, let scope): throw VerificationError(code, name, scope: scope)
            }
        }
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
