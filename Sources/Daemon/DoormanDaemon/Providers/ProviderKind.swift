/// A kind of provider. The raw values are the words in the settings.
enum ProviderKind: String, Sendable, Hashable, CaseIterable {
    case accountKit = "account-kit"
    case facebookLogin = "facebook-login"
    case introspection
    case jwt

    /// The keys of an entry of this kind, besides `name` and `kind`.
    var keys: [String] {
        switch self {
        case .accountKit:
            [
                "url", "application-id", "app-secret-file", "next-app-secret-file", "api-version",
                "accept-answers-without-application", "max-token-length", "max-code-length",
            ]
        case .facebookLogin:
            [
                "application-id", "app-secret-file", "next-app-secret-file", "url", "api-version", "fields", "max-token-length",
            ]
        case .introspection:
            [
                "endpoint", "client-id", "client-auth", "client-secret-file", "next-client-secret-file", "private-key-file",
                "signing-algorithm", "key-id", "assertion-audience", "revocation-endpoint", "audience", "issuer", "claims",
                "max-token-length",
            ]
        case .jwt:
            [
                "preset", "issuer", "audience", "algorithms", "jwks-url", "token-type", "scopes-claim", "claims", "leeway",
                "max-token-length",
            ]
        }
    }

    /// The keys that an entry of this kind must have.
    var requiredKeys: [String] {
        switch self {
        case .accountKit: ["url", "application-id"]
        case .facebookLogin: ["application-id", "app-secret-file"]
        case .introspection: ["endpoint", "client-id"]
        // A preset has an issuer of its own.
        case .jwt: ["audience"]
        }
    }
}

/// The kind of the provider that the settings define by themselves, without a file.
enum ProviderKindChoice: String, Sendable, Hashable, CaseIterable {
    /// The kind that has settings of its own.
    case auto
    case accountKit = "account-kit"
    case facebookLogin = "facebook-login"
    case introspection
    case jwt

    /// `nil` for ``auto``.
    var kind: ProviderKind? { ProviderKind(rawValue: rawValue) }
}
