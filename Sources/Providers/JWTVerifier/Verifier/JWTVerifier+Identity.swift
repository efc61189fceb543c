internal import DoormanCore
internal import ProviderHTTP

extension JWTVerifier {
    /// Creates the identity of a verified token.
    ///
    /// Its application is the first accepted audience, whatever the call names, since calls that name none share it from the cache.
    func identity(
        of token: CheckedToken, signedBy key: IssuerKey, at now: Timestamp
    ) throws(IdentityLimit) -> Identity {
        let claims = token.claims
        var identity = Identity(
            accountID: claims.subject, applicationID: claims.audiences[0], phone: claims.phone, email: claims.email,
            provider: settings.name, verifiedAt: now)
        identity.validUntil = claims.expiresAt
        identity.expiresAt = claims.expiresAt
        identity.issuer = settings.issuer
        identity.scopes = try claims.scopes.get()
        identity.claims = try claims.copied.get()
        identity.isEmailVerified = claims.isEmailVerified
        identity.isPhoneVerified = claims.isPhoneVerified
        identity.audiences = claims.audiences
        identity.signingKey = key.publicKey.fingerprint
        return identity
    }
}
