internal import DoormanSupport

/// One of the contract's six calls, or none of them. The raw value is its name in statistics, faults and logs.
package enum Endpoint: String, Sendable, Hashable, CaseIterable {
    /// E1: a code for a token.
    case accessToken = "access_token"
    /// E2: whose token is it?
    case me
    /// E3: a token is void from now on.
    case logout
    /// E4: every token of an account is void from now on.
    case invalidateAllTokens = "invalidate_all_tokens"
    /// E5: the account is gone.
    case deleteAccount = "delete_account"
    /// E6: the accounts of an app.
    case accounts
    /// Whatever else was asked.
    case unknown
}

/// The versions that Account Kit had.
enum Version: String, CaseIterable {
    case first = "v1.0"
    case second = "v1.1"
    case third = "v1.2"
    case fourth = "v1.3"

    /// Only v1.0 does not say for which app a token was made.
    var namesApplication: Bool { self != .first }
}

/// Where a call goes.
struct Route {
    let version: Version
    let endpoint: Endpoint
    /// The account (E4, E5) or app (E6) that the path names; empty for the others.
    let subject: String

    /// - Throws: ``GraphError/unknownPath`` for an unknown version, ``GraphError/unsupported`` for a path or method of none of the calls.
    init(_ call: Call) throws(GraphError) {
        var path = call.path[...]
        // As on all of Graph, a call without a version is one of the oldest.
        var version = Version.first
        if let first = path.first, Self.looksLikeVersion(first) {
            guard let known = Version(rawValue: first) else { throw .unknownPath }
            version = known
            path.removeFirst()
        }
        self.version = version
        switch (call.method, path.first ?? "", path.dropFirst().first, path.count) {
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
