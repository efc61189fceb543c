import DoormanCore
import DoormanCrypto
import DoormanSupport
import JWTVerifier

/// Base64url without padding, independent of the decoder under test.
func base64URL(_ bytes: some Sequence<UInt8>) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    var text = ""
    var (buffer, bits) = (0, 0)
    for byte in bytes {
        buffer = (buffer << 8 | Int(byte)) & 0xffff
        bits += 8
        while bits >= 6 {
            bits -= 6
            text.append(alphabet[buffer >> bits & 63])
        }
    }
    if bits > 0 { text.append(alphabet[buffer << (6 - bits) & 63]) }
    return text
}

func base64URL(_ text: String) -> String { base64URL(text.utf8) }

/// A JSON object of members whose values are JSON texts.
func object(_ members: [String: String]) -> String {
    "{" + members.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
}

/// The good token of the tests, and its variants.
enum Sample {
    static let issuer = "https://login.example.org/"
    static let audience = "orders-api"
    static let keysURL = "https://login.example.org/keys"
    static let configurationURL = "https://login.example.org/.well-known/openid-configuration"
    /// The time of a stepped clock, in seconds.
    static let now = 1_500_000_000

    static let claims = [
        "iss": "\"\(issuer)\"", "aud": "\"\(audience)\"", "sub": #""user-1""#, "iat": "\(now - 10)", "exp": "\(now + 3600)",
    ]

    static func settings(audience: [String] = [Sample.audience]) -> JWTSettings {
        var settings = JWTSettings(name: "corp", issuer: issuer, audience: audience)
        settings.algorithms = SignatureAlgorithm.allCases
        settings.jwksURL = keysURL
        return settings
    }

    /// The claims with changes: a JSON text replaces a claim, and `nil` removes it.
    static func claims(_ changes: [String: String?]) -> String {
        var claims = Sample.claims
        for (name, text) in changes { claims[name] = text }
        return object(claims)
    }

    /// A token, signed with the RSA key by default.
    ///
    /// - Parameters:
    ///   - header: Changes of the header, as for ``claims(_:)``.
    ///   - claims: The text of the claims.
    static func token(
        header: [String: String?] = [:], claims: String = Sample.claims([:]), key: TestKey? = nil,
        algorithm: SignatureAlgorithm = .rs256, id: String = "rsa-1"
    ) throws -> Token {
        var members = ["alg": "\"\(algorithm.rawValue)\"", "kid": "\"\(id)\"", "typ": #""JWT""#]
        for (name, text) in header { members[name] = text }
        return try signed(object(members), claims, key: key, algorithm: algorithm)
    }

    /// A token with any texts as header and claims.
    static func signed(
        _ header: String, _ claims: String, key: TestKey? = nil, algorithm: SignatureAlgorithm = .rs256
    ) throws -> Token {
        let input = base64URL(header) + "." + base64URL(claims)
        let signature = try (key ?? TestKey.rsa.get()).signature(of: Array(input.utf8), with: algorithm)
        return Token(input + "." + base64URL(signature))
    }

    /// A token with HS256 and this secret.
    static func symmetric(_ secret: [UInt8], header: String = #"{"alg":"HS256","kid":"rsa-1","typ":"JWT"}"#) -> Token {
        let input = base64URL(header) + "." + base64URL(claims([:]))
        let message = Array(input.utf8)
        let code = HMACSHA256(key: secret).authenticationCode { $0.append(message.span) }
        return Token(input + "." + base64URL(code.bytes))
    }

    /// The set with a key of each type.
    static func keySet() throws -> String {
        let keys = [
            try TestKey.rsa.get().jwk("rsa-1"), try TestKey.p256.get().jwk("p256-1"), try TestKey.p384.get().jwk("p384-1"),
            try TestKey.p521.get().jwk("p521-1"), try TestKey.ed25519.get().jwk("ed-1"),
        ]
        return keySet(keys)
    }

    static func keySet(_ keys: [String]) -> String { #"{"keys":["# + keys.joined(separator: ",") + "]}" }
}

extension Token {
    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The three parts of a token.
    var parts: [String] { text.split(separator: ".", omittingEmptySubsequences: false).map(String.init) }
}
