public import DoormanClient
internal import NIOConcurrencyHelpers

/// Answers for a Doorman server in your tests: says of each token what you told it to, in this process, at once.
///
///     let doorman = ScriptedVerifier(["token of Ada": .identity(.sample(accountID: "1"))])
///     let service = MyService(doorman: doorman)          // which asks for any TokenVerifying
///     doorman.otherwise = .couldNotAsk(.providerUnavailable)
///
/// A token it was told nothing about is refused, as a server refuses a token that the provider does not know.
public final class ScriptedVerifier: TokenVerifying {
    /// What is said about a token.
    public enum Answer: Sendable, Hashable {
        /// It is this account's.
        case identity(Identity)
        /// It is no good: log the user out.
        case refused(RefusalReason)
        /// Nobody could be asked: the token may be good or not.
        case couldNotAsk(CouldNotAskReason)
        /// Exactly this error.
        case error(DoormanError)
        /// Nothing, until the call's deadline passes.
        case silence
    }

    /// A question that was asked.
    public struct Question: Sendable, Hashable {
        /// Whose token it is was asked.
        public let token: Token
        /// How old the answer may have been. Nil: not said.
        public let maxAge: Duration?
        /// The application that the token must have been made for. Nil: not said.
        public let applicationID: String?
        /// How long the call might have taken. Nil: not said.
        public let timeout: Duration?
    }

    private struct State {
        var answers: [Token: Answer]
        var otherwise: Answer
        var questions: [Question] = []
    }

    private let state: NIOLockedValueBox<State>

    /// - Parameters:
    ///   - answers: What is said about which token, given by its text.
    ///   - otherwise: What is said about every other.
    public init(_ answers: [String: Answer] = [:], otherwise: Answer = .refused(.tokenRejected)) {
        let answers = Dictionary(answers.map { (Token($0.key), $0.value) }) { first, _ in first }
        state = NIOLockedValueBox(State(answers: answers, otherwise: otherwise))
    }

    /// What is said about tokens that nothing else was said about.
    public var otherwise: Answer {
        get { state.withLockedValue { $0.otherwise } }
        set { state.withLockedValue { $0.otherwise = newValue } }
    }

    /// What was asked so far, in order.
    public var questions: [Question] { state.withLockedValue { $0.questions } }

    /// Says `answer` about a token from now on; nil: what is said otherwise.
    public func say(_ answer: Answer?, about token: String) {
        state.withLockedValue { $0.answers[Token(token)] = answer }
    }

    /// Keeps the question, and answers it as it was told to.
    public func verify(
        _ token: Token, maxAge: Duration?, applicationID: String?, timeout: Duration?
    ) async throws(DoormanError) -> Identity {
        let question = Question(token: token, maxAge: maxAge, applicationID: applicationID, timeout: timeout)
        let answer = state.withLockedValue { state in
            state.questions.append(question)
            return state.answers[token] ?? state.otherwise
        }
        switch answer {
        case .identity(let identity): return identity
        case .refused(let reason): throw DoormanError(reason, "scripted")
        case .couldNotAsk(let reason): throw DoormanError(reason, "scripted", isRetryable: true)
        case .error(let error): throw error
        case .silence: throw await silence(for: timeout ?? DoormanClientSettings().timeout)
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
