package import DoormanCore
package import DoormanSupport
internal import GraphAPI
package import ProviderHTTP
internal import StrictJSON

/// Verifies tokens with Account Kit over an HTTP transport.
///
/// Sends each request at most once: retries and limits are the governor's task.
package struct AccountKitVerifier: TokenProvider {
    let settings: AccountKitSettings
    let requests: AccountKitRequests
    private let client: ProviderClient
    private let standing = CredentialStanding()

    /// - Throws: ``AccountKitSettings/Invalid`` if a setting is invalid.
    package init(_ settings: AccountKitSettings, client: ProviderClient) throws(AccountKitSettings.Invalid) {
        if let problem = settings.problem { throw problem }
        self.settings = settings
        self.requests = AccountKitRequests(settings)
        self.client = client
    }

    package func validateSyntax(of token: Token) -> Rejection? {
        TokenSyntax.rejection(of: token.bytes, maximumBytes: settings.maximumTokenBytes)
    }

    /// Returns none: a token is compared byte for byte.
    package func equivalents(of token: Token, naming provider: String?) -> [Token] { [] }

    package func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        try await introspect(request.token, deadline: deadline)
    }

    /// Requests the account of a token (E2). The token's syntax must be valid.
    func introspect(_ token: Token, deadline: Deadline) async throws(VerificationError) -> Verdict {
        let response = try await send(requests.me(token), to: .me, deadline: deadline)
        switch response {
        case .success(let body):
            guard let me = MeResponse(body) else { throw .malformedResponse }
            return try verdict(on: me)
        case .rejected(let kind):
            return .rejected(Rejection(kind))
        case .busy, .unavailable, .misconfigured:
            throw VerificationError(response)
        }
    }

    /// Rejects tokens of other applications (the contract, section 4.1).
    ///
    /// - Throws: `.providerMisconfigured` if the configured application id may be wrong: a rejection would log every user out.
    private func verdict(on me: MeResponse) throws(VerificationError) -> Verdict {
        if let applicationID = me.applicationID {
            guard applicationID == settings.application.id else {
                if standing.mayBeWrong { throw .anotherApplicationUnconfirmed }
                return .rejected(.anotherApplication)
            }
        } else if !settings.acceptAnswersWithoutApplication {
            return .rejected(.unknownApplication)
        }
        // Without an application in the response, the accepted proof vouches for it: this option requires a secret.
        var identity = Identity(
            accountID: me.accountID, applicationID: me.applicationID ?? settings.application.id, provider: settings.name,
            verifiedAt: client.time.wallTime())
        switch me.contact {
        case .phone(let number, let countryPrefix, let nationalNumber):
            identity.phone = PhoneNumber(number: number, countryPrefix: countryPrefix, nationalNumber: nationalNumber)
        case .email(let address):
            identity.email = address
        }
        standing.confirm()
        return .valid(identity)
    }

    /// Sends a request within the time left, and classifies the response.
    func send(
        _ request: HTTPRequest, to endpoint: AccountKitEndpoint, deadline: Deadline
    ) async throws(VerificationError) -> ResponseClassification {
        try await client.send(request, about: endpoint.subject, to: endpoint.endpoint, deadline: deadline)
    }
}

extension AccountKitVerifier {
    package func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        try check(applicationID: request.applicationID)
        if let rejection = CodeSyntax.rejection(of: request.code.bytes, maximumBytes: settings.maximumCodeBytes) {
            return .rejected(rejection)
        }
        guard let exchange = requests.exchange(request.code) else {
            throw .misconfigured("Exchanging a code requires the Account Kit app secret: configure it.")
        }
        let response = try await send(exchange, to: .accessToken, deadline: deadline)
        switch response {
        case .success(let body):
            guard let issued = AccessTokenResponse(body, maximumTokenBytes: settings.maximumTokenBytes) else {
                throw .malformedResponse
            }
            return await verdict(on: issued, deadline: deadline)
        case .rejected(let kind):
            return .rejected(Rejection(kind))
        case .busy, .unavailable, .misconfigured:
            throw VerificationError(response)
        }
    }

    /// Introspects a new token. The code has been used, so the token must reach the caller even without an identity.
    ///
    /// The identity is absent if introspection fails or names another account. It is absent, too, if the proof is rejected: the
    /// token is our own, so the secret changed between the two requests.
    private func verdict(on issued: AccessTokenResponse, deadline: Deadline) async -> ExchangeVerdict {
        do {
            switch try await introspect(issued.token, deadline: deadline) {
            case .valid(let identity): return .issued(issued.token, identity.accountID == issued.accountID ? identity : nil)
            case .rejected(let rejection):
                return rejection.reason == .proofRejected ? .issued(issued.token, nil) : .rejected(rejection)
            case .forbidden: return .issued(issued.token, nil)
            }
        } catch {
            return .issued(issued.token, nil)
        }
    }

    /// - Throws: ``VerificationError/unknownApplication`` if the request names an application other than ours.
    func check(applicationID: String?) throws(VerificationError) {
        guard let applicationID, applicationID != settings.application.id else { return }
        throw .unknownApplication
    }
}

extension AccountKitVerifier {
    package func revoke(
        _ request: RevocationRequest, deadline: Deadline
    ) async throws(VerificationError) -> RevocationOutcome {
        try check(applicationID: request.applicationID)
        switch request.subject {
        case .token(let token): return try await revoke(token, deadline: deadline)
        case .account(let id): return try await revokeAllTokens(ofAccount: id, deadline: deadline)
        }
    }

    /// Logs out one token (E3).
    private func revoke(_ token: Token, deadline: Deadline) async throws(VerificationError) -> RevocationOutcome {
        if let rejection = validateSyntax(of: token) { throw VerificationError(.invalidRequest, rejection.message) }
        let response = try await send(requests.logout(token), to: .logout, deadline: deadline)
        switch response {
        case .rejected(.tokenRejected):
            return .alreadyInvalid
        case .rejected(.proofInvalid):
            throw .misconfigured(ResponseKind.proofInvalid.message, request: .responded)
        default:
            return try confirm(response)
        }
    }

    /// Logs out every token of an account (E4). The request carries the app token.
    private func revokeAllTokens(
        ofAccount id: String, deadline: Deadline
    ) async throws(VerificationError) -> RevocationOutcome {
        guard DecimalDigits.areID(id, upTo: 64) else {
            throw .invalidAccountID
        }
        guard let request = requests.invalidateAllTokens(accountID: id) else {
            throw .misconfigured("Logging out an account requires the Account Kit app secret: configure it.")
        }
        let response = try await send(request, to: .invalidateAllTokens, deadline: deadline)
        guard response != .rejected(.proofInvalid) else { throw .applicationRejected }
        return try confirm(response)
    }

    /// Checks for the body `{"success":true}`, which both logout endpoints return.
    private func confirm(_ response: ResponseClassification) throws(VerificationError) -> RevocationOutcome {
        switch response {
        case .success(let body):
            guard body["success"] == .bool(true) else { throw .malformedResponse }
            return .revoked
        case .rejected:
            throw VerificationError(.invalidRequest, "Account Kit rejected the revocation.", request: .responded)
        case .busy, .unavailable, .misconfigured:
            throw VerificationError(response)
        }
    }
}

// Operators' calls carry the app token, and no user's.

extension AccountKitVerifier {
    /// Lists a page of accounts (E6). The request for the next page is built from the cursor alone: see ``PageCursor``.
    package func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage {
        try check(applicationID: request.applicationID)
        guard AccountListRequest.pageSizes.contains(request.pageSize) else {
            throw VerificationError(.invalidRequest, "Invalid page size: expected 1 to 1000 accounts.")
        }
        if let after = request.after, !PageCursor.isPossible(after) {
            throw VerificationError(.invalidRequest, "Invalid page cursor: pass the cursor that the previous page returned.")
        }
        guard let httpRequest = requests.accounts(limit: request.pageSize, after: request.after) else {
            throw .misconfigured("Listing accounts requires the Account Kit app secret: configure it.")
        }
        let body = try await success(
            of: httpRequest, to: .accounts, rejectionMessage: "Account Kit rejected the listing of accounts.", deadline: deadline)
        // A caller would request a page that links to itself for ever.
        guard let page = AccountsResponse(body, limit: request.pageSize)?.page, page.next == nil || page.next != request.after
        else {
            throw .malformedResponse
        }
        return page
    }

    /// Checks application id and secret by listing one account (E6).
    package func checkCredential(deadline: Deadline) async throws(VerificationError) {
        guard let request = requests.accounts(limit: 1, after: nil) else {
            throw VerificationError(.unsupported, "No app secret is configured, so there is no credential to check.")
        }
        standing.beginCheck()
        do throws(VerificationError) {
            _ = try await success(
                of: request, to: .accounts, rejectionMessage: "Account Kit rejected the credential check.", deadline: deadline)
            standing.confirm()
        } catch {
            standing.doubt()
            throw error
        }
    }

    /// Deletes an account (E5).
    package func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) {
        try check(applicationID: request.applicationID)
        guard DecimalDigits.areID(request.accountID, upTo: 64) else {
            throw .invalidAccountID
        }
        guard let httpRequest = requests.deleteAccount(id: request.accountID) else {
            throw .misconfigured("Deleting an account requires the Account Kit app secret: configure it.")
        }
        let body = try await success(
            of: httpRequest, to: .deleteAccount, rejectionMessage: "Account Kit rejected the deletion of the account.",
            deadline: deadline)
        guard body["success"] == .bool(true) else { throw .malformedResponse }
    }

    /// Sends an operator's request, and returns the body of a successful response.
    ///
    /// - Parameter rejectionMessage: The error's message if Account Kit rejects the request, and not the app token.
    private func success(
        of request: HTTPRequest, to endpoint: AccountKitEndpoint, rejectionMessage: String, deadline: Deadline
    ) async throws(VerificationError) -> [String: JSONValue] {
        let response = try await send(request, to: endpoint, deadline: deadline)
        switch response {
        case .success(let body):
            return body
        case .rejected(.proofInvalid):
            throw .applicationRejected
        case .rejected:
            throw VerificationError(.invalidRequest, rejectionMessage)
        case .busy, .unavailable, .misconfigured:
            throw VerificationError(response)
        }
    }
}

extension VerificationError {
    /// Either the token belongs to another application, or the configured application id does.
    fileprivate static let anotherApplicationUnconfirmed = misconfigured(
        "The token is not of the configured application, whose credential could not be confirmed: check the app id and the app secret.",
        request: .responded)
}
