internal import DoormanCore

extension JWTVerifier {
    /// Creates the identity of a verified token.
    ///
    /// - Parameter applicationID: The application that the call names; `nil` if it names none.
    func identity(
        of token: CheckedToken, signedBy key: IssuerKey, for applicationID: String?, at now: Timestamp
    ) -> Identity {
        let claims = token.claims
        let named = applicationID.flatMap { id in claims.audiences.first { $0.isIdentical(to: id) } }
        var identity = Identity(
            accountID: claims.subject, applicationID: named ?? claims.audiences[0], phone: claims.phone, email: claims.email,
            provider: settings.name, verifiedAt: now)
        identity.validUntil = claims.expiresAt
        identity.expiresAt = claims.expiresAt
        identity.issuer = settings.issuer
        identity.scopes = claims.scopes
        identity.claims = claims.copied
        identity.isEmailVerified = claims.isEmailVerified
        identity.isPhoneVerified = claims.isPhoneVerified
        identity.audiences = claims.audiences
        identity.signingKey = key.publicKey.fingerprint
        return identity
    }
}
