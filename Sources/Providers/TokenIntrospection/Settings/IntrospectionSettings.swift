internal import ProviderHTTP

/// The settings of an ``IntrospectionVerifier``: the provider's endpoints, our client credential, and the rules for its tokens.
package struct IntrospectionSettings: Sendable, Hashable {
    /// The allowed values of ``maximumTokenBytes``.
    package static let tokenBytes = 16...16_384

    /// The name of the provider: the value of `Identity.provider`.
    package var name: String
    /// The URL of the introspection endpoint (RFC 7662): `https`, or `http` to a loopback address.
    package var endpoint: String
    /// The id of Doorman as a client of the provider.
    package var clientID: String
    package var authentication: ClientAuthentication
    /// The accepted audiences. A token must name at least one of them. Empty, which is the default, for tokens of any audience.
    package var audience: [String] = []
    /// The issuer, which must equal the response's `iss` byte for byte; `nil`, which is the default, for any or none.
    package var issuer: String?
    /// The URL of the revocation endpoint (RFC 7009); `nil`, which is the default, if the provider has none.
    package var revocationEndpoint: String?
    /// The audience of client assertions; `nil`, which is the default, for the URL of the request.
    package var assertionAudience: String?
    /// The members of the response to copy into the identity. Names and values together have at most 4 KiB.
    package var claims: [String] = []
    /// The maximum length of a token, in bytes: 16 to 16,384. Default 4,096.
    package var maximumTokenBytes = 4096

    package init(name: String, endpoint: String, clientID: String, authentication: ClientAuthentication) {
        self.name = name
        self.endpoint = endpoint
        self.clientID = clientID
        self.authentication = authentication
    }
}

extension IntrospectionSettings {
    /// A setting with an invalid value.
    package struct Invalid: Error, Sendable, Hashable, CustomStringConvertible {
        /// The setting's key in the entry of the provider.
        package enum Key: String, Sendable {
            case name
            case endpoint
            case clientID = "client-id"
            case clientSecret = "client-secret-file"
            case signingAlgorithm = "signing-algorithm"
            case keyID = "key-id"
            case audience
            case issuer
            case revocationEndpoint = "revocation-endpoint"
            case assertionAudience = "assertion-audience"
            case claims
            case maximumTokenBytes = "max-token-length"
        }

        package let key: Key
        /// The expected value, as words that follow the key. Contains no value that could be a secret.
        package let expectation: String

        package var description: String { "\(key.rawValue) \(expectation)" }
    }

    /// The first invalid setting; `nil` if all are valid. ``IntrospectionVerifier`` throws it when it is created.
    package var problem: Invalid? { problems.first }

    /// The invalid settings.
    package var problems: [Invalid] {
        var problems = problemsOfEndpoints + problemsOfCredential
        if let expectation = ProviderName.problem(of: name) {
            problems.append(Invalid(key: .name, expectation: expectation))
        }
        if audience.count > 100 || !audience.allSatisfy(Self.isName) {
            problems.append(Invalid(key: .audience, expectation: "must name at most 100 audiences of 1 to 1024 bytes"))
        }
        for (key, value) in [(Invalid.Key.issuer, issuer), (.assertionAudience, assertionAudience)] {
            guard let value, !Self.isName(value) else { continue }
            problems.append(Invalid(key: key, expectation: "must have 1 to 1024 bytes"))
        }
        if let expectation = CopiedClaims.problem(of: claims) {
            problems.append(Invalid(key: .claims, expectation: expectation))
        }
        if !Self.tokenBytes.contains(maximumTokenBytes) {
            problems.append(Invalid(key: .maximumTokenBytes, expectation: "must be from 16 to 16384"))
        }
        return problems
    }

    private var problemsOfEndpoints: [Invalid] {
        let endpoints: [(Invalid.Key, String?)] = [(.endpoint, endpoint), (.revocationEndpoint, revocationEndpoint)]
        return endpoints.compactMap { key, url in
            guard let url, url.utf8.count > 1024 || !URLPolicy.accepts(url) else { return nil }
            return Invalid(key: key, expectation: "must be https://host[:port][/path], or http:// to this machine")
        }
    }

    private var problemsOfCredential: [Invalid] {
        var problems: [Invalid] = []
        if !Self.isCredential(Array(clientID.utf8), upTo: 256) {
            problems.append(Invalid(key: .clientID, expectation: "must have 1 to 256 ASCII characters, and no controls"))
        }
        switch authentication {
        case .basic(let secret), .post(let secret):
            if !Self.isCredential(secret.bytes, upTo: 1024) {
                problems.append(
                    Invalid(
                        key: .clientSecret,
                        expectation: "must hold 1 to 1024 ASCII characters without controls, and nothing after them but a newline"))
            }
        case .assertion(let signer):
            if !AssertionSigner.algorithms.contains(signer.algorithm) {
                problems.append(Invalid(key: .signingAlgorithm, expectation: "must be RS256, PS256, ES256 or EdDSA"))
            }
            if let keyID = signer.keyID, !Self.isCredential(Array(keyID.utf8), upTo: 256) {
                problems.append(Invalid(key: .keyID, expectation: "must have 1 to 256 ASCII characters, and no controls"))
            }
        }
        return problems
    }

    private static func isName(_ text: String) -> Bool {
        (1...1024).contains(text.utf8.count)
    }

    /// Whether bytes can be a client id or secret (RFC 6749, appendix A).
    private static func isCredential(_ bytes: [UInt8], upTo maximum: Int) -> Bool {
        (1...maximum).contains(bytes.count) && bytes.allSatisfy { (0x20...0x7e).contains($0) }
    }
}
