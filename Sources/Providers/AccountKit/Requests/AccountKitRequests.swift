package import DoormanCore
private import DoormanCrypto
internal import DoormanSupport
package import ProviderHTTP

/// Which call of the contract (section 2).
package enum AccountKitEndpoint: String, Sendable, Hashable, CaseIterable {
    /// E1: a code for a token.
    case accessToken = "access_token"
    /// E2: whose token it is.
    case me
    /// E3: one token made void.
    case logout
    /// E4: all tokens of an account made void.
    case invalidateAllTokens = "invalidate_all_tokens"
    /// E5: an account deleted.
    case deleteAccount = "delete_account"
    /// E6: a page of the application's accounts.
    case accounts
}

/// Builds the requests of the contract (section 2). Pure: it sends nothing.
///
/// The contract forces tokens and secrets into query strings, so nothing that holds a URL is ever shown.
package struct AccountKitRequests: Sendable {
    private let root: [UInt8]
    private let applicationID: String
    private let secret: AppSecret?
    private let proofKey: HMACSHA256?

    /// - Parameter settings: Without a ``AccountKitSettings/problem``.
    package init(_ settings: AccountKitSettings) {
        let base = settings.baseURL.hasSuffix("/") ? settings.baseURL.dropLast() : settings.baseURL[...]
        root = Array("\(base)/\(settings.apiVersion)/".utf8)
        applicationID = settings.application.id
        secret = settings.application.secret
        proofKey = secret.map { HMACSHA256(key: $0.bytes) }
    }

    /// E1. Not repeatable: the code is good once, and a lost answer makes a second try "has been used".
    ///
    /// - Returns: Nil without a secret.
    package func exchange(_ code: AuthorizationCode) -> HTTPRequest? {
        appAccessToken.map { appAccessToken in
            let query: [(String, [UInt8])] = [
                ("grant_type", Array("authorization_code".utf8)), ("code", code.bytes), ("access_token", appAccessToken),
            ]
            return HTTPRequest(.get, url: url("access_token", query), isRepeatable: false)
        }
    }

    /// E2.
    package func me(_ token: Token) -> HTTPRequest {
        HTTPRequest(.get, url: url("me", query(for: token)), isRepeatable: true)
    }

    /// E3.
    package func logout(_ token: Token) -> HTTPRequest {
        HTTPRequest(.post, url: url("logout", query(for: token)), isRepeatable: true)
    }

    /// E4.
    ///
    /// - Parameter accountID: Decimal digits; anything else traps, since it would become a part of the path.
    /// - Returns: Nil without a secret.
    package func invalidateAllTokens(accountID: String) -> HTTPRequest? {
        precondition(DecimalDigits.areAll(accountID, upTo: 64), "an account id is decimal digits")
        return appAccessToken.map { appAccessToken in
            HTTPRequest(
                .post, url: url("\(accountID)/invalidate_all_tokens", [("access_token", appAccessToken)]), isRepeatable: true)
        }
    }

    /// E5.
    ///
    /// - Parameter accountID: Decimal digits; anything else traps, since it would become a part of the path.
    /// - Returns: Nil without a secret.
    package func deleteAccount(id accountID: String) -> HTTPRequest? {
        precondition(DecimalDigits.areAll(accountID, upTo: 64), "an account id is decimal digits")
        return appAccessToken.map { appAccessToken in
            HTTPRequest(.delete, url: url(accountID, [("access_token", appAccessToken)]), isRepeatable: true)
        }
    }

    /// E6.
    ///
    /// - Parameter after: A cursor of ``AccountsResponse``; nil for the first page.
    /// - Returns: Nil without a secret.
    package func accounts(limit: Int, after: String?) -> HTTPRequest? {
        appAccessToken.map { appAccessToken in
            var query = [("access_token", appAccessToken), ("limit", Array("\(limit)".utf8))]
            if let after { query.append(("after", Array(after.utf8))) }
            return HTTPRequest(.get, url: url("\(applicationID)/accounts/", query), isRepeatable: true)
        }
    }

    /// `AA|<app id>|<secret>`, section 1.
    private var appAccessToken: [UInt8]? {
        secret.map { Array("AA|\(applicationID)|".utf8) + $0.bytes }
    }

    private func query(for token: Token) -> [(String, [UInt8])] {
        var query = [("access_token", token.bytes)]
        if let proofKey {
            query.append(("appsecret_proof", Array(proofKey.authenticationCode(for: token.bytes.span).hexadecimal.utf8)))
        }
        return query
    }

    private func url(_ path: String, _ query: [(name: String, value: [UInt8])]) -> String {
        var url = root
        url.append(contentsOf: path.utf8)
        for (index, parameter) in query.enumerated() {
            url.append(index == 0 ? UInt8(ascii: "?") : UInt8(ascii: "&"))
            url.append(contentsOf: parameter.name.utf8)
            url.append(UInt8(ascii: "="))
            PercentEncoding.append(parameter.value, to: &url)
        }
        return String(decoding: url, as: UTF8.self)
    }
}

extension AccountKitRequests: Redacted {
    package var description: String { "AccountKitRequests(redacted)" }
}
