public import DoormanCore

/// What an authorization code was good for.
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

/// What a server says of its own health, after `grpc.health.v1`.
public enum HealthStatus: Sendable, Hashable, CaseIterable {
    /// It takes calls.
    case serving
    /// It takes none at the moment: it is starting or draining.
    case notServing
    /// It has no service of that name.
    case serviceUnknown
    /// It does not know, or said something that this version does not know.
    case unknown
}
