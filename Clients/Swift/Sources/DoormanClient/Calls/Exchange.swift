public import DoormanCore

/// The result of exchanging an authorization code.
public struct Exchange: Sendable, Hashable {
    /// The token. It is a secret, and prints without its bytes.
    public let token: Token
    /// The identity of the token's account; `nil` if the provider issued the token and then gave no verdict about it. Verify the token
    /// then.
    public let identity: Identity?

    /// Creates a result. The client creates these; create your own for tests only.
    public init(token: Token, identity: Identity?) {
        self.token = token
        self.identity = identity
    }
}
