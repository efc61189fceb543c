package import DoormanCore

/// The three parts of a token in compact serialization (RFC 7515, section 7.1): header, payload and signature with dots between them.
///
/// Only the length, the dots and the alphabet are known to be right. Allocates nothing, so it is safe for any input.
package struct CompactParts: Sendable {
    package let header: Range<Int>
    package let payload: Range<Int>
    package let signature: Range<Int>

    /// The bytes that are signed: header, dot and payload.
    package var signed: Range<Int> { header.lowerBound..<payload.upperBound }

    /// Finds the parts.
    ///
    /// - Parameter maximumBytes: The maximum length of a token. Nothing of a longer one is read.
    package init(_ token: [UInt8], maximumBytes: Int) throws(RejectedToken) {
        guard !token.isEmpty else { throw RejectedToken(.malformedToken, "The token is empty.") }
        guard token.count <= maximumBytes else {
            throw RejectedToken(.malformedToken, "The token is longer than \(maximumBytes) bytes.")
        }
        let dot = UInt8(ascii: ".")
        guard let first = token.firstIndex(of: dot), let second = token[(first + 1)...].firstIndex(of: dot),
            !token[(second + 1)...].contains(dot)
        else {
            throw RejectedToken(.malformedToken, "The token does not have three parts: it is not a signed JSON Web Token.")
        }
        header = 0..<first
        payload = first + 1..<second
        signature = second + 1..<token.count
        guard !signature.isEmpty else {
            throw RejectedToken(.malformedToken, "The token has no signature.")
        }
        for part in [header, payload, signature] {
            guard !part.isEmpty, Base64URLDecoder.accepts(token.span.extracting(part)) else {
                throw RejectedToken(.malformedToken, "A part of the token is not base64url without padding.")
            }
        }
    }
}

/// The rejection of a token, thrown by the checks of its parts. It leaves a verifier as a value: see ``Verdict``.
package struct RejectedToken: Error, Sendable, Hashable {
    package let rejection: Rejection

    package init(_ reason: Rejection.Reason, _ message: String) {
        rejection = Rejection(reason, message)
    }
}
