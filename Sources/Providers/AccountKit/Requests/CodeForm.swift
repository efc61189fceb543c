package import DoormanCore

/// What can't be an authorization code (the contract, section 1).
package enum CodeForm {
    /// - Returns: The refusal, or nil for a possible code.
    package static func refusal(of code: [UInt8], maximumBytes: Int) -> Rejection? {
        if code.isEmpty {
            return Rejection(.malformedToken, "The code is empty.")
        }
        if code.count > maximumBytes {
            return Rejection(.malformedToken, "The code has more than \(maximumBytes) bytes.")
        }
        if !code.starts(with: "AQ".utf8) {
            return Rejection(.malformedToken, "This is not an authorization code: those begin with AQ.")
        }
        if !code.allSatisfy({ isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }) {
            return Rejection(.malformedToken, "The code has characters outside the base64url alphabet.")
        }
        return nil
    }
}
