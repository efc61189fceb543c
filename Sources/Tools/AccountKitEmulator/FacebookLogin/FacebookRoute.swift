internal import DoormanSupport

/// A call of Facebook Login. Every version of the Graph API has the same.
enum FacebookRoute {
    /// `GET /debug_token`: tells what a token is, to its app.
    case debugToken
    /// `GET /me` with a token of Facebook Login.
    case me
    /// `DELETE /{user}/permissions`: revokes all tokens of a user. The user may be `me`.
    case permissions(user: String)

    /// - Returns: `nil` for a request of Account Kit, or for an unknown path.
    init?(_ request: GraphRequest) {
        var path = request.path[...]
        if let first = path.first, Self.isVersion(first) { path.removeFirst() }
        switch (request.method, path.first, path.dropFirst().first, path.count) {
        case ("GET", "debug_token", nil, 1): self = .debugToken
        case ("GET", "me", nil, 1) where request.query["access_token"]?.hasPrefix(FacebookGrant.prefix) == true: self = .me
        case ("DELETE", let user?, "permissions", 2): self = .permissions(user: user)
        default: return nil
        }
    }

    var endpoint: Endpoint {
        switch self {
        case .debugToken: .debugToken
        case .me: .me
        case .permissions: .permissions
        }
    }

    /// Whether the text is a version such as `v19.0`.
    private static func isVersion(_ segment: String) -> Bool {
        let numbers = segment.dropFirst().split(separator: ".", omittingEmptySubsequences: false)
        return segment.first == "v" && numbers.count == 2
            && numbers.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(\.isASCIIDigit) }
    }
}

/// The permissions that a user gave to an app at a log-in with Facebook, and their time.
package struct FacebookGrant: Sendable, Hashable {
    /// The start of each user token.
    static let prefix = "EAA"
    /// The permissions of a log-in that names none.
    package static let standardScopes = ["email", "public_profile"]
    /// 60 days in seconds.
    package static let standardLifetime = 5_184_000

    var scopes: [String]
    /// Seconds since 1970.
    var issuedAt: Int
    /// Seconds since 1970; 0 if the token never expires.
    var expiresAt: Int

    /// - Parameters:
    ///   - lifetime: Time until the token expires in seconds; 0 for no end, negative for a token that has expired already.
    ///   - now: Seconds since 1970.
    init(scopes: [String], lifetime: Int, now: Int) {
        self.scopes = scopes
        issuedAt = now + min(0, lifetime - 1)
        expiresAt = lifetime == 0 ? 0 : now + lifetime
    }

    /// Reads the parameters `scope` and `lifetime_seconds` of a control path.
    init(_ query: [String: String], now: Int) throws(EmulatorError) {
        let scopes = try query["scope"].map { text throws(EmulatorError) in try AccessTokenRequest.words(text, of: "scope") }
        let lifetime = try AccessTokenRequest.lifetime(query, from: -86_400)
        self.init(scopes: scopes ?? Self.standardScopes, lifetime: lifetime ?? Self.standardLifetime, now: now)
    }

    func isExpired(at now: Int) -> Bool { expiresAt != 0 && now >= expiresAt }
}
