package import DoormanCore

/// A bound on the facts that an identity takes over from its token.
///
/// A good token can exceed it. That is no reason to reject the token, since a rejection logs a user out. No fact is left out either,
/// since a service may rely on it to refuse an account. So the token is unavailable until the configuration changes.
package enum IdentityLimit: Error, Sendable, Hashable, CaseIterable {
    /// The claims to copy: see ``CopiedClaims``.
    case claims
    /// The fields of the user to copy: see ``CopiedClaims``.
    case fields
    /// The scopes: see ``ScopeList``.
    case scopes

    /// The exceeded limit and the next step, in one sentence for the caller and the log.
    package var message: String {
        switch self {
        case .claims: "The claims to copy from the token have more than 4096 bytes: name fewer in the setting claims."
        case .fields: "The fields of the token's user have more than 4096 bytes: name fewer in the setting fields."
        case .scopes: "The token has more than 256 scopes, or scopes of more than 4096 bytes: its provider must issue fewer."
        }
    }
}

extension VerificationError {
    /// Creates the error of a good token that exceeds a limit. Other tokens, and our credential, are well.
    package init(_ limit: IdentityLimit, request: RequestProgress = .responded) {
        self.init(.providerMisconfigured, limit.message, scope: .request, request: request)
    }
}
