internal import DoormanCore
package import DoormanCrypto

/// How requests authenticate Doorman as a client of the provider (RFC 6749, section 2.3; RFC 7523).
package enum ClientAuthentication: Sendable, Hashable {
    /// `client_secret_basic`: id and secret in the `Authorization` header.
    case basic(ClientSecret)
    /// `client_secret_post`: id and secret in the form.
    case post(ClientSecret)
    /// `private_key_jwt`: a signed assertion in the form.
    case assertion(AssertionSigner)
}

/// The secret of a client. Its description never contains its bytes.
package struct ClientSecret: Sendable, Hashable {
    /// The secret as it was configured.
    package let bytes: [UInt8]

    /// Creates a secret from a text's UTF-8 bytes, without validating it: ``IntrospectionSettings/problems`` does.
    package init(_ text: some StringProtocol) {
        bytes = Array(text.utf8)
    }
}

extension ClientSecret: Redacted {
    package var description: String { "ClientSecret(redacted)" }
}

/// Signs client assertions with a private key. Two signers are equal only if they are the same object.
package final class AssertionSigner: Sendable {
    /// The algorithms that a provider must expect: those of the keys that Doorman reads.
    package static let algorithms = PrivateKey.algorithms.map(\.rawValue)

    /// The algorithm of ``sign``, as `alg` names it: one of ``algorithms``.
    package let algorithm: String
    /// The key's id at the provider, which becomes `kid`; `nil` for none.
    package let keyID: String?
    /// Returns the signature of the bytes as JSON Web Signatures have it, or `nil` if the key can't sign. Called on any thread.
    package let sign: @Sendable ([UInt8]) -> [UInt8]?

    /// Creates a signer that signs with a private key.
    ///
    /// - Parameter algorithm: An algorithm of the key's ``PrivateKey/kind``; `nil` for the first of them.
    package convenience init(_ key: PrivateKey, algorithm: SignatureAlgorithm? = nil, keyID: String? = nil) {
        let algorithm = algorithm ?? key.kind.algorithms[0]
        self.init(algorithm: algorithm.rawValue, keyID: keyID) { input in try? key.signature(of: input, with: algorithm) }
    }

    package init(algorithm: String, keyID: String? = nil, sign: @escaping @Sendable ([UInt8]) -> [UInt8]?) {
        self.algorithm = algorithm
        self.keyID = keyID
        self.sign = sign
    }
}

extension AssertionSigner: Hashable {
    package static func == (one: AssertionSigner, other: AssertionSigner) -> Bool { one === other }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(ObjectIdentifier(self))
    }
}

/// A signer may hold its key.
extension AssertionSigner: Redacted {
    package var description: String { "AssertionSigner(\(algorithm))" }
}
