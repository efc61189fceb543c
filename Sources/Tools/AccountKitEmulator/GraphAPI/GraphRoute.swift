internal import DoormanSupport

/// A call of the Graph API or of the OpenID issuer. Facebook Login has no ``me`` of its own. The raw value is its name in statistics, faults and logs.
package enum Endpoint: String, Sendable, Hashable, CaseIterable {
    /// E1: exchanges a code for a token.
    case accessToken = "access_token"
    /// E2: returns the identity of a token.
    case me
    /// E3: revokes a token.
    case logout
    /// E4: revokes all tokens of an account.
    case invalidateAllTokens = "invalidate_all_tokens"
    /// E5: deletes an account.
    case deleteAccount = "delete_account"
    /// E6: lists the accounts of an app.
    case accounts
    /// Facebook Login: describes a token.
    case debugToken = "debug_token"
    /// Facebook Login: revokes all tokens of a user.
    case permissions
    /// The discovery document of the OpenID issuer.
    case openIDConfiguration = "openid_configuration"
    /// The keys of the OpenID issuer.
    case openIDKeys = "openid_keys"
    /// Any other path or method.
    case unknown
}

/// The versions of Account Kit's Graph API.
enum GraphVersion: String, CaseIterable {
    case first = "v1.0"
    case second = "v1.1"
    case third = "v1.2"
    case fourth = "v1.3"
}

/// The call that a request makes, and what it concerns.
struct GraphRoute {
    let version: GraphVersion
    let endpoint: Endpoint
    /// The account (E4, E5) or app (E6) that the path names; empty for other calls.
    let subject: String

    /// - Throws: ``GraphError/unknownPath`` for an unknown version, ``GraphError/unsupported`` for an unknown path or method.
    init(_ request: GraphRequest) throws(GraphError) {
        var path = request.path[...]
        // All Graph APIs take a request without a version for one of the first version.
        var version = GraphVersion.first
        if let first = path.first, Self.looksLikeVersion(first) {
            guard let known = GraphVersion(rawValue: first) else { throw .unknownPath }
            version = known
            path.removeFirst()
        }
        self.version = version
        switch (request.method, path.first ?? "", path.dropFirst().first, path.count) {
        case ("GET", "access_token", nil, 1): (endpoint, subject) = (.accessToken, "")
        case ("GET", "me", nil, 1): (endpoint, subject) = (.me, "")
        case ("POST", "logout", nil, 1): (endpoint, subject) = (.logout, "")
        case ("POST", let account, "invalidate_all_tokens", 2): (endpoint, subject) = (.invalidateAllTokens, account)
        case ("DELETE", let account, nil, 1) where Self.isNumber(account): (endpoint, subject) = (.deleteAccount, account)
        case ("GET", let app, "accounts", 2): (endpoint, subject) = (.accounts, app)
        default: throw .unsupported
        }
    }

    private static func looksLikeVersion(_ segment: String) -> Bool {
        segment.first == "v" && segment.dropFirst().first?.isNumber == true
    }

    private static func isNumber(_ segment: String) -> Bool {
        !segment.isEmpty && segment.utf8.allSatisfy(\.isASCIIDigit)
    }
}
