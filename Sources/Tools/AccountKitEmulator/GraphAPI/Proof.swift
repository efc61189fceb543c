private import DoormanCrypto

/// The `appsecret_proof` that a call with this token must carry: HMAC-SHA-256 under the app's secret, in lowercase hexadecimal.
func appSecretProof(secret: String, token: String) -> String {
    HMACSHA256(key: Array(secret.utf8)).authenticationCode(for: Array(token.utf8).span).hexadecimal
}
