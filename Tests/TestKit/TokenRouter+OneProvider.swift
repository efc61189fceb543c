package import DoormanCore
package import DoormanSupport

/// The answers of a scripted provider in the place of a router: it has every name, and sees every revocation.
extension TokenRouter {
    /// Returns true.
    package func knows(provider: String) -> Bool { true }

    /// Returns false.
    package func seesNoRevocation(provider: String) -> Bool { false }

    /// Returns false.
    package func seesNoRevocation(of token: Token, naming provider: String?) -> Bool { false }

    /// Validates the syntax of a token, whichever provider the call names.
    package func validateSyntax(of token: Token, naming provider: String?) -> Rejection? { validateSyntax(of: token) }
}
