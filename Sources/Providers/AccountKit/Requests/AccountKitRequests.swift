package import DoormanCore
internal import DoormanSupport
package import GraphAPI
package import ProviderHTTP

/// An endpoint of Account Kit (the contract, section 2). The raw values are the names in metrics.
package enum AccountKitEndpoint: String, Sendable, Hashable, CaseIterable {
    /// E1: exchanges a code for a token.
    case accessToken = "access_token"
    /// E2: returns the account of a token.
    case me
    /// E3: logs out one token.
    case logout
    /// E4: logs out all tokens of an account.
    case invalidateAllTokens = "invalidate_all_tokens"
    /// E5: deletes an account.
    case deleteAccount = "delete_account"
    /// E6: returns a page of the application's accounts, and checks its credential.
    case accounts

    /// The endpoint in the statistics.
    package var endpoint: ProviderEndpoint {
        switch self {
        case .accessToken: ProviderEndpoint(rawValue, .spendsCode)
        case .accounts: ProviderEndpoint(rawValue, [.checksCredential, .isPaged])
        case .me, .logout, .invalidateAllTokens, .deleteAccount: ProviderEndpoint(rawValue)
        }
    }

    /// The subject of requests to this endpoint.
    package var subject: GraphSubject {
        switch self {
        case .me, .logout: .userToken
        case .accessToken: .code
        case .invalidateAllTokens, .accounts: .application
        case .deleteAccount: .deletion
        }
    }
}

/// Builds the requests of the contract (section 2). Pure: sends nothing.
///
/// The contract puts tokens and secrets into query strings, so the description of a value that contains a URL is redacted.
package struct AccountKitRequests: Sendable {
    private let root: GraphRoot
    private let applicationID: String
    private let secret: AppSecret?
    private let proof: AppSecretProof?

    /// - Parameter settings: Valid settings: see ``AccountKitSettings/problem``.
    package init(_ settings: AccountKitSettings) {
        root = GraphRoot(baseURL: settings.baseURL, version: settings.apiVersion)
        applicationID = settings.application.id
        secret = settings.application.secret
        proof = secret.map(AppSecretProof.init)
    }

    /// Builds the exchange of a code (E1). Not repeatable: a code can be used once, so a retry after a lost response would fail.
    ///
    /// - Returns: `nil` without a secret.
    package func exchange(_ code: AuthorizationCode) -> HTTPRequest? {
        appAccessToken.map { appAccessToken in
            let query: [PercentEncoding.Parameter] = [
                ("grant_type", Array("authorization_code".utf8)), ("code", code.bytes), ("access_token", appAccessToken),
            ]
            return HTTPRequest(.get, url: root.url("access_token", query), isRepeatable: false)
        }
    }

    /// Builds the request for the account of a token (E2).
    package func me(_ token: Token) -> HTTPRequest {
        HTTPRequest(.get, url: root.url("me", query(for: token)), isRepeatable: true)
    }

    /// Builds the logout of a token (E3).
    package func logout(_ token: Token) -> HTTPRequest {
        HTTPRequest(.post, url: root.url("logout", query(for: token)), isRepeatable: true)
    }

    /// Builds the logout of all tokens of an account (E4).
    ///
    /// - Parameter accountID: 1 to 64 decimal digits without a leading zero; anything else traps, since the id becomes a part of the path.
    /// - Returns: `nil` without a secret.
    package func invalidateAllTokens(accountID: String) -> HTTPRequest? {
        precondition(DecimalDigits.areID(accountID, upTo: 64), "an account id is decimal digits")
        return appAccessToken.map { appAccessToken in
            HTTPRequest(
                .post, url: root.url("\(accountID)/invalidate_all_tokens", [("access_token", appAccessToken)]), isRepeatable: true)
        }
    }

    /// Builds the deletion of an account (E5).
    ///
    /// - Parameter accountID: 1 to 64 decimal digits without a leading zero; anything else traps, since the id becomes a part of the path.
    /// - Returns: `nil` without a secret.
    package func deleteAccount(id accountID: String) -> HTTPRequest? {
        precondition(DecimalDigits.areID(accountID, upTo: 64), "an account id is decimal digits")
        return appAccessToken.map { appAccessToken in
            HTTPRequest(.delete, url: root.url(accountID, [("access_token", appAccessToken)]), isRepeatable: true)
        }
    }

    /// Builds the request for a page of accounts (E6).
    ///
    /// - Parameters:
    ///   - limit: The maximum number of accounts in the page.
    ///   - after: The cursor from the previous page's ``AccountsResponse``; `nil` for the first page.
    /// - Returns: `nil` without a secret.
    package func accounts(limit: Int, after: String?) -> HTTPRequest? {
        appAccessToken.map { appAccessToken in
            var query = [("access_token", appAccessToken), ("limit", Array("\(limit)".utf8))]
            if let after { query.append(("after", Array(after.utf8))) }
            return HTTPRequest(.get, url: root.url("\(applicationID)/accounts/", query), isRepeatable: true)
        }
    }

    /// `AA|<app id>|<secret>` (the contract, section 1); `nil` without a secret.
    private var appAccessToken: [UInt8]? {
        secret.map { Array("AA|\(applicationID)|".utf8) + $0.bytes }
    }

    private func query(for token: Token) -> [PercentEncoding.Parameter] {
        [("access_token", token.bytes)] + (proof.map { [$0.parameter(for: token)] } ?? [])
    }
}

extension AccountKitRequests: Redacted {
    package var description: String { "AccountKitRequests(redacted)" }
}
