public import DoormanCore

/// What can tell whose token it is: a ``DoormanClient``, or, in your tests, something that pretends (`ScriptedVerifier` of
/// `DoormanTesting`). Have your code ask for this rather than for the client, and it can be tested without a server.
public protocol TokenVerifying: Sendable {
    /// Whose token it is.
    ///
    /// - Parameters:
    ///   - token: Exactly as the app sent it.
    ///   - maxAge: How long ago the provider may have been asked, in whole seconds, 1 at least. Nil: any answer from memory
    ///     within its time to live will do.
    ///   - applicationID: The application that the token must have been made for. Nil: any that the server is configured for.
    ///   - timeout: How long the call may take. Nil: the verifier's default.
    func verify(
        _ token: Token, maxAge: Duration?, applicationID: String?, timeout: Duration?
    ) async throws(DoormanError) -> Identity
}

extension TokenVerifying {
    /// Whose token it is, with the verifier's defaults.
    public func verify(
        _ token: Token, maxAge: Duration? = nil, applicationID: String? = nil
    ) async throws(DoormanError) -> Identity {
        try await verify(token, maxAge: maxAge, applicationID: applicationID, timeout: nil)
    }

    /// Whose token it is, given its text.
    public func verify(
        _ token: some StringProtocol & Sendable, maxAge: Duration? = nil, applicationID: String? = nil, timeout: Duration? = nil
    ) async throws(DoormanError) -> Identity {
        try await verify(Token(token), maxAge: maxAge, applicationID: applicationID, timeout: timeout)
    }
}
