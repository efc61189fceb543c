internal import DoormanCore
internal import ProviderHTTP
internal import StrictJSON

/// The facts about an active token (RFC 7662, section 2.2). Whether we accept the token is still to be decided.
struct ActiveToken: Sendable {
    /// The maximum length of an id, in bytes.
    static let maximumIDBytes = 256

    /// `sub`, or else `client_id`: a client's own token has no user.
    let accountID: String
    let clientID: String?
    /// `nil` if absent.
    let audience: [String]?
    let issuer: String?
    let tokenType: String?
    let expiresAt: Timestamp?
    let notBefore: Timestamp?
    let scopes: Result<[String], IdentityLimit>
    let email: String?
    let isEmailVerified: Bool
    let claims: Result<[String: String], IdentityLimit>

    /// - Returns: `nil` if a member that decides about the token has a wrong type, or if no member names an account.
    init?(_ body: [String: JSONValue], claims names: [String]) {
        guard let subject = Self.id(body, "sub"), let clientID = Self.id(body, "client_id"),
            let tokenType = Self.text(body, "token_type"), let issuer = Self.text(body, "iss"),
            let expiresAt = Self.time(body, "exp"), let notBefore = Self.time(body, "nbf"),
            let audience = Self.audience(body), let accountID = subject ?? clientID
        else { return nil }
        self.accountID = accountID
        self.clientID = clientID
        self.tokenType = tokenType
        self.issuer = issuer
        self.expiresAt = expiresAt
        self.notBefore = notBefore
        self.audience = audience
        claims = Result { () throws(IdentityLimit) in try CopiedClaims.copy(names, from: body) }
        scopes = Result { () throws(IdentityLimit) in try ScopeList.parse(body["scope"]) }
        email = body["email"]?.string.flatMap { EmailSyntax.isPlausible($0) ? $0 : nil }
        isEmailVerified = email != nil && body["email_verified"] == .bool(true)
    }

    // Each of these functions returns `nil` for a wrong type, and `.some(nil)` for an absent member.

    private static func text(_ body: [String: JSONValue], _ name: String) -> String?? {
        guard let value = body.present(name) else { return .some(nil) }
        return value.string.map { .some($0) }
    }

    /// An id is not empty, and has no control characters: a NUL would end it early in some programs.
    private static func id(_ body: [String: JSONValue], _ name: String) -> String?? {
        guard let value = body.present(name) else { return .some(nil) }
        guard let text = value.string, (1...maximumIDBytes).contains(text.utf8.count),
            text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f })
        else { return nil }
        return .some(text)
    }

    private static func time(_ body: [String: JSONValue], _ name: String) -> Timestamp?? {
        guard let value = body.present(name) else { return .some(nil) }
        return NumericDate.timestamp(value).map { .some($0) }
    }

    private static func audience(_ body: [String: JSONValue]) -> [String]?? {
        switch body.present("aud") {
        case nil: return .some(nil)
        case .string(let audience): return .some([audience])
        case .array(let elements):
            let audiences = elements.compactMap(\.string)
            return audiences.count == elements.count ? .some(audiences) : nil
        default: return nil
        }
    }
}
