internal import CompactTokens
internal import DoormanCore
internal import DoormanSupport
internal import ProviderHTTP
internal import StrictJSON

/// The claims of a token whose rules hold (RFC 7519, section 4.1; RFC 8725). Whether its signature is valid is another question.
struct TokenClaims: Sendable {
    /// The maximum length of `sub` in bytes.
    static let maximumSubjectBytes = 256

    let subject: String
    let expiresAt: Timestamp
    /// The time from which the token is valid: the latest of `nbf`, `iat` and, for Firebase, `auth_time`. `nil` if it has none.
    let validFrom: Timestamp?
    /// The configured audiences that the token names, in the order of the settings. Never empty.
    let audiences: [String]
    /// An exceeded limit is reported once the signature is valid, so that a forged token reports none.
    let scopes: Result<[String], IdentityLimit>
    let copied: Result<[String: String], IdentityLimit>
    let phone: PhoneNumber?
    let isPhoneVerified: Bool
    let email: String?
    let isEmailVerified: Bool

    /// Checks the claims, except that the token may not be valid yet: see ``checkStart(_:at:)``.
    ///
    /// - Parameters:
    ///   - bytes: The decoded second part of a token.
    ///   - now: The time by the wall clock.
    init(_ bytes: [UInt8], _ settings: JWTSettings, at now: Timestamp) throws(RejectedToken) {
        guard let members = JSONValue(bytes: bytes)?.object else {
            throw RejectedToken(.malformedToken, "The token's claims are not a JSON object.")
        }
        guard let issuer = members["iss"]?.string, issuer.isIdentical(to: settings.issuer) else {
            throw RejectedToken(.tokenRejected, "The token is not from the configured issuer.")
        }
        expiresAt = try Self.end(members, at: now)
        subject = try Self.subject(members)
        if settings.preset == .firebase { try Self.checkFirebase(members) }
        validFrom = try Self.start(members, settings)
        audiences = try Self.audiences(members, settings)
        let scopes = if let name = settings.scopesClaim { members[name] } else { members["scope"] ?? members["scp"] }
        self.scopes = Result { () throws(IdentityLimit) in try ScopeList.parse(scopes) }
        copied = Result { () throws(IdentityLimit) in try CopiedClaims.copy(settings.claims, from: members) }
        phone = members["phone_number"]?.string.flatMap(TelephoneNumber.parse)
        // Firebase has no such claim: it sends a code to each number that it stores.
        isPhoneVerified = phone != nil && (settings.preset == .firebase || Self.isTrue(members["phone_number_verified"]))
        email = members["email"]?.string.flatMap { EmailSyntax.isPlausible($0) ? $0 : nil }
        isEmailVerified = email != nil && Self.isTrue(members["email_verified"])
    }
}

// MARK: - Rules

extension TokenClaims {
    /// Checks that the token is valid already.
    func checkStart(_ settings: JWTSettings, at now: Timestamp) throws(RejectedToken) {
        guard let validFrom, validFrom > now.advanced(by: settings.leeway) else { return }
        throw RejectedToken(.tokenRejected, "The token is not valid yet.")
    }

    /// Checks the end, which has no tolerance, since past it nothing is served.
    private static func end(_ members: [String: JSONValue], at now: Timestamp) throws(RejectedToken) -> Timestamp {
        guard let end = members["exp"].flatMap(NumericDate.timestamp) else {
            throw RejectedToken(.tokenRejected, "The token has no valid end (exp).")
        }
        guard now < end else { throw RejectedToken(.tokenRejected, "The token has expired.") }
        return end
    }

    private static func start(
        _ members: [String: JSONValue], _ settings: JWTSettings
    ) throws(RejectedToken) -> Timestamp? {
        var start: Timestamp?
        for name in settings.preset == .firebase ? ["nbf", "iat", "auth_time"] : ["nbf", "iat"] {
            guard let value = members[name] else { continue }
            guard let time = NumericDate.timestamp(value) else {
                throw RejectedToken(.tokenRejected, "The token has an invalid time.")
            }
            start = max(start ?? time, time)
        }
        return start
    }

    private static func subject(_ members: [String: JSONValue]) throws(RejectedToken) -> String {
        // A NUL would end the id early in some programs.
        guard let subject = members["sub"]?.string, (1...maximumSubjectBytes).contains(subject.utf8.count),
            subject.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f })
        else {
            throw RejectedToken(.tokenRejected, "The token has no account (sub) of 1 to 256 bytes without control characters.")
        }
        return subject
    }

    /// Firebase's own rules ("Verify ID tokens using a third-party JWT library"). ``validFrom`` has the rule that `auth_time` is past.
    private static func checkFirebase(_ members: [String: JSONValue]) throws(RejectedToken) {
        guard members["auth_time"].flatMap(NumericDate.timestamp) != nil else {
            throw RejectedToken(.tokenRejected, "The token has no time of authentication (auth_time).")
        }
        if let number = members["phone_number"], number.string.flatMap(TelephoneNumber.parse) == nil {
            throw RejectedToken(.tokenRejected, "The token's phone number is not in the form of E.164.")
        }
    }

    private static func audiences(
        _ members: [String: JSONValue], _ settings: JWTSettings
    ) throws(RejectedToken) -> [String] {
        var named: [String] = []
        switch members["aud"] {
        case .string(let audience): named = [audience]
        case .array(let elements):
            named = elements.compactMap(\.string)
            guard named.count == elements.count else { throw .invalidAudience }
        case nil: break
        default: throw .invalidAudience
        }
        let accepted = settings.audience.filter { ours in named.contains { ours.isIdentical(to: $0) } }
        guard !accepted.isEmpty else {
            throw RejectedToken(.wrongApplication, "The token is not for a configured audience.")
        }
        return accepted
    }
}

// MARK: - Facts

extension TokenClaims {
    /// Whether a claim is `true`, or the text that some issuers write in its place.
    private static func isTrue(_ value: JSONValue?) -> Bool {
        value == .bool(true) || value?.string?.isIdentical(to: "true") ?? false
    }
}

extension RejectedToken {
    fileprivate static let invalidAudience = RejectedToken(
        .tokenRejected, "The token's audience is neither a text nor a list of texts.")
}
