public import DoormanCore

/// A type that verifies tokens: ``DoormanClient``, or `ScriptedVerifier` of `DoormanTesting`. Code that takes this protocol instead of the
/// client can be tested without a server.
public protocol TokenVerifying: Sendable {
    /// Verifies a token.
    ///
    /// - Parameters:
    ///   - token: The token, exactly as the app sent it.
    ///   - requirements: The provider, the application and the scopes that the token must have.
    ///   - maxAge: The maximum age of the verdict, in whole seconds, at least 1; `nil` for any cached verdict within its TTL.
    ///   - notBefore: The revocation that the verdict must not be older than; `nil` for none.
    ///   - timeout: The maximum time for the call; `nil` for the verifier's default.
    /// - Returns: The identity of the account that the token belongs to.
    func verify(
        _ token: Token, requiring requirements: TokenRequirements, maxAge: Duration?, notBefore: RevocationPosition?,
        timeout: Duration?
    ) async throws(DoormanError) -> Identity
}

extension TokenVerifying {
    /// Verifies a token for an application.
    ///
    /// - Parameters:
    ///   - token: The token, exactly as the app sent it.
    ///   - maxAge: The maximum age of the verdict, in whole seconds, at least 1. Default `nil`: any cached verdict within its TTL.
    ///   - applicationID: The application that the token must have been issued for. Default `nil`: any application of the server.
    ///   - timeout: The maximum time for the call. Default `nil`: the verifier's default.
    /// - Returns: The identity of the account that the token belongs to.
    public func verify(
        _ token: Token, maxAge: Duration? = nil, applicationID: String? = nil, timeout: Duration? = nil
    ) async throws(DoormanError) -> Identity {
        try await verify(
            token, requiring: TokenRequirements(applicationID: applicationID), maxAge: maxAge, notBefore: nil, timeout: timeout)
    }

    /// Verifies a token with any age and the verifier's default timeout.
    public func verify(
        _ token: Token, requiring requirements: TokenRequirements
    ) async throws(DoormanError) -> Identity {
        try await verify(token, requiring: requirements, maxAge: nil, notBefore: nil, timeout: nil)
    }

    /// Verifies a token, given as text.
    public func verify(
        _ token: some StringProtocol & Sendable, maxAge: Duration? = nil, applicationID: String? = nil, timeout: Duration? = nil
    ) async throws(DoormanError) -> Identity {
        try await verify(Token(token), maxAge: maxAge, applicationID: applicationID, timeout: timeout)
    }
}
