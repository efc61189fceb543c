package import DoormanCore

/// Verifies tokens. Doorman's layers are verifiers around each other: the cache around the governor around a provider.
package protocol TokenVerifier: Sendable {
    /// Validates the syntax of a token, without a provider request.
    ///
    /// - Returns: The rejection if the syntax is invalid; `nil` otherwise.
    func validateSyntax(of token: Token) -> Rejection?

    /// Verifies a token whose syntax is valid. The first layer validates the syntax, and no layer below does so again.
    ///
    /// - Parameter deadline: The end of the call. No layer takes longer.
    /// - Throws: ``VerificationError`` if no verdict could be reached.
    func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict
}

/// A verifier whose provider also issues and revokes tokens, and manages accounts.
package protocol TokenProvider: TokenVerifier {
    /// Exchanges a code for a token, and verifies the token.
    ///
    /// Never retried once the request may have been sent, since a code can be used only once.
    func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict

    /// Revokes one token, or every token of an account. Idempotent: revoking an invalid token succeeds.
    @discardableResult
    func revoke(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError) -> RevocationOutcome

    /// Returns a page of an application's accounts. Idempotent. Unsupported by default.
    func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage

    /// Deletes an account, and revokes its tokens. Idempotent. Unsupported by default.
    func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError)

    /// Checks the provider's own credential, with a request that contains no user's token. Unsupported by default.
    ///
    /// - Throws: ``VerificationError`` unless the provider accepted the credential.
    func checkCredential(deadline: Deadline) async throws(VerificationError)
}

extension TokenProvider {
    /// Throws ``VerificationError/Code/unsupported``.
    package func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage {
        throw VerificationError(.unsupported, "The provider does not support listing accounts.")
    }

    /// Throws ``VerificationError/Code/unsupported``.
    package func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) {
        throw VerificationError(.unsupported, "The provider does not support deleting accounts.")
    }

    /// Throws ``VerificationError/Code/unsupported``.
    package func checkCredential(deadline: Deadline) async throws(VerificationError) {
        throw VerificationError(.unsupported, "The provider has no credential to check.")
    }
}

/// A request to verify a token.
package struct VerificationRequest: Sendable, Hashable {
    package var token: Token
    /// The application that the call names; `nil` if it names none. Tried first, and a rejection by another application is no answer.
    /// Whether a valid token belongs to it is for the caller to check.
    package var applicationID: String?
    /// The maximum age of a cached verdict; `nil` for any age within its TTL.
    package var maxAge: Duration?
    /// Whether the request refreshes a cached entry ahead of time, so that no caller waits for it.
    package var isRefresh: Bool
    /// The application for which the token was valid before; `nil` if unknown. A rejected proof is then no rejection of the token.
    package var knownApplicationID: String?
    /// The caller that pays for all provider requests after the first. `nil` for a request that no call waits for. No part of the request
    /// on the wire.
    package var caller: Caller?

    package init(
        token: Token, applicationID: String? = nil, maxAge: Duration? = nil, isRefresh: Bool = false,
        knownApplicationID: String? = nil, caller: Caller? = nil
    ) {
        self.token = token
        self.applicationID = applicationID
        self.maxAge = maxAge
        self.isRefresh = isRefresh
        self.knownApplicationID = knownApplicationID
        self.caller = caller
    }
}

/// A request to exchange a code for a token.
package struct ExchangeRequest: Sendable, Hashable {
    package var code: AuthorizationCode
    /// The application that the code belongs to; `nil` for the only configured application.
    package var applicationID: String?
    /// The caller that pays for all provider requests after the first. No part of the request on the wire.
    package var caller: Caller?

    package init(code: AuthorizationCode, applicationID: String? = nil, caller: Caller? = nil) {
        self.code = code
        self.applicationID = applicationID
        self.caller = caller
    }
}

/// A request to revoke one token, or every token of an account.
package struct RevocationRequest: Sendable, Hashable {
    package enum Subject: Sendable, Hashable {
        /// One token.
        case token(Token)
        /// Every token of this account.
        case account(String)
    }

    package var subject: Subject
    /// The application of the token or account; `nil` for the only configured application.
    package var applicationID: String?
    /// The caller whose quota of denials the revocation counts towards, and that pays for all provider requests after the first. No part of
    /// the request on the wire.
    package var caller: Caller

    package init(_ subject: Subject, applicationID: String? = nil, caller: Caller = .unknown) {
        self.subject = subject
        self.applicationID = applicationID
        self.caller = caller
    }
}

/// The result of a revocation that the provider carried out.
package enum RevocationOutcome: Sendable, Hashable {
    /// The provider revoked the token, or every token of the account.
    case revoked
    /// The token was invalid already.
    case alreadyInvalid
}

/// A request for a page of an application's accounts.
package struct AccountListRequest: Sendable, Hashable {
    /// The page sizes that Account Kit allows: 1 to 1,000 accounts.
    package static let pageSizes = 1...1000
    /// The default page size. Even with e-mail addresses of maximum length, 100 accounts fit into a frame and into
    /// `provider.max-body`.
    package static let defaultPageSize = 100

    /// The application of the accounts; `nil` for the only configured application.
    package var applicationID: String?
    /// The maximum number of accounts in the page. The provider's verifier validates it: see ``pageSizes``.
    package var pageSize: Int
    /// The ``AccountPage/next`` cursor of the previous page; `nil` for the first page.
    package var after: String?
    /// The caller that pays for all provider requests after the first. No part of the request on the wire.
    package var caller: Caller?

    package init(
        applicationID: String? = nil, pageSize: Int = defaultPageSize, after: String? = nil, caller: Caller? = nil
    ) {
        self.applicationID = applicationID
        self.pageSize = pageSize
        self.after = after
        self.caller = caller
    }
}

/// A request to delete an account.
package struct AccountDeletionRequest: Sendable, Hashable {
    /// The application of the account; `nil` for the only configured application.
    package var applicationID: String?
    package var accountID: String
    /// The caller whose quota of denials the deletion counts towards, and that pays for all provider requests after the first. No part of
    /// the request on the wire.
    package var caller: Caller

    package init(accountID: String, applicationID: String? = nil, caller: Caller = .unknown) {
        self.accountID = accountID
        self.applicationID = applicationID
        self.caller = caller
    }
}
