internal import DoormanCrypto

/// The properties of an access token that the emulator's issuer signs.
package struct AccessTokenRequest: Sendable, Hashable {
    package enum Algorithm: String, Sendable, Hashable, CaseIterable {
        case rs256 = "RS256"
        case es256 = "ES256"

        var keyKind: PrivateKey.Kind { self == .rs256 ? .rsa : .p256 }
        var signature: SignatureAlgorithm { self == .rs256 ? .rs256 : .es256 }
    }

    /// The audience of a token whose request names none.
    package static let standardAudience = "orders-api"

    /// The claim `aud`: a string if there is one audience, otherwise a list.
    package var audiences: [String]
    /// The claim `scope`, which is absent without scopes.
    package var scopes: [String]
    /// Time from issue to expiry in seconds. Negative for a token that has expired already.
    package var lifetime: Int
    package var algorithm: Algorithm

    package init(
        audiences: [String] = [standardAudience], scopes: [String] = [], lifetime: Int = 3600, algorithm: Algorithm = .rs256
    ) {
        self.audiences = audiences
        self.scopes = scopes
        self.lifetime = lifetime
        self.algorithm = algorithm
    }

    /// Reads the parameters `audience`, `scope`, `lifetime_seconds` and `algorithm` of a control path.
    init(_ query: [String: String]) throws(EmulatorError) {
        self.init()
        if let text = query["audience"] { audiences = try Self.words(text, of: "audience") }
        if let text = query["scope"] { scopes = try Self.words(text, of: "scope") }
        lifetime = try Self.lifetime(query, from: -86_400) ?? lifetime
        if let text = query["algorithm"] {
            guard let known = Algorithm(rawValue: text) else {
                let names = Algorithm.allCases.map(\.rawValue).joined(separator: " or ")
                throw EmulatorError(.badArgument, "algorithm: must be \(names)")
            }
            algorithm = known
        }
    }

    /// Returns the words of a parameter, of which there must be 1 to 32.
    static func words(_ text: String, of parameter: String) throws(EmulatorError) -> [String] {
        let words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        let areGood = words.allSatisfy { word in
            !word.isEmpty && word.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != 0x22 && $0 != 0x5c }
        }
        guard words.count <= 32, areGood else {
            throw EmulatorError(.badArgument, "\(parameter): must be 1 to 32 words with a space (%20) between them")
        }
        return words
    }

    /// Returns the parameter `lifetime_seconds`, up to a year; `nil` if the query has none.
    static func lifetime(_ query: [String: String], from least: Int) throws(EmulatorError) -> Int? {
        guard let text = query["lifetime_seconds"] else { return nil }
        guard let seconds = Int(text), (least...31_536_000).contains(seconds) else {
            throw EmulatorError(.badArgument, "lifetime_seconds: must be a number from \(least) to 31536000")
        }
        return seconds
    }

    /// Returns the claims for an account (RFC 9068, section 2.2; OpenID Connect Core 1.0, section 5.1).
    ///
    /// - Parameter now: The time of issue, in seconds since 1970.
    func claims(issuer: String, account: Directory.Account, now: Int) -> [JSONText.Member] {
        let audience: JSONText = audiences.count == 1 ? .string(audiences[0]) : .array(audiences.map { .string($0) })
        var claims: [(String, JSONText)] = [
            ("iss", .string(issuer)), ("sub", .string(account.id)), ("aud", audience),
            // A token of a negative lifetime was issued before it expired.
            ("iat", .integer(now + min(0, lifetime - 1))), ("auth_time", .integer(now + min(0, lifetime - 1))),
            ("exp", .integer(now + lifetime)), ("jti", .string(RandomText.keyID())), ("client_id", .string(account.appID)),
        ]
        if !scopes.isEmpty { claims.append(("scope", .string(scopes.joined(separator: " ")))) }
        switch account.contact {
        case .phone(let phone): claims += [("phone_number", .string(phone.number)), ("phone_number_verified", true)]
        case .email(let address): claims += [("email", .string(address)), ("email_verified", true)]
        }
        return claims.map { JSONText.Member($0.0, $0.1) }
    }
}
