internal import DoormanCrypto

/// The emulator's issuer of OpenID Connect: its signing keys, its documents, and the access tokens that it signs (RFC 9068).
///
/// Its owner generates the keys when they are first needed, or before: see ``needsKeys(for:)``. An emulator without such requests starts
/// at once.
package struct OpenIDIssuer: Sendable {
    /// A signing key and its id, which no other key ever has.
    package struct SigningKey: Sendable {
        let id: String
        let key: PrivateKey
        let algorithm: AccessTokenRequest.Algorithm
    }

    /// Maximum published keys. Above it, a rotation removes the oldest.
    private static let maximumKeys = 16

    /// The claim `iss`, and the start of the URLs in the discovery document.
    var url: String
    /// `max-age` of the keys, in seconds.
    let keysMaxAge: Int
    /// The published keys: the newest key of each algorithm first, which signs, then older keys.
    private var keys: [SigningKey] = []
    /// Keys that were generated outside, for the next call that needs new keys.
    private var spareKeys: [SigningKey] = []

    /// - Throws: ``EmulatorError/Code-swift.enum/badSettings`` if `url` is not a URL of an issuer.
    init(url: String, keysMaxAge: Int) throws(EmulatorError) {
        guard Self.accepts(url: url) else {
            throw EmulatorError(.badSettings, "issuer: \(Self.urlRule)")
        }
        guard (0...86_400).contains(keysMaxAge) else {
            throw EmulatorError(.badSettings, "keys max-age: must be from 0 to 86400 seconds")
        }
        self.url = url
        self.keysMaxAge = keysMaxAge
    }

    package static let urlRule =
        "must be an http or https URL without a query, user or password, such as http://localhost:7118/oidc"

    package static func accepts(url: String) -> Bool {
        let rest = ["http://", "https://"].first { url.hasPrefix($0) }.map { url.dropFirst($0.count) }
        guard let rest, let first = rest.first, first != "/", url.utf8.count <= 512 else { return false }
        return rest.utf8.allSatisfy { $0.isVisibleASCII && !"?#@".utf8.contains($0) }
    }

    /// Returns the endpoint of a request for one of the issuer's documents, and `nil` for any other request.
    static func endpoint(of request: GraphRequest) -> Endpoint? {
        guard request.method == "GET" else { return nil }
        return switch request.path {
        case ["oidc", ".well-known", "openid-configuration"]: .openIDConfiguration
        case ["oidc", "keys"]: .openIDKeys
        default: nil
        }
    }

    /// The discovery document (OpenID Connect Discovery 1.0, section 3). There are no endpoints for a log-in by browser.
    var configuration: GraphResponse {
        let algorithms = AccessTokenRequest.Algorithm.allCases.map { JSONText.string($0.rawValue) }
        let base = url.hasSuffix("/") ? String(url.dropLast()) : url
        let document: JSONText = [
            "issuer": .string(url), "jwks_uri": .string(base + "/keys"), "response_types_supported": [],
            "grant_types_supported": [], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": .array(algorithms),
        ]
        return .document(document, maxAge: keysMaxAge)
    }

    /// Returns the public keys as a JSON Web Key Set (RFC 7517).
    mutating func keySet() throws(EmulatorError) -> GraphResponse {
        try makeKeys()
        return .document(["keys": .array(keys.map(\.json))], maxAge: keysMaxAge)
    }

    /// Adds a new key of each algorithm, which signs from now on.
    ///
    /// - Returns: The ids of all published keys, the new keys first.
    mutating func rotateKeys(_ old: OldKeys) throws(EmulatorError) -> [String] {
        let fresh = try takeSpareKeys()
        keys = fresh + (old == .keep ? keys.prefix(Self.maximumKeys - fresh.count) : [])
        return keys.map(\.id)
    }

    /// Signs an access token for an account.
    ///
    /// - Parameter now: The time of issue, in seconds since 1970.
    mutating func issue(_ request: AccessTokenRequest, for account: Directory.Account, now: Int) throws(EmulatorError) -> String {
        try makeKeys()
        guard let signer = keys.first(where: { $0.algorithm == request.algorithm }) else { throw Self.noKey }
        let header: JSONText = ["alg": .string(request.algorithm.rawValue), "typ": "at+jwt", "kid": .string(signer.id)]
        let claims = JSONText.object(request.claims(issuer: url, account: account, now: now))
        let input = "\(Base64URL.encode(header.plainBytes)).\(Base64URL.encode(claims.plainBytes))"
        do throws(PrivateKey.Failure) {
            let signature = try signer.key.signature(of: Array(input.utf8), with: request.algorithm.signature)
            return "\(input).\(Base64URL.encode(signature))"
        } catch {
            throw Self.noKey
        }
    }

    private mutating func makeKeys() throws(EmulatorError) {
        if keys.isEmpty { keys = try takeSpareKeys() }
    }

    private mutating func takeSpareKeys() throws(EmulatorError) -> [SigningKey] {
        guard !spareKeys.isEmpty else { throw Self.noKey }
        defer { spareKeys = [] }
        return spareKeys
    }

    /// Whether there are no keys yet.
    var lacksKeys: Bool { keys.isEmpty }

    /// Whether a request needs new keys. They take 0.1 s, so the emulator generates them before it locks its state for the request.
    func needsKeys(for request: GraphRequest) -> Bool {
        switch (request.method, request.path) {
        case ("POST", ["emulator", "rotate-keys"]): true
        case ("POST", ["emulator", "login"]): lacksKeys && request.query["response"] == "jwt"
        default: lacksKeys && Self.endpoint(of: request) == .openIDKeys
        }
    }

    /// Takes keys that were generated outside, for the call that comes next.
    mutating func offer(_ fresh: [SigningKey]) {
        spareKeys = fresh
    }

    /// Takes keys that were generated outside, unless there are keys already.
    mutating func adopt(_ fresh: [SigningKey]) {
        if keys.isEmpty { keys = fresh }
    }

    /// Generates a key of each algorithm.
    package static func newKeys() throws(EmulatorError) -> [SigningKey] {
        do throws(PrivateKey.Failure) {
            var keys: [SigningKey] = []
            for algorithm in AccessTokenRequest.Algorithm.allCases {
                let key = try PrivateKey(generating: algorithm.keyKind)
                keys.append(SigningKey(id: RandomText.keyID(), key: key, algorithm: algorithm))
            }
            return keys
        } catch {
            throw noKey
        }
    }

    private static let noKey = EmulatorError(.failed, "OpenSSL cannot make a key or a signature")
}

/// What a rotation does with the keys that signed until then.
package enum OldKeys: String, Sendable, Hashable, CaseIterable {
    /// They stay published, so that their tokens stay valid.
    case keep
    case remove
}

extension OpenIDIssuer.SigningKey {
    /// The public key as a JSON Web Key (RFC 7517, RFC 7518).
    fileprivate var json: JSONText {
        var members: [(String, JSONText)]
        switch key.publicMembers {
        case .rsa(let modulus, let exponent):
            members = [("kty", "RSA"), ("n", .base64URL(modulus)), ("e", .base64URL(exponent))]
        case .p256(let x, let y):
            members = [("kty", "EC"), ("crv", "P-256"), ("x", .base64URL(x)), ("y", .base64URL(y))]
        case .ed25519(let x):
            members = [("kty", "OKP"), ("crv", "Ed25519"), ("x", .base64URL(x))]
        }
        members += [("use", "sig"), ("alg", .string(algorithm.rawValue)), ("kid", .string(id))]
        return .object(members.map { JSONText.Member($0.0, $0.1) })
    }
}

extension JSONText {
    fileprivate static func base64URL(_ bytes: [UInt8]) -> JSONText { .string(Base64URL.encode(bytes)) }
}

extension GraphResponse {
    /// Returns a document of the issuer, which caches may keep.
    ///
    /// - Parameter maxAge: The time in seconds.
    fileprivate static func document(_ body: JSONText, maxAge: Int) -> GraphResponse {
        let headers = [jsonType, Header("Cache-Control", "public, max-age=\(maxAge)")]
        return GraphResponse(status: 200, headers: headers, body: body.plainBytes + [UInt8(ascii: "\n")])
    }
}
