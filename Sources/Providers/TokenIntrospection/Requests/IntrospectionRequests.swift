package import DoormanCore
internal import DoormanCrypto
package import ProviderHTTP

/// Builds the requests of RFC 7662 and RFC 7009, with our client credential. Sends nothing.
///
/// The token travels in the form only, never in the URL.
package struct IntrospectionRequests: Sendable {
    private let settings: IntrospectionSettings
    private let authorization: String?

    /// - Parameter settings: Valid settings: see ``IntrospectionSettings/problem``.
    package init(_ settings: IntrospectionSettings) {
        self.settings = settings
        authorization =
            if case .basic(let secret) = settings.authentication {
                Self.authorization(id: Array(settings.clientID.utf8), secret: secret.bytes)
            } else {
                nil
            }
    }

    /// Builds the introspection of a token.
    package func introspect(_ token: Token, at now: Timestamp) throws(VerificationError) -> HTTPRequest {
        try request(settings.endpoint, about: token, at: now)
    }

    /// Builds the revocation of a token.
    ///
    /// - Returns: `nil` without a revocation endpoint.
    package func revoke(_ token: Token, at now: Timestamp) throws(VerificationError) -> HTTPRequest? {
        guard let endpoint = settings.revocationEndpoint else { return nil }
        return try request(endpoint, about: token, at: now)
    }

    /// A request is repeatable even with an assertion that may be used once: a repeat follows a connection that ended without a response,
    /// so the provider has most likely not seen the first.
    private func request(_ url: String, about token: Token, at now: Timestamp) throws(VerificationError) -> HTTPRequest {
        var headers: HTTPHeaders = ["Accept": "application/json"]
        headers["Authorization"] = authorization
        var form: [PercentEncoding.Parameter] = [
            ("token", token.bytes), ("token_type_hint", Array("access_token".utf8)),
        ]
        switch settings.authentication {
        case .basic: break
        case .post(let secret):
            form += [("client_id", Array(settings.clientID.utf8)), ("client_secret", secret.bytes)]
        case .assertion(let signer):
            let audience = settings.assertionAudience ?? url
            guard
                let assertion = ClientAssertion.make(
                    signer, clientID: settings.clientID, audience: audience, id: try Self.randomText(), at: now)
            else { throw .signingFailed }
            form += [
                ("client_id", Array(settings.clientID.utf8)), ("client_assertion_type", Array(ClientAssertion.type.utf8)),
                ("client_assertion", Array(assertion.utf8)),
            ]
        }
        return HTTPRequest(.post, url: url, headers: headers, form: form, isRepeatable: true)
    }

    /// The value of `Authorization`: id and secret are form-encoded before base64 (RFC 6749, section 2.3.1), so neither has a colon.
    private static func authorization(id: [UInt8], secret: [UInt8]) -> String {
        var bytes: [UInt8] = []
        PercentEncoding.append(id, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        PercentEncoding.append(secret, to: &bytes)
        return "Basic \(Base64.encode(bytes))"
    }

    /// Returns 32 random bytes as 43 characters of base64url.
    static func randomText() throws(VerificationError) -> String {
        do {
            return Base64.encodeForURL(try RandomBytes.generate(count: 32))
        } catch {
            throw VerificationError(.internal, "Internal error: the system has no random numbers.")
        }
    }
}

extension IntrospectionRequests: Redacted {
    package var description: String { "IntrospectionRequests(redacted)" }
}
