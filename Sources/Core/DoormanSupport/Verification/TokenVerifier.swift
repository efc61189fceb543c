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

    /// Returns the only provider and application that an operation can be for, without a provider request. Returns the target that the call
    /// names by default.
    ///
    /// - Throws: `.invalidRequest` if the call must name one of several, or names one that is not configured; `.unsupported` if no provider
    ///   has the operation.
    func resolve(_ target: ProviderTarget, for operation: ProviderOperation) throws(VerificationError) -> ProviderTarget

    /// Returns a page of an application's accounts. Idempotent. Unsupported by default.
    func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage

    /// Deletes an account, and revokes its tokens. Idempotent. Unsupported by default.
    func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError)

    /// Returns the other tokens that everyone can make of a token, and that the provider accepts in its place. A revocation denies them, too.
    /// It has no default: a layer that did not forward it would let a revoked token pass.
    ///
    /// - Parameter provider: The provider that the call names; `nil` if it names none.
    func equivalents(of token: Token, naming provider: String?) -> [Token]

    /// Checks the provider's own credential, with a request that contains no user's token. Unsupported by default.
    ///
    /// - Throws: ``VerificationError`` unless the provider accepted the credential.
    func checkCredential(deadline: Deadline) async throws(VerificationError)
}

/// A provider that sends each call to the provider that can serve it, and that knows all of their names.
///
/// None of these methods has a default. A layer around a router that did not forward one would answer for it, and a revoked token would be
/// accepted.
package protocol TokenRouter: TokenProvider {
    /// Returns whether a provider of this name is configured.
    func knows(provider: String) -> Bool

    /// Returns whether the provider of this name goes on to accept a token that was revoked through Doorman. Then only Doorman denies it.
    func seesNoRevocation(provider: String) -> Bool

    /// Returns whether a token would be verified by such a provider; false if that shows only in its verdict.
    func seesNoRevocation(of token: Token, naming provider: String?) -> Bool

    /// Validates the syntax of a token for a call that names a provider; `nil` if it names none.
    func validateSyntax(of token: Token, naming provider: String?) -> Rejection?
}

/// An operation whose provider and application can't be told from a token.
package enum ProviderOperation: Sendable, Hashable, CaseIterable {
    case exchange
    case accountRevocation
    case accountList
    case accountDeletion
}

extension TokenProvider {
    /// Returns the target that the call names.
    package func resolve(_ target: ProviderTarget, for operation: ProviderOperation) throws(VerificationError) -> ProviderTarget {
        target
    }

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

/// The purpose of a verification. Layers that let requests wait serve both purposes in turn, so that neither can starve the other: a flood of
/// unknown tokens can't keep known ones from being refreshed in time.
package enum CallPurpose: Sendable, Hashable {
    /// A caller waits for the response.
    case demand
    /// Refreshes a cached entry before its TTL ends. No caller waits for the response.
    case refresh
}

/// A request to verify a token.
package struct VerificationRequest: Sendable, Hashable {
    package var token: Token
    /// The provider that the call names; `nil` if it names none.
    package var provider: String?
    /// The application that the call names; `nil` if it names none. Tried first, and a rejection by another application is no answer.
    /// Whether a valid token belongs to it is for the caller to check.
    package var applicationID: String?
    /// The scopes that the call requires. No provider's verifier looks at them.
    package var requiredScopes: [String]
    /// The maximum age of a cached verdict; `nil` for any age within its TTL.
    package var maxAge: Duration?
    /// The revocation that the verdict must not be older than; `nil` for none. No provider's verifier looks at it.
    package var notBefore: RevocationPosition?
    package var purpose: CallPurpose
    /// The provider and the application for which the token was valid before; `nil` if unknown. A rejected proof is then no rejection of the
    /// token.
    package var known: ProviderTarget?
    /// The caller that pays for all provider requests after the first. `nil` for a request that no call waits for. No part of the request
    /// on the wire.
    package var caller: Caller?

    /// The provider and the application that the call names.
    package var target: ProviderTarget { ProviderTarget(provider: provider, applicationID: applicationID) }

    package init(
        token: Token, requirements: TokenRequirements = .none, maxAge: Duration? = nil, purpose: CallPurpose = .demand,
        known: ProviderTarget? = nil, caller: Caller? = nil
    ) {
        self.token = token
        provider = requirements.provider
        applicationID = requirements.applicationID
        requiredScopes = requirements.scopes
        self.maxAge = maxAge
        self.purpose = purpose
        self.known = known
        self.caller = caller
    }

    /// Creates a request that names an application only.
    package init(token: Token, applicationID: String?, maxAge: Duration? = nil, caller: Caller? = nil) {
        self.init(
            token: token, requirements: TokenRequirements(applicationID: applicationID), maxAge: maxAge, caller: caller)
    }
}

/// A request to exchange a code for a token.
package struct ExchangeRequest: Sendable, Hashable {
    package var code: AuthorizationCode
    /// The provider that the call names; `nil` if it names none.
    package var provider: String?
    /// The application that the code belongs to; `nil` for the only configured application.
    package var applicationID: String?
    /// The caller that pays for all provider requests after the first. No part of the request on the wire.
    package var caller: Caller?

    /// The provider and the application that the call names.
    package var target: ProviderTarget { ProviderTarget(provider: provider, applicationID: applicationID) }

    package init(code: AuthorizationCode, provider: String? = nil, applicationID: String? = nil, caller: Caller? = nil) {
        self.provider = provider
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
    /// The provider that the call names; `nil` if it names none.
    package var provider: String?
    /// The application of the token or account; `nil` for the only configured application.
    package var applicationID: String?
    /// The caller whose quota of denials the revocation counts towards, and that pays for all provider requests after the first. No part of
    /// the request on the wire.
    package var caller: Caller

    /// The provider and the application that the call names.
    package var target: ProviderTarget { ProviderTarget(provider: provider, applicationID: applicationID) }

    package init(_ subject: Subject, provider: String? = nil, applicationID: String? = nil, caller: Caller = .unknown) {
        self.provider = provider
        self.subject = subject
        self.applicationID = applicationID
        self.caller = caller
    }
}

/// The result of a revocation.
package enum RevocationOutcome: Sendable, Hashable {
    /// The provider revoked the token, or every token of the account.
    case revoked
    /// The token was invalid already.
    case alreadyInvalid
    /// The token is valid, and only Doorman can deny it, until this time; `nil` if the token has no end.
    case deniedLocally(until: Timestamp?)

    /// Returns the result of revocations at two providers: the one with the longer denial.
    package func combined(with other: RevocationOutcome) -> RevocationOutcome {
        switch (self, other) {
        case (.deniedLocally(let end?), .deniedLocally(let otherEnd?)): .deniedLocally(until: max(end, otherEnd))
        // A token without an end at one of them is accepted there for longer than any end.
        case (.deniedLocally, .deniedLocally): .deniedLocally(until: nil)
        case (.deniedLocally, _), (.revoked, .alreadyInvalid), (.revoked, .revoked): self
        case (.alreadyInvalid, _), (.revoked, .deniedLocally): other
        }
    }
}

/// A request for a page of an application's accounts.
package struct AccountListRequest: Sendable, Hashable {
    /// The page sizes that Account Kit allows: 1 to 1,000 accounts.
    package static let pageSizes = 1...1000
    /// The default page size. Even with e-mail addresses of maximum length, 100 accounts fit into a frame and into
    /// `provider.max-body`.
    package static let defaultPageSize = 100

    /// The provider that the call names; `nil` if it names none.
    package var provider: String?
    /// The application of the accounts; `nil` for the only configured application.
    package var applicationID: String?
    /// The maximum number of accounts in the page. The provider's verifier validates it: see ``pageSizes``.
    package var pageSize: Int
    /// The ``AccountPage/next`` cursor of the previous page; `nil` for the first page.
    package var after: String?
    /// The caller that pays for all provider requests after the first. No part of the request on the wire.
    package var caller: Caller?

    /// The provider and the application that the call names.
    package var target: ProviderTarget { ProviderTarget(provider: provider, applicationID: applicationID) }

    package init(
        provider: String? = nil, applicationID: String? = nil, pageSize: Int = defaultPageSize, after: String? = nil,
        caller: Caller? = nil
    ) {
        self.provider = provider
        self.applicationID = applicationID
        self.pageSize = pageSize
        self.after = after
        self.caller = caller
    }
}

/// A request to delete an account.
package struct AccountDeletionRequest: Sendable, Hashable {
    /// The provider that the call names; `nil` if it names none.
    package var provider: String?
    /// The application of the account; `nil` for the only configured application.
    package var applicationID: String?
    package var accountID: String
    /// The caller whose quota of denials the deletion counts towards, and that pays for all provider requests after the first. No part of
    /// the request on the wire.
    package var caller: Caller

    /// The provider and the application that the call names.
    package var target: ProviderTarget { ProviderTarget(provider: provider, applicationID: applicationID) }

    package init(
        accountID: String, provider: String? = nil, applicationID: String? = nil, caller: Caller = .unknown
    ) {
        self.provider = provider
        self.accountID = accountID
        self.applicationID = applicationID
        self.caller = caller
    }
}
