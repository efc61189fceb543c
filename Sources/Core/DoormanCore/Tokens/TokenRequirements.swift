/// The facts that a token must have for a call.
public struct TokenRequirements: Sendable, Hashable {
    /// The provider that must know the token, by its name in the server's configuration; `nil` for any. A token of another provider is rejected.
    public var provider: String?
    /// The application that the token must have been issued for, or one of the token's audiences; `nil` for any application of the server. A
    /// token of another application is rejected.
    public var applicationID: String?
    /// The scopes that the token must have, at most 64. The call is forbidden if a valid token lacks one.
    public var scopes: [String]

    /// Creates requirements. All are optional.
    public init(provider: String? = nil, applicationID: String? = nil, scopes: [String] = []) {
        self.provider = provider
        self.applicationID = applicationID
        self.scopes = scopes
    }

    package init(_ target: ProviderTarget) {
        self.init(provider: target.provider, applicationID: target.applicationID)
    }

    /// The maximum number of scopes that a call may require. Comparing them takes time on an event loop.
    package static let maximumScopes = 64
    /// The maximum length of an id or a name that a call may contain, in bytes. No server has a longer one, and comparing and hashing a long
    /// text can take long.
    package static let maximumNameBytes = 1024

    /// Returns why an identity of a server does not fulfil the requirements; `nil` if it does. A server that is older than a requirement
    /// ignores it, so the client looks again. The server alone knows all audiences, so the application is not compared.
    package func denial(of identity: Identity) -> VerdictDenial? {
        if let provider, !identity.isFrom(provider) { return .rejected(.wrongProvider) }
        return identity.missingScope(among: scopes).map { _ in .forbidden(.insufficientScope) }
    }

    /// No requirement.
    public static let none = TokenRequirements()

    package var target: ProviderTarget { ProviderTarget(provider: provider, applicationID: applicationID) }

    /// Judges a valid token for one call.
    ///
    /// - Returns: The verdict for the call; `nil` if that is the identity as it is. A call that names another of the token's accepted audiences
    ///   gets an identity with that audience.
    package func judge(_ identity: Identity) -> Verdict? {
        if let provider, !identity.isFrom(provider) { return .rejected(.anotherProvider) }
        let isForOther = applicationID.map { !identity.isFor($0.utf8Span.span) } ?? false
        if isForOther, !identity.audiences.contains(where: { $0.isIdentical(to: applicationID ?? "") }) {
            return .rejected(.anotherApplication)
        }
        if identity.missingScope(among: scopes) != nil { return .forbidden(.insufficientScope) }
        guard isForOther, let applicationID else { return nil }
        var other = identity
        other.applicationID = applicationID
        return .valid(other)
    }
}

/// The provider and the application that a call names. A rejection answers only calls that name the same.
package struct ProviderTarget: Sendable, Hashable {
    /// The name of the provider; `nil` for any.
    package var provider: String?
    /// The id of the application; `nil` for any configured application.
    package var applicationID: String?

    package init(provider: String? = nil, applicationID: String? = nil) {
        self.provider = provider
        self.applicationID = applicationID
    }

    /// The provider and the application of a valid token.
    package init(of identity: Identity) {
        self.init(provider: identity.provider, applicationID: identity.applicationID)
    }

    /// Whether the call names neither.
    package var isEmpty: Bool { provider == nil && applicationID == nil }

    /// Returns every target that covers a valid token. A denial of the token's account for one of them is a denial of the token.
    package static func all(covering identity: Identity) -> [ProviderTarget] {
        let own = ProviderTarget(of: identity)
        return [own, ProviderTarget(provider: own.provider), ProviderTarget(applicationID: own.applicationID), ProviderTarget()]
    }

    /// Returns whether a valid token is of the target's provider and application, or of any where the target has none. The same rule as
    /// ``all(covering:)``.
    package func covers(_ identity: Identity) -> Bool {
        (provider == nil || identity.provider == provider) && (applicationID == nil || identity.applicationID == applicationID)
    }
}
