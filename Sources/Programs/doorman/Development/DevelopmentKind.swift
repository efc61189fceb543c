internal import ArgumentParser

/// The kind of the emulated provider.
enum DevelopmentKind: String, ExpressibleByArgument, CaseIterable {
    /// Account Kit's REST API. The server exchanges codes for tokens, and asks the provider about each token.
    case accountKit = "account-kit"
    /// An OpenID issuer. The server verifies its tokens with its keys.
    case jwt

    /// The audience of the server, and of the emulator's tokens by default.
    static let audience = "orders-api"
    /// The scope of the token that `doorman dev` prints.
    static let scope = "orders:read"
}
