// The settings of one provider, as texts. ConfiguredProvider checks them, in the same way as the entries of provider.file.

/// The settings of a provider of the kind `account-kit`.
struct AccountKitTexts: Sendable {
    /// The URL of Account Kit. No default: Account Kit's own servers have closed, and a server must not accept an emulator's tokens by mistake.
    var url = ""
    var applicationID = ""
    var appSecretFile = ""
    /// The path of a second secret during a rotation. Empty for none.
    var nextAppSecretFile = ""
    var apiVersion = "v1.3"
    var acceptAnswersWithoutApplication = false
    var maximumTokenBytes = 1024
    var maximumCodeBytes = 1024
}

/// The settings of a provider of the kind `facebook-login`.
struct FacebookLoginTexts: Sendable {
    var url = "https://graph.facebook.com"
    var applicationID = ""
    var appSecretFile = ""
    var nextAppSecretFile = ""
    var apiVersion = "v23.0"
    var fields: [String] = []
    var maximumTokenBytes = 1024
}

/// The settings of a provider of the kind `introspection`.
struct IntrospectionTexts: Sendable {
    var endpoint = ""
    var clientID = ""
    var clientAuthentication = "client_secret_basic"
    var clientSecretFile = ""
    var nextClientSecretFile = ""
    var privateKeyFile = ""
    var signingAlgorithm = ""
    var keyID = ""
    var assertionAudience = ""
    var revocationEndpoint = ""
    var audience: [String] = []
    var issuer = ""
    var claims: [String] = []
    var maximumTokenBytes = 4096
}

/// The settings of a provider of the kind `jwt`.
struct JWTTexts: Sendable {
    var preset = "none"
    var issuer = ""
    var audience: [String] = []
    var algorithms = ["RS256", "PS256", "ES256", "EdDSA"]
    var jwksURL = ""
    var tokenType = "any"
    var scopesClaim = ""
    var claims: [String] = []
    var leeway = Duration.seconds(30)
    var maximumTokenBytes = 16 << 10
}
