package import DoormanCore

/// Something that can tell whose token it is. Each layer of Doorman is one, around another:
/// caching around governing around a provider.
package protocol TokenVerifier: Sendable {
    /// Judges a token by its syntax alone, without a provider request.
    ///
    /// - Returns: The rejection of what can't be a token; `nil` otherwise.
    func validateSyntax(of token: Token) -> Rejection?

    /// Asks the provider about a token whose syntax is valid: the first layer has checked it, and no layer below checks it again.
    ///
    /// - Parameter deadline: By when the verdict must be there. The layers below never take longer.
    /// - Throws: ``VerificationError`` if no verdict could be reached.
    func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict
}

/// A verifier whose provider also gives out tokens and takes them back.
package protocol TokenProvider: TokenVerifier {
    /// Exchanges a code for a token, and asks whose it is. Never repeated once its bytes may have been sent: a code is good once.
    func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict

    /// Makes one token, or every token of an account, void. Safe to repeat. A token that is void already counts as done.
    func revoke(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError)

    /// One page of an application's accounts. Safe to repeat. Unsupported unless a provider says otherwise.
    func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage

    /// Deletes an account, and makes its tokens void. Safe to repeat. Unsupported unless a provider says otherwise.
    func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError)
}

extension TokenProvider {
    /// Of a provider that lists no accounts.
    package func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage {
        throw VerificationError(.unsupported, "This provider lists no accounts.")
    }

    /// Of a provider that deletes no accounts.
    package func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) {
        throw VerificationError(.unsupported, "This provider deletes no accounts.")
    }
}

/// A question about one token.
package struct VerificationRequest: Sendable, Hashable {
    package var token: Token
    /// The application the token must have been made for; nil for any that is configured.
    package var applicationID: String?
    /// How old an answer from memory may be; nil for any age within its time to live.
    package var maxAge: Duration?
    /// Whether this refreshes an answer that is still good, so that nobody waits for it.
    package var isRefresh: Bool
    /// The application the token was probably made for; nil if nobody knows. It is only asked first: a token of another one is
    /// as good.
    package var likelyApplicationID: String?

    package init(
        token: Token, applicationID: String? = nil, maxAge: Duration? = nil, isRefresh: Bool = false,
        likelyApplicationID: String? = nil
    ) {
        self.token = token
        self.applicationID = applicationID
        self.maxAge = maxAge
        self.isRefresh = isRefresh
        self.likelyApplicationID = likelyApplicationID
    }
}

/// A code to exchange.
package struct ExchangeRequest: Sendable, Hashable {
    package var code: AuthorizationCode
    /// The application the code was made for; nil for the only one that is configured.
    package var applicationID: String?

    package init(code: AuthorizationCode, applicationID: String? = nil) {
        self.code = code
        self.applicationID = applicationID
    }
}

/// What to revoke.
package struct RevocationRequest: Sendable, Hashable {
    package enum Subject: Sendable, Hashable {
        /// This token alone.
        case token(Token)
        /// Every token of this account.
        case account(String)
    }

    package var subject: Subject
    /// The application it is about; nil for the only one that is configured.
    package var applicationID: String?

    package init(_ subject: Subject, applicationID: String? = nil) {
        self.subject = subject
        self.applicationID = applicationID
    }
}

/// A question for one page of an application's accounts.
package struct AccountListRequest: Sendable, Hashable {
    /// How many accounts a page may have, by Account Kit's contract: 1 to 1,000.
    package static let pageSizes = 1...1000
    /// With the longest e-mail addresses there are, 100 accounts still fit into a frame and into the provider's answer.
    package static let defaultPageSize = 100

    /// The application whose accounts they are; nil for the only one that is configured.
    package var applicationID: String?
    /// The most accounts that the page may have. Whoever answers judges it: see ``pageSizes``.
    package var pageSize: Int
    /// The ``AccountPage/next`` of the page before; nil for the first.
    package var after: String?

    package init(applicationID: String? = nil, pageSize: Int = defaultPageSize, after: String? = nil) {
        self.applicationID = applicationID
        self.pageSize = pageSize
        self.after = after
    }
}

/// An account to delete.
package struct AccountDeletionRequest: Sendable, Hashable {
    /// The application whose account it is; nil for the only one that is configured.
    package var applicationID: String?
    package var accountID: String

    package init(accountID: String, applicationID: String? = nil) {
        self.accountID = accountID
        self.applicationID = applicationID
    }
}
