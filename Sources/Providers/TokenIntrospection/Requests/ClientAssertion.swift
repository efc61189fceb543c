internal import DoormanCore
internal import StrictJSON

/// A signed assertion that authenticates a client (RFC 7523, section 2.2 and 3).
enum ClientAssertion {
    /// The value of `client_assertion_type`.
    static let type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    /// The time for which an assertion is valid. It covers a request and the difference of two clocks.
    static let lifetime: Int64 = 60

    /// Returns an assertion.
    ///
    /// - Parameters:
    ///   - clientID: The issuer and the subject of the assertion.
    ///   - id: A random text. A provider may refuse an assertion whose id it has seen.
    /// - Returns: `nil` if the key can't sign.
    static func make(
        _ signer: AssertionSigner, clientID: String, audience: String, id: String, at now: Timestamp
    ) -> String? {
        var header: [String: JSONValue] = ["alg": .string(signer.algorithm), "typ": .string("JWT")]
        if let keyID = signer.keyID { header["kid"] = .string(keyID) }
        let seconds = now.millisecondsSince1970 / 1000
        let claims: [String: JSONValue] = [
            "iss": .string(clientID), "sub": .string(clientID), "aud": .string(audience), "jti": .string(id),
            "iat": .integer(seconds), "exp": .integer(seconds + lifetime),
        ]
        let input = [JSONValue.object(header), .object(claims)].map { Base64.encodeForURL(Array($0.text.utf8)) }
            .joined(separator: ".")
        return signer.sign(Array(input.utf8)).map { "\(input).\(Base64.encodeForURL($0))" }
    }
}
