public import DoormanCore

/// The result of exchanging an authorization code.
public struct Exchange: Sendable, Hashable {
    /// The token. Keep it as the secret that it is: it prints without its bytes.
    public let token: Token
    /// Whose it is. Nil if the provider gave the token but could then not be asked: verify it.
    public let identity: Identity?

    /// What an exchange gave. The client makes these; yours are for tests.
    public init(token: Token, identity: Identity?) {
        self.token = token
        self.identity = identity
    }
}
