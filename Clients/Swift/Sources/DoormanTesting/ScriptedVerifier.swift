public import DoormanClient
internal import NIOConcurrencyHelpers

/// Stands in for a Doorman server in your tests: responds to each token as you told it to, in this process, at once.
///
///     let doorman = ScriptedVerifier(["token of Ada": .identity(.sample(accountID: "1"))])
///     let service = MyService(doorman: doorman)          // which asks for any TokenVerifying
///     doorman.otherwise = .unavailable(.providerUnavailable)
///
/// It rejects all other tokens, as a server rejects a token that the provider does not know.
public final class ScriptedVerifier: TokenVerifying {
    /// The response to a token.
    public enum Response: Sendable, Hashable {
        /// The identity of the token's account.
        case identity(Identity)
        /// The token is not good: log the user out.
        case rejected(RejectionReason)
        /// There is no verdict: the token may be good or not.
        case unavailable(UnavailableReason)
        /// Exactly this error.
        case error(DoormanError)
        /// Nothing, until the call's deadline passes.
        case silence
    }

    /// A request that was made.
    public struct Request: Sendable, Hashable {
        /// The token.
        public let token: Token
        /// The maximum age of the verdict; `nil` if the caller set none.
        public let maxAge: Duration?
        /// The application that the token must have been made for; `nil` if the caller set none.
        public let applicationID: String?
        /// The maximum time for the call; `nil` if the caller set none.
        public let timeout: Duration?
    }

    private struct State {
        var responses: [Token: Response]
        var otherwise: Response
        var requests: [Request] = []
    }

    private let state: NIOLockedValueBox<State>

    /// - Parameters:
    ///   - responses: The response to each token, given by its text.
    ///   - otherwise: The response to all other tokens.
    public init(_ responses: [String: Response] = [:], otherwise: Response = .rejected(.tokenRejected)) {
        let responses = Dictionary(responses.map { (Token($0.key), $0.value) }) { first, _ in first }
        state = NIOLockedValueBox(State(responses: responses, otherwise: otherwise))
    }

    /// The response to tokens that have none of their own.
    public var otherwise: Response {
        get { state.withLockedValue { $0.otherwise } }
        set { state.withLockedValue { $0.otherwise = newValue } }
    }

    /// The requests so far, in order.
    public var requests: [Request] { state.withLockedValue { $0.requests } }

    /// Sets the response to a token from now on. `nil` stands for ``otherwise``.
    public func say(_ response: Response?, about token: String) {
        state.withLockedValue { $0.responses[Token(token)] = response }
    }

    /// Records the request, and responds as it was told to.
    public func verify(
        _ token: Token, maxAge: Duration?, applicationID: String?, timeout: Duration?
    ) async throws(DoormanError) -> Identity {
        let request = Request(token: token, maxAge: maxAge, applicationID: applicationID, timeout: timeout)
        let response = state.withLockedValue { state in
            state.requests.append(request)
            return state.responses[token] ?? state.otherwise
        }
        switch response {
        case .identity(let identity): return identity
        case .rejected(let reason): throw DoormanError(reason, "scripted")
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
    /// An identity for tests: an account that has a phone number, verified just now as tests go.
    ///
    /// - Parameters:
    ///   - accountID: The provider's id of the account.
    ///   - applicationID: The application that its token was made for.
    ///   - email: Its e-mail address; with one, it has no phone number.
    ///   - freshness: How the answer came about.
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
