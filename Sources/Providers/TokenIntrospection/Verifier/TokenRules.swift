internal import DoormanCore

/// Decides whether we accept a token that the provider calls active. Pure.
struct TokenRules: Sendable {
    /// The tolerance for `nbf`, since clocks differ. The end of a token has no tolerance.
    static let leeway = Duration.seconds(30)

    let settings: IntrospectionSettings

    /// Checks that a token is valid already.
    func checkStart(of token: ActiveToken, at now: Timestamp) throws(Rejected) {
        if let start = token.notBefore, start > now.advanced(by: Self.leeway) {
            throw Rejected(.tokenRejected, "The token is not valid yet.")
        }
    }

    /// Checks all but the start of a token, and returns the configured audiences that a token names, in the order of the settings; empty if none is configured.
    ///
    /// - Throws: ``Rejected`` if we don't accept the token.
    func audiences(of token: ActiveToken, at now: Timestamp) throws(Rejected) -> [String] {
        if let end = token.expiresAt, now >= end { throw Rejected(.tokenRejected, "The token has expired.") }
        // The holder of a bearer token may use it. Other types need a proof by the holder, which Doorman does not see.
        if let type = token.tokenType, !["bearer", "access_token"].contains(type.lowercased()) {
            throw Rejected(.tokenRejected, "The token is not a bearer token.")
        }
        if let issuer = settings.issuer, token.issuer?.isIdentical(to: issuer) != true {
            throw Rejected(.tokenRejected, "The token is not from the configured issuer.")
        }
        guard !settings.audience.isEmpty else { return [] }
        guard let named = token.audience, !named.isEmpty else {
            throw Rejected(.wrongApplication, "The provider's response does not name the audience of the token.")
        }
        let accepted = settings.audience.filter { ours in named.contains { $0.isIdentical(to: ours) } }
        guard !accepted.isEmpty else { throw Rejected(.wrongApplication, "The token is not for a configured audience.") }
        return accepted
    }
}

/// A rejection that is thrown.
struct Rejected: Error {
    let rejection: Rejection

    /// - Parameter message: A literal, since a cached rejection contains it.
    init(_ reason: Rejection.Reason, _ message: String) {
        rejection = Rejection(reason, message)
    }
}
