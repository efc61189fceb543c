// The settings that define one provider. An entry of provider.file has the same keys without the first part.

extension SettingsCatalogue {
    static let providerKinds = jwt + introspection + facebookLogin + accountKit

    private static let jwt: [Setting] = [
        .urlOrName(
            "jwt.issuer", \.jwt.issuer,
            "Issuer of the tokens, exactly as in their claim iss. Its keys come from its OpenID configuration, unless jwt.jwks-url is set."
        ).tier(.mustSet),
        .list("jwt.audience", \.jwt.audience, "Accepted audiences. A token must name at least one of them. Required for jwt.").tier(
            .mustSet),
        .word(
            "jwt.preset", \.jwt.preset, ["none", "firebase", "limited-login"],
            "Well-known issuer: firebase (audience is the project id) or limited-login of Facebook (audience is the app id)."
        ).tier(.mustSet),
        .list(
            "jwt.algorithms", \.jwt.algorithms,
            "Accepted algorithms: RS256 to RS512, PS256 to PS512, ES256 to ES512, EdDSA or its new name Ed25519. none and HS256 are never accepted."
        ),
        .urlOrName("jwt.jwks-url", \.jwt.jwksURL, "URL of the issuer's keys. Empty for the URL in its OpenID configuration.").tier(
            .tune),
        .word(
            "jwt.token-type", \.jwt.tokenType, ["any", "access"],
            "Accepted tokens: any, or access for access tokens of RFC 9068 only (typ at+jwt), which excludes ID tokens."
        ),
        .text(
            "jwt.scopes-claim", \.jwt.scopesClaim, "Claim with the token's scopes. Empty for scope, or else scp."
        ),
        .list("jwt.claims", \.jwt.claims, "Claims to copy into identities, 4 KiB in all."),
        .duration(
            "jwt.leeway", \.jwt.leeway, .zero ... .seconds(300),
            "Tolerance for nbf and iat, since clocks differ. The end of a token has none."),
        .bytes(
            "jwt.max-token-length", \.jwt.maximumTokenBytes, 256...32_768,
            "Maximum length of a token. A longer token is rejected."),
    ]

    private static let introspection: [Setting] = [
        .url(
            "introspection.endpoint", \.introspection.endpoint,
            "URL of the introspection endpoint (RFC 7662): https://, or http:// on loopback."
        ).tier(.mustSet),
        .text("introspection.client-id", \.introspection.clientID, "Id of Doorman as a client of the provider.").tier(.mustSet),
        .word(
            "introspection.client-auth", \.introspection.clientAuthentication,
            ["client_secret_basic", "client_secret_post", "private_key_jwt"], "How requests authenticate the client."
        ).tier(.tune),
        .text(
            "introspection.client-secret-file", \.introspection.clientSecretFile, "Path to a file with the client's secret."
        ).tier(.mustSet),
        .text(
            "introspection.next-client-secret-file", \.introspection.nextClientSecretFile,
            "Path to a file with a second secret during a rotation. Doorman uses the secret that the provider accepts."
        ),
        .text(
            "introspection.private-key-file", \.introspection.privateKeyFile,
            "Path to a PEM file with the private key for private_key_jwt: RSA, P-256 or Ed25519."
        ),
        .word(
            "introspection.signing-algorithm", \.introspection.signingAlgorithm, ["", "RS256", "PS256", "ES256", "EdDSA"],
            "Algorithm for private_key_jwt. Empty for the first that fits the key."
        ),
        .text("introspection.key-id", \.introspection.keyID, "Id of the private key at the provider (kid). Empty for none."),
        .urlOrName(
            "introspection.assertion-audience", \.introspection.assertionAudience,
            "Audience of the assertions for private_key_jwt. Empty for the URL of the request."),
        .url(
            "introspection.revocation-endpoint", \.introspection.revocationEndpoint,
            "URL of the revocation endpoint (RFC 7009). Empty for none: revoked tokens are then denied by this server only."
        ),
        .list(
            "introspection.audience", \.introspection.audience,
            "Accepted audiences. A token must name at least one of them. Empty for any, and for tokens without one."
        ),
        .urlOrName("introspection.issuer", \.introspection.issuer, "Issuer that responses must name. Empty for any or none."),
        .list(
            "introspection.claims", \.introspection.claims, "Members of the response to copy into identities, 4 KiB in all."
        ),
        .bytes(
            "introspection.max-token-length", \.introspection.maximumTokenBytes, 16...16_384,
            "Maximum length of a token. A longer token is rejected without a provider request."),
    ]

    private static let facebookLogin: [Setting] = [
        .id(
            "facebook-login.application-id", \.facebookLogin.applicationID,
            "Id of the application whose tokens are accepted."
        ).tier(.mustSet),
        .text(
            "facebook-login.app-secret-file", \.facebookLogin.appSecretFile,
            "Path to a file with the app secret. Required for facebook-login."
        ).tier(.mustSet),
        .text(
            "facebook-login.next-app-secret-file", \.facebookLogin.nextAppSecretFile,
            "Path to a file with a second app secret during a rotation. Doorman uses the secret that Facebook accepts."
        ),
        .list(
            "facebook-login.fields", \.facebookLogin.fields,
            "Fields of the user to ask for, such as email and name. Empty for none, which saves a request per verification."
        ),
        .url("facebook-login.url", \.facebookLogin.url, "URL of the Graph API: https://, or http:// on loopback."),
        .text(
            "facebook-login.api-version", \.facebookLogin.apiVersion, pattern: "^v[0-9]{1,3}[.][0-9]{1,3}$",
            "Version of the Graph API."
        ),
        .bytes(
            "facebook-login.max-token-length", \.facebookLogin.maximumTokenBytes, 16...4096,
            "Maximum length of a token. A longer token is rejected without a provider request."),
    ]

    private static let accountKit: [Setting] = [
        .url(
            "account-kit.url", \.accountKit.url,
            "URL of Account Kit: https://, or http:// on loopback. Required for account-kit. account-kit-emulator listens on http://127.0.0.1:7118."
        ).tier(.mustSet),
        .id(
            "account-kit.application-id", \.accountKit.applicationID,
            "Id of the application whose tokens are accepted. Required for account-kit."
        ).tier(.mustSet),
        .text(
            "account-kit.app-secret-file", \.accountKit.appSecretFile,
            "Path to a file with the Account Kit app secret. Empty for none: no proofs, code exchanges or account revocations."
        ).tier(.mustSet),
        .text(
            "account-kit.next-app-secret-file", \.accountKit.nextAppSecretFile,
            "Path to a file with a second app secret during a rotation. Doorman uses the secret that Account Kit accepts."
        ),
        .text(
            "account-kit.api-version", \.accountKit.apiVersion, pattern: "^v[0-9]{1,3}[.][0-9]{1,3}$",
            "Version of the Graph API, from v1.0 to v1.3."
        ),
        .flag(
            "account-kit.accept-answers-without-application", \.accountKit.acceptAnswersWithoutApplication,
            "Whether to accept responses as of v1.0 that name no application. Only the proof then excludes other applications' tokens."
        ),
        .bytes(
            "account-kit.max-token-length", \.accountKit.maximumTokenBytes, 16...4096,
            "Maximum length of a token. A longer token is rejected without a provider request."),
        .bytes(
            "account-kit.max-code-length", \.accountKit.maximumCodeBytes, 16...4096,
            "Maximum length of an authorization code. A longer code is rejected without a provider request."),
    ]
}
