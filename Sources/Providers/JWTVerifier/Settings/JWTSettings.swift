package import DoormanCrypto
internal import DoormanSupport
internal import ProviderHTTP

/// The settings of a ``JWTVerifier``: the issuer, the audience, and the rules for its tokens.
package struct JWTSettings: Sendable, Hashable {
    /// A well-known issuer with rules of its own.
    package enum Preset: String, Sendable, Hashable, CaseIterable {
        case none
        /// Firebase Authentication. The audience is the id of the project.
        case firebase
        /// Limited Login of Facebook. The audience is the id of the app.
        case limitedLogin = "limited-login"
    }

    /// The type of the tokens that a provider accepts.
    package enum TokenType: String, Sendable, Hashable, CaseIterable {
        /// Access tokens and ID tokens.
        case any
        /// Access tokens of RFC 9068 only, whose `typ` is `at+jwt`.
        case access
    }

    /// The default of ``maximumTokenBytes``: 16 KiB.
    package static let defaultTokenBytes = 16 << 10
    /// The allowed values of ``maximumTokenBytes``.
    package static let tokenBytes = 256...32_768

    /// The name of the provider: the value of ``Identity/provider``.
    package var name: String
    /// The issuer, which must equal the token's `iss` byte for byte.
    package var issuer: String
    /// The accepted audiences. A token must name at least one of them.
    package var audience: [String]
    /// The accepted algorithms. Default RS256, PS256, ES256 and EdDSA, which tokens may also call Ed25519.
    package var algorithms = SignatureAlgorithm.defaults
    /// The URL of the issuer's keys: a JSON Web Key Set, or a map of key ids to X.509 certificates. `nil`, which is the default, for the URL
    /// in the issuer's OpenID configuration.
    package var jwksURL: String?
    /// The claim with the scopes: a list, or a text with spaces between them. Default `nil`: `scope`, or else `scp`.
    package var scopesClaim: String?
    /// The claims to copy into the identity. Names and values together have at most 4 KiB, and a token with more is
    /// unavailable.
    package var claims: [String] = []
    /// The accepted type of tokens. Default ``TokenType/any``.
    package var tokenType = TokenType.any
    /// The tolerance for `nbf` and `iat`, since clocks differ. Default 30 seconds. The end of a token has no tolerance.
    package var leeway = Duration.seconds(30)
    /// The maximum length of a token in bytes: 256 to 32,768. Default 16 KiB.
    package var maximumTokenBytes = defaultTokenBytes
    /// The maximum number of calls that wait for a fetch because none of the keys has signed their token. Further ones fail at once with
    /// `.providerBusy`. Default 1,000.
    package var maximumWaitersForUnknownKeys = 1_000
    /// The well-known issuer whose rules apply. Default ``Preset/none``.
    package private(set) var preset = Preset.none

    package init(name: String, issuer: String, audience: [String]) {
        self.name = name
        self.issuer = issuer
        self.audience = audience
    }

    /// Creates the settings of a well-known issuer, with its issuer, algorithm and keys.
    ///
    /// - Parameter audience: The id of the Firebase project or of the Facebook app, as the only element.
    package init(name: String, preset: Preset, audience: [String]) {
        self.init(name: name, issuer: preset.issuer(for: audience.first ?? "") ?? "", audience: audience)
        self.preset = preset
        jwksURL = preset.jwksURL
        if preset != .none { algorithms = [.rs256] }
    }
}

extension JWTSettings.Preset {
    /// The issuer of tokens for an audience; `nil` for no preset.
    package func issuer(for audience: String) -> String? {
        switch self {
        case .none: nil
        case .firebase: "https://securetoken.google.com/" + audience
        case .limitedLogin: "https://www.facebook.com"
        }
    }

    /// The URL of the keys; `nil` for no preset.
    package var jwksURL: String? {
        switch self {
        case .none: nil
        case .firebase: "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
        case .limitedLogin: "https://www.facebook.com/.well-known/oauth/openid/jwks/"
        }
    }
}

extension JWTSettings {
    /// A setting with an invalid value.
    package struct Invalid: Error, Sendable, Hashable, CustomStringConvertible {
        /// The setting's key in the entry of the provider.
        package enum Key: String, Sendable {
            case name
            case issuer
            case audience
            case algorithms
            case jwksURL = "jwks-url"
            case scopesClaim = "scopes-claim"
            case claims
            case tokenType = "token-type"
            case leeway
            case maximumTokenBytes = "max-token-length"
            case preset
        }

        package let key: Key
        /// The expected value, as words that follow the key. Contains no value.
        package let expectation: String

        package var description: String { "\(key.rawValue) \(expectation)" }
    }

    /// The first invalid setting; `nil` if all are valid. ``JWTVerifier`` throws it when it is created.
    package var problem: Invalid? { problems.first }

    /// The invalid settings.
    package var problems: [Invalid] {
        problemsOfIssuer + problemsOfClaims + problemsOfPreset
    }

    private var problemsOfIssuer: [Invalid] {
        var problems: [Invalid] = []
        if !(1...64).contains(name.utf8.count) || !name.utf8.allSatisfy(\.isVisibleASCII) {
            problems.append(Invalid(key: .name, expectation: "must have 1 to 64 visible ASCII characters"))
        }
        if !(1...1024).contains(issuer.utf8.count) {
            problems.append(Invalid(key: .issuer, expectation: "must have 1 to 1024 bytes"))
        } else if jwksURL == nil, issuer.utf8.contains(UInt8(ascii: "?")) || !URLPolicy.accepts(issuer) {
            problems.append(
                Invalid(
                    key: .issuer,
                    expectation: "must be https://host[:port][/path], or http:// to this machine: or else set jwks-url"))
        }
        if let jwksURL, jwksURL.utf8.count > 1024 || !URLPolicy.accepts(KeyFetcher.escaped(jwksURL)) {
            problems.append(
                Invalid(key: .jwksURL, expectation: "must be https://host[:port][/path], or http:// to this machine"))
        }
        if algorithms.isEmpty {
            problems.append(Invalid(key: .algorithms, expectation: "must name at least one algorithm, such as RS256"))
        }
        return problems
    }

    private var problemsOfClaims: [Invalid] {
        var problems: [Invalid] = []
        if !(1...100).contains(audience.count) || !audience.allSatisfy({ (1...1024).contains($0.utf8.count) }) {
            problems.append(Invalid(key: .audience, expectation: "must name 1 to 100 audiences of 1 to 1024 bytes"))
        }
        if let scopesClaim, !(1...128).contains(scopesClaim.utf8.count) {
            problems.append(Invalid(key: .scopesClaim, expectation: "must be a name of 1 to 128 bytes"))
        }
        if let expectation = CopiedClaims.problem(of: claims) {
            problems.append(Invalid(key: .claims, expectation: expectation))
        }
        if !(.zero ... .seconds(300)).contains(leeway) {
            problems.append(Invalid(key: .leeway, expectation: "must be from 0s to 5m"))
        }
        if !Self.tokenBytes.contains(maximumTokenBytes) {
            problems.append(Invalid(key: .maximumTokenBytes, expectation: "must be from 256 to 32768"))
        }
        return problems
    }

    private var problemsOfPreset: [Invalid] {
        guard preset != .none else { return [] }
        var problems: [Invalid] = []
        if audience.count != 1 {
            problems.append(Invalid(key: .audience, expectation: "must be one project or app with preset \(preset.rawValue)"))
        } else if preset.issuer(for: audience[0]) != issuer {
            problems.append(Invalid(key: .issuer, expectation: "is given by preset \(preset.rawValue), and must not differ"))
        }
        if tokenType == .access {
            problems.append(Invalid(key: .tokenType, expectation: "must be any, since preset \(preset.rawValue) has ID tokens"))
        }
        return problems
    }
}
