public import DoormanClient
internal import NIOConcurrencyHelpers

/// A `TokenVerifying` for tests, without a server: returns the response that a test sets for each token.
///
///     let doorman = ScriptedVerifier(["token of Ada": .identity(.sample(accountID: "1"))])
///     let service = MyService(doorman: doorman)          // takes any TokenVerifying
///     doorman.otherwise = .unavailable(.providerUnavailable)
///
/// By default it rejects all other tokens, as a server rejects a token that the provider does not know.
public final class ScriptedVerifier: TokenVerifying {
    /// The response to a token.
    public enum Response: Sendable, Hashable {
        /// The identity of the token's account.
        case identity(Identity)
        /// The token is rejected: log the user out.
        case rejected(RejectionReason)
        /// The token is good, but the call is not allowed with it.
        case forbidden(ForbiddenReason)
        /// There is no verdict: the token may be good or not.
        case unavailable(UnavailableReason)
        /// This error.
        case error(DoormanError)
        /// No response until the call's deadline.
        case silence
    }

    /// A request to the verifier.
    public struct Request: Sendable, Hashable {
        /// The token.
        public let token: Token
        /// The maximum age of the verdict; `nil` if the caller set none.
        public let maxAge: Duration?
        /// The revocation that the verdict must not be older than; `nil` if the caller named none.
        public let notBefore: RevocationPosition?
        /// The provider, the application and the scopes that the token must have.
        public let requirements: TokenRequirements
        /// The application that the token must have been issued for; `nil` if the caller set none.
        public var applicationID: String? { requirements.applicationID }
        /// The maximum time for the call; `nil` if the caller set none.
        public let timeout: Duration?
    }

    private struct State {
        var responses: [Token: Response]
        var otherwise: Response
        var requests: [Request] = []
    }

    private let state: NIOLockedValueBox<State>

    /// Creates a verifier.
    ///
    /// - Parameters:
    ///   - responses: The response to each token, by the token's text.
    ///   - otherwise: The response to all other tokens. Default: a rejection.
    public init(_ responses: [String: Response] = [:], otherwise: Response = .rejected(.tokenRejected)) {
        let responses = Dictionary(responses.map { (Token($0.key), $0.value) }) { first, _ in first }
        state = NIOLockedValueBox(State(responses: responses, otherwise: otherwise))
    }

    /// The response to tokens without a response of their own.
    public var otherwise: Response {
        get { state.withLockedValue { $0.otherwise } }
        set { state.withLockedValue { $0.otherwise = newValue } }
    }

    /// The requests so far, in order.
    public var requests: [Request] { state.withLockedValue { $0.requests } }

    /// Sets the response to a token. `nil` stands for ``otherwise``.
    public func say(_ response: Response?, about token: String) {
        state.withLockedValue { $0.responses[Token(token)] = response }
    }

    /// Records the request, and returns or throws the response that was set for the token. An identity that does not fulfil the requirements is
    /// rejected or forbidden, as by a server.
    ///
    /// A position has no other effect than its record: after a revocation, set the response that the token has from then on.
    public func verify(
        _ token: Token, requiring requirements: TokenRequirements, maxAge: Duration?, notBefore: RevocationPosition?,
        timeout: Duration?
    ) async throws(DoormanError) -> Identity {
        let request = Request(
            token: token, maxAge: maxAge, notBefore: notBefore, requirements: requirements, timeout: timeout)
        let response = state.withLockedValue { state in
            state.requests.append(request)
            return state.responses[token] ?? state.otherwise
        }
        switch response {
        case .identity(let identity):
            if let provider = requirements.provider, provider != identity.provider {
                throw DoormanError(.wrongProvider, "scripted identity of another provider")
            }
            if let application = requirements.applicationID, application != identity.applicationID {
                throw DoormanError(.wrongApplication, "scripted identity of another application")
            }
            guard requirements.scopes.allSatisfy(identity.scopes.contains) else {
                throw DoormanError(.insufficientScope, "scripted identity without a required scope")
            }
            return identity
        case .rejected(let reason): throw DoormanError(reason, "scripted")
        case .forbidden(let reason): throw DoormanError(reason, "scripted")
        case .unavailable(let reason): throw DoormanError(reason, "scripted", isRetryable: true)
        case .error(let error): throw error
        case .silence: throw await silence(for: timeout ?? DoormanClientConfiguration().timeout)
        }
    }

    private func silence(for time: Duration) async -> DoormanError {
        do {
            try await Task.sleep(for: time)
        } catch {
            return DoormanError(.cancelled, "the task that made the call was cancelled", isRetryable: false)
        }
        return DoormanError(.deadlineExceeded, "scripted silence", isRetryable: true)
    }
}

extension Identity {
    /// Returns an identity for tests, with fixed timestamps and, unless it has an e-mail address, a phone number.
    ///
    /// - Parameters:
    ///   - accountID: The provider's ID of the account.
    ///   - applicationID: The application that its token was issued for.
    ///   - email: The e-mail address. Default `nil`: the identity has a phone number instead.
    ///   - freshness: The freshness of the verdict. Default: cached.
    public static func sample(
        accountID: String, applicationID: String = "5432154321543210", email: String? = nil, freshness: Freshness = .cached
    ) -> Identity {
        let phone = PhoneNumber(number: "+15551234567", countryPrefix: "1", nationalNumber: "5551234567")
        return Identity(
            accountID: accountID, applicationID: applicationID, phone: email == nil ? phone : nil, email: email,
            provider: "account-kit", verifiedAt: Timestamp(millisecondsSince1970: 1_500_000_000_000)
        )
        .valid(until: Timestamp(millisecondsSince1970: 1_500_000_060_000), freshness: freshness)
    }
}
