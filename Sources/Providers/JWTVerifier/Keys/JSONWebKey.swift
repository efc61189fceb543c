internal import CompactTokens
internal import DoormanCore
package import DoormanCrypto
internal import StrictJSON

/// The reason why a key of an issuer is skipped. The description follows "the key", and contains nothing from the issuer.
package enum SkippedKeyReason: Error, Sendable, Hashable, CustomStringConvertible {
    case notAnObject
    /// Doorman does not support `kty` or `crv`.
    case unsupportedType
    /// The key is symmetric: everyone who reads it can sign.
    case sharedSecret
    /// The key comes with its private part: everyone who reads it can sign.
    case privateKey
    /// `use` or `key_ops` says that the key is not for signatures.
    case otherUse
    /// `alg` is not a supported signature algorithm, or not one of this type of key.
    case unsupportedAlgorithm
    case invalidID
    /// A member is missing, or is not base64url.
    case invalidMember
    case unusable(PublicKey.Unusable)
    /// There are too many keys with its id.
    case repeatedID

    package var description: String {
        switch self {
        case .notAnObject: "is not a JSON object"
        case .unsupportedType: "has an unsupported type or curve"
        case .sharedSecret: "is a shared secret"
        case .privateKey: "contains a private key"
        case .otherUse: "is not for signatures"
        case .unsupportedAlgorithm: "is for an algorithm that is unsupported or impossible for its type"
        case .invalidID: "has an id that is not a text of 1 to 256 bytes"
        case .invalidMember: "lacks a number, or has one that is not base64url"
        case .unusable(let reason): reason.description
        case .repeatedID: "has an id that too many other keys have"
        }
    }
}

/// A public key of an issuer, with the restrictions that the issuer put on it.
package struct IssuerKey: Sendable, Hashable {
    /// `kid`; `nil` if the key has none. Compared byte for byte.
    package let id: [UInt8]?
    package let publicKey: PublicKey
    /// The algorithms that the key may verify: all that its type can, or the one that the issuer names.
    package let algorithms: [SignatureAlgorithm]

    package static func == (lhs: Self, rhs: Self) -> Bool {
        lhs.id == rhs.id && lhs.publicKey.fingerprint == rhs.publicKey.fingerprint && lhs.algorithms == rhs.algorithms
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(publicKey.fingerprint)
    }
}

extension IssuerKey {
    /// Creates a key from an X.509 certificate in PEM.
    init(id: String, certificate: String) throws(SkippedKeyReason) {
        guard (1...TokenHeader.maximumKeyIDBytes).contains(id.utf8.count) else { throw .invalidID }
        self.id = Array(id.utf8)
        publicKey = try PublicKey(.certificate(Array(certificate.utf8)))
        algorithms = publicKey.kind.algorithms
    }

    /// Creates a key from a JSON Web Key (RFC 7517, section 4).
    init(_ value: JSONValue) throws(SkippedKeyReason) {
        guard let members = value.object else { throw .notAnObject }
        guard members["kty"]?.string != "oct", members["k"] == nil else { throw .sharedSecret }
        for name in ["d", "p", "q", "dp", "dq", "qi", "oth"] where members[name] != nil { throw .privateKey }
        if let use = members["use"], use.string != "sig" { throw .otherUse }
        if let operations = members["key_ops"], operations.array?.contains(.string("verify")) != true { throw .otherUse }
        id = try Self.id(members["kid"])
        publicKey = try Self.publicKey(members)
        algorithms = try Self.algorithms(members["alg"], of: publicKey.kind)
    }

    private static func id(_ value: JSONValue?) throws(SkippedKeyReason) -> [UInt8]? {
        guard let value else { return nil }
        guard let text = value.string, (1...TokenHeader.maximumKeyIDBytes).contains(text.utf8.count) else { throw .invalidID }
        return Array(text.utf8)
    }

    private static func publicKey(_ members: [String: JSONValue]) throws(SkippedKeyReason) -> PublicKey {
        switch (members["kty"]?.string, members["crv"]?.string) {
        case ("RSA", _):
            return try PublicKey(.rsa(modulus: bytes(members["n"]), exponent: bytes(members["e"])))
        case ("EC", let name?):
            guard let curve = EllipticCurve(rawValue: name) else { throw .unsupportedType }
            return try PublicKey(.curve(curve, x: bytes(members["x"]), y: bytes(members["y"])))
        case ("OKP", "Ed25519"):
            return try PublicKey(.ed25519(bytes(members["x"])))
        default:
            throw .unsupportedType
        }
    }

    private static func algorithms(
        _ value: JSONValue?, of kind: PublicKeyKind
    ) throws(SkippedKeyReason) -> [SignatureAlgorithm] {
        guard let value else { return kind.algorithms }
        guard let algorithm = value.string.flatMap(SignatureAlgorithm.init(name:)), kind.algorithms.contains(algorithm) else {
            throw .unsupportedAlgorithm
        }
        return [algorithm]
    }

    private static func bytes(_ value: JSONValue?) throws(SkippedKeyReason) -> [UInt8] {
        guard let text = value?.string, let bytes = Base64URLDecoder.decode(text.utf8Span.span), !bytes.isEmpty else {
            throw .invalidMember
        }
        return bytes
    }
}

extension PublicKey {
    /// Creates a key from a JSON Web Key's members.
    fileprivate convenience init(_ members: Members) throws(SkippedKeyReason) {
        do throws(Unusable) {
            switch members {
            case .rsa(let modulus, let exponent): try self.init(rsaModulus: modulus, exponent: exponent)
            case .curve(let curve, let x, let y): try self.init(curve, x: x, y: y)
            case .ed25519(let bytes): try self.init(ed25519: bytes)
            case .certificate(let pem): try self.init(certificate: pem)
            }
        } catch {
            throw .unusable(error)
        }
    }

    fileprivate enum Members {
        case rsa(modulus: [UInt8], exponent: [UInt8])
        case curve(EllipticCurve, x: [UInt8], y: [UInt8])
        case ed25519([UInt8])
        case certificate([UInt8])
    }
}
