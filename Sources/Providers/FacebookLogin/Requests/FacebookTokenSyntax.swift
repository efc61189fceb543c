internal import DoormanCore
internal import DoormanSupport

/// The syntax of user tokens of Facebook Login.
///
/// Today's tokens begin with `EAA`, but that is not required: the provider judges every token that could be valid.
enum FacebookTokenSyntax {
    /// Returns the rejection of bytes that can't be a user token; `nil` if they can.
    ///
    /// - Parameter maximumBytes: The maximum length of a token.
    static func rejection(of token: [UInt8], maximumBytes: Int) -> Rejection? {
        if token.isEmpty {
            return Rejection(.malformedToken, "The token is empty.")
        }
        if token.count > maximumBytes {
            return Rejection(.malformedToken, "The token is longer than \(maximumBytes) bytes.")
        }
        if token.contains(UInt8(ascii: "|")) {
            return Rejection(.malformedToken, "This is an app access token (…|…), not a user access token.")
        }
        if token.starts(with: "EMAW".utf8) {
            return Rejection(.malformedToken, "This is an Account Kit token (EMAW…), not a Facebook Login token.")
        }
        if token.starts(with: "AQ".utf8) {
            return Rejection(.malformedToken, "This is an authorization code (AQ…), not a token.")
        }
        if !token.allSatisfy(\.isASCIIAlphanumeric) {
            return Rejection(.malformedToken, "The token contains characters other than A-Z, a-z and 0-9.")
        }
        return nil
    }
}
