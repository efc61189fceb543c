package import DoormanCore
internal import DoormanSupport
internal import GraphAPI
package import ProviderHTTP

/// Builds the requests of Facebook Login. Sends nothing.
///
/// The Graph API takes tokens and secrets in query strings, so the description of a value that contains a URL is redacted.
package struct FacebookRequests: Sendable {
    private let root: GraphRoot
    private let proof: AppSecretProof
    /// `<app id>|<secret>`.
    private let appAccessToken: [UInt8]
    private let fields: String

    /// - Parameter settings: Valid settings: see ``FacebookLoginSettings/problem``.
    package init(_ settings: FacebookLoginSettings) {
        root = GraphRoot(baseURL: settings.baseURL, version: settings.apiVersion)
        proof = AppSecretProof(settings.secret)
        appAccessToken = Array("\(settings.applicationID)|".utf8) + settings.secret.bytes
        fields = settings.fields.joined(separator: ",")
    }

    /// Builds the inspection of a user's token.
    package func debugToken(_ token: Token) -> HTTPRequest {
        debugToken(token.bytes)
    }

    /// Builds the inspection of the app token itself.
    package func debugAppToken() -> HTTPRequest {
        debugToken(appAccessToken)
    }

    private func debugToken(_ bytes: [UInt8]) -> HTTPRequest {
        HTTPRequest(
            .get, url: root.url("debug_token", [("input_token", bytes), ("access_token", appAccessToken)]), isRepeatable: true)
    }

    /// Builds the request for the fields of a token's user.
    package func me(_ token: Token) -> HTTPRequest {
        let query = [("fields", Array(fields.utf8)), ("access_token", token.bytes), proof.parameter(for: token)]
        return HTTPRequest(.get, url: root.url("me", query), isRepeatable: true)
    }

    /// Builds the revocation of all tokens of a user.
    ///
    /// - Parameter accountID: 1 to 64 decimal digits without a leading zero; anything else traps, since the id becomes a part of the path.
    package func deletePermissions(accountID: String) -> HTTPRequest {
        precondition(DecimalDigits.areID(accountID, upTo: 64), "an account id is decimal digits")
        return HTTPRequest(
            .delete, url: root.url("\(accountID)/permissions", [("access_token", appAccessToken)]), isRepeatable: true)
    }
}

extension FacebookRequests: Redacted {
    package var description: String { "FacebookRequests(redacted)" }
}
