package import DoormanCore
private import DoormanCrypto
package import ProviderHTTP

/// Makes `appsecret_proof`: the HMAC-SHA-256 of a token under the app secret, in lowercase hexadecimal digits.
///
/// The provider checks a proof that is present, even where it requires none, so it also excludes other applications' tokens.
package struct AppSecretProof: Sendable {
    private let key: HMACSHA256

    package init(_ secret: AppSecret) {
        key = HMACSHA256(key: secret.bytes)
    }

    /// Returns the query parameter for a request whose `access_token` is this token.
    package func parameter(for token: Token) -> PercentEncoding.Parameter {
        ("appsecret_proof", Array(key.authenticationCode(for: token.bytes.span).hexadecimal.utf8))
    }
}

extension AppSecretProof: Redacted {
    package var description: String { "AppSecretProof(redacted)" }
}
