package import DoormanCore
internal import DoormanSupport
package import StrictJSON

/// The body of a successful code exchange (E1): the account and its token.
///
/// `token_refresh_interval_sec` is not read, since it is unreliable.
package struct AccessTokenResponse: Sendable, Hashable {
    package let accountID: String
    package let token: Token

    /// - Returns: `nil` if a field is missing or of a wrong type, or the token's syntax is invalid.
    package init?(_ body: [String: JSONValue], maximumTokenBytes: Int) {
        guard let accountID = body["id"]?.string, DecimalDigits.areAll(accountID, upTo: 64),
            let text = body["access_token"]?.string
        else { return nil }
        let token = Token(text)
        guard TokenSyntax.rejection(of: token.bytes, maximumBytes: maximumTokenBytes) == nil else { return nil }
        self.accountID = accountID
        self.token = token
    }
}
