package import DoormanCore
internal import DoormanSupport

/// What can't be a user token, told by its bytes alone (the contract, sections 1 and 4.7). What might be one is for the
/// provider to judge: `EMAW`, how all recorded ones begin, is not demanded.
package enum TokenSyntax {
    /// - Returns: The rejection, or `nil` for a possible token.
    package static func rejection(of token: [UInt8], maximumBytes: Int) -> Rejection? {
        if token.isEmpty {
            return Rejection(.malformedToken, "The token is empty.")
        }
        if token.count > maximumBytes {
            return Rejection(.malformedToken, "The token has more than \(maximumBytes) bytes.")
        }
        if token.starts(with: "AA|".utf8) {
            return Rejection(.malformedToken, "This is an app access token (AA|…), not a user's token.")
        }
        if token.starts(with: "EAA".utf8) {
            return Rejection(.malformedToken, "This is a Facebook Login token (EAA…), not an Account Kit token.")
        }
        if token.starts(with: "AQ".utf8) {
            return Rejection(.malformedToken, "This is an authorization code (AQ…), not a token: exchange it first.")
        }
        if !token.allSatisfy(\.isASCIIAlphanumeric) {
            return Rejection(.malformedToken, "The token has characters other than A-Z, a-z and 0-9.")
        }
        return nil
    }
}

/// What can't be an authorization code (the contract, section 1).
package enum CodeSyntax {
    /// - Returns: The rejection, or `nil` for a possible code.
    package static func rejection(of code: [UInt8], maximumBytes: Int) -> Rejection? {
        if code.isEmpty {
            return Rejection(.malformedToken, "The code is empty.")
        }
        if code.count > maximumBytes {
            return Rejection(.malformedToken, "The code has more than \(maximumBytes) bytes.")
        }
        if !code.starts(with: "AQ".utf8) {
            return Rejection(.malformedToken, "This is not an authorization code: those begin with AQ.")
        }
        if !code.allSatisfy({ $0.isASCIIAlphanumeric || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }) {
            return Rejection(.malformedToken, "The code has characters outside the base64url alphabet.")
        }
        return nil
    }
}
