package import DoormanCore
internal import DoormanSupport

/// The syntax of user tokens (the contract, sections 1 and 4.7).
///
/// All recorded tokens begin with `EMAW`, but that is not required: the provider judges every token that could be valid.
package enum TokenSyntax {
    /// Returns the rejection of bytes that can't be a user token; `nil` if they can.
    ///
    /// - Parameter maximumBytes: The maximum length of a token.
    package static func rejection(of token: [UInt8], maximumBytes: Int) -> Rejection? {
        if token.isEmpty {
            return Rejection(.malformedToken, "The token is empty.")
        }
        if token.count > maximumBytes {
            return Rejection(.malformedToken, "The token is longer than \(maximumBytes) bytes.")
        }
        if token.starts(with: "AA|".utf8) {
            return Rejection(.malformedToken, "This is an app access token (AA|…), not a user access token.")
        }
        if token.starts(with: "EAA".utf8) {
            return Rejection(.malformedToken, "This is a Facebook Login token (EAA…), not an Account Kit token.")
        }
        if token.starts(with: "AQ".utf8) {
            return Rejection(.malformedToken, "This is an authorization code (AQ…), not a token: exchange it first.")
        }
        if !token.allSatisfy(\.isASCIIAlphanumeric) {
            return Rejection(.malformedToken, "The token contains characters other than A-Z, a-z and 0-9.")
        }
        return nil
    }
}

/// The syntax of authorization codes (the contract, section 1).
package enum CodeSyntax {
    /// Returns the rejection of bytes that can't be an authorization code; `nil` if they can.
    ///
    /// - Parameter maximumBytes: The maximum length of a code.
    package static func rejection(of code: [UInt8], maximumBytes: Int) -> Rejection? {
        if code.isEmpty {
            return Rejection(.malformedToken, "The code is empty.")
        }
        if code.count > maximumBytes {
            return Rejection(.malformedToken, "The code is longer than \(maximumBytes) bytes.")
        }
        if !code.starts(with: "AQ".utf8) {
            return Rejection(.malformedToken, "This is not an authorization code: it does not begin with AQ.")
        }
        if !code.allSatisfy({ $0.isASCIIAlphanumeric || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }) {
            return Rejection(.malformedToken, "The code contains characters outside the base64url alphabet.")
        }
        return nil
    }
}
