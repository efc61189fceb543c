import DoormanCore
import DoormanSupport
import NIOConcurrencyHelpers
import ProviderRouting
import TestKit

/// The credentials of several applications, with scripted responses of Account Kit and a record of calls.
///
/// The name of a credential is the id of its application and a letter: `1a`, `1b`, `2a`.
final class ScriptedCredentials: Sendable {
    /// Account Kit's response to every request with a credential.
    enum Response: Sendable {
        /// The token, code or account belongs to the application.
        case valid
        /// The token is void, or the code is used.
        case invalidToken
        case proofRejected
        case wrongApplication
        /// No request was sent, or no usable response arrived.
        case failure(VerificationError.Code, VerificationError.Scope = .provider)
    }

    private struct State {
        var responses: [String: Response]
        var checks: [String: Response] = [:]
        var checkCount = 0
        var holdsChecks = false
        var onCheck: (@Sendable (ScriptedCredentials) -> Void)?
        var calls: [String] = []
        var awaitedCalls = 0
    }

    let clock = SteppedClock()
    private let state: NIOLockedValueBox<State>

    init(_ responses: [String: Response]) {
        state = NIOLockedValueBox(State(responses: responses))
    }

    /// Returns a router over credentials with names like `1a 1b 2a`, in that order.
    ///
    /// - Parameters:
    ///   - preferred: The index of the credential that each application uses first.
    ///   - lookupPermits: With permits, each application is a provider of its own: `provider1` for example.
    func router(
        _ names: String, preferred: Int = 0, lookupPermits: LookupPermits? = nil,
        observer: @escaping ApplicationRouter.CredentialObserver = { _, _ in },
        chargeExtraRequest: @escaping ApplicationRouter.ChargeExtraRequest = { _ in }
    ) -> ApplicationRouter {
        let names = names.split(separator: " ").map(String.init)
        var ids: [String] = []
        for name in names where !ids.contains(String(name.dropLast())) { ids.append(String(name.dropLast())) }
        return ApplicationRouter(
            ids.map { id in
                let own = names.filter { $0.dropLast() == id }
                var application = ApplicationRouter.Application(
                    provider: lookupPermits == nil ? "account-kit" : "provider\(id)", id: id,
                    credentials: own.map(provider(named:)), preferred: preferred)
                application.lookupPermits = lookupPermits
                return application
            }, timeSource: clock.timeSource, chargeExtraRequest: chargeExtraRequest, observer: observer)
    }

    /// Returns a router whose applications have passed their first check.
    func checkedRouter(_ names: String) async throws -> ApplicationRouter {
        let router = router(names)
        router.checkCredentials()
        try await eventually("each application has a working credential") { router.hasWorkingCredentials }
        return router
    }

    /// Sets the response to every later check of a credential: ``Response/valid`` by default.
    func check(_ name: String, gives response: Response) {
        state.withLockedValue { $0.checks[name] = response }
    }

    /// Makes checks of credentials wait, or ends that.
    func holdChecks(_ holds: Bool) {
        state.withLockedValue { $0.holdsChecks = holds }
    }

    /// Calls `action` at each later check of a credential.
    func onCheck(_ action: @escaping @Sendable (ScriptedCredentials) -> Void) {
        state.withLockedValue { $0.onCheck = action }
    }

    /// The number of checks of credentials.
    var checkCount: Int { state.withLockedValue { $0.checkCount } }

    func change(_ name: String, to response: Response) {
        state.withLockedValue { $0.responses[name] = response }
    }

    /// Returns the names of the credentials called since the last call of this function.
    func takeCalls() -> [String] {
        state.withLockedValue { state in
            defer { state.calls = [] }
            return state.calls
        }
    }

    /// Makes responses wait until `count` calls have arrived.
    func waitForCalls(count: Int) {
        state.withLockedValue { $0.awaitedCalls = count }
    }

    private func respond(to name: String) async -> Response {
        state.withLockedValue { $0.calls.append(name) }
        try? await eventually("the other calls arrive") { state.withLockedValue { $0.calls.count >= $0.awaitedCalls } }
        return state.withLockedValue { $0.responses[name] } ?? .failure(.internal)
    }

    /// Returns a provider that responds as scripted for the credential.
    private func provider(named name: String) -> ScriptedProvider {
        let identity = Identity(
            accountID: "12345", applicationID: String(name.dropLast()), provider: "scripted",
            verifiedAt: Timestamp(millisecondsSince1970: 0))
        let provider = ScriptedProvider()
        provider.verifications.script { _ in
            switch await self.respond(to: name) {
            case .valid: .success(.valid(identity))
            case .invalidToken: .success(.rejected(Rejection(.tokenRejected, "void")))
            case .proofRejected: .success(.rejected(Rejection(.proofRejected, "proof")))
            case .wrongApplication: .success(.rejected(Rejection(.wrongApplication, "application")))
            case .failure(let code, let scope): .failure(Self.error(code, scope, of: name))
            }
        }
        provider.credentialChecks.script {
            let (response, action) = self.state.withLockedValue { state in
                state.checkCount += 1
                return (state.checks[name] ?? .valid, state.onCheck)
            }
            action?(self)
            try? await eventually("checks are released") { self.state.withLockedValue { !$0.holdsChecks } }
            switch response {
            case .failure(let code, let scope): return .failure(Self.error(code, scope, of: name, otherwise: .sent))
            default: return .success(())
            }
        }
        provider.exchanges.script { _ in
            switch await self.respond(to: name) {
            case .valid: .success(.issued(Token("EMAW"), identity))
            case .invalidToken: .success(.rejected(Rejection(.tokenRejected, "used")))
            case .proofRejected, .wrongApplication: .failure(VerificationError(.internal, name))
            case .failure(let code, let scope): .failure(Self.error(code, scope, of: name))
            }
        }
        provider.accountLists.script { _ in
            await self.accountResponse(of: name).map { AccountPage(accounts: []) }
        }
        provider.accountDeletions.script { _ in await self.accountResponse(of: name) }
        provider.revocations.script { _ in
            switch await self.respond(to: name) {
            case .valid: .success(.revoked)
            case .invalidToken: .success(.alreadyInvalid)
            case .proofRejected: .failure(VerificationError(.providerMisconfigured, name, scope: .credential))
            case .wrongApplication: .failure(VerificationError(.invalidRequest, name))
            case .failure(let code, let scope): .failure(Self.error(code, scope, of: name))
            }
        }
        return provider
    }

    /// A provider that rejects our settings has responded.
    private static func error(
        _ code: VerificationError.Code, _ scope: VerificationError.Scope, of name: String,
        otherwise request: VerificationError.RequestProgress = .notSent
    ) -> VerificationError {
        VerificationError(code, name, scope: scope, request: code == .providerMisconfigured ? .responded : request)
    }

    private func accountResponse(of name: String) async -> Result<Void, VerificationError> {
        switch await respond(to: name) {
        case .valid, .invalidToken: .success(())
        case .proofRejected: .failure(VerificationError(.providerMisconfigured, name, scope: .credential))
        case .wrongApplication: .failure(VerificationError(.invalidRequest, name))
        case .failure(let code, let scope): .failure(Self.error(code, scope, of: name))
        }
    }
}

/// The token and the code of this module's tests.
enum Sample {
    static let token = Token("EMAWtesttoken0001")
    static let code = AuthorizationCode("AQtest_code-0001")

    static func deadline() -> Deadline {
        Deadline(SteppedClock().now.advanced(by: .seconds(3600)))
    }
}
