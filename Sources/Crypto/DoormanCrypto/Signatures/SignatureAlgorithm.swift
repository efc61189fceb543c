/// A signature algorithm of JSON Web Tokens with an asymmetric key (RFC 7518, section 3.1; RFC 8037). The raw value is a value of `alg`: see ``init(name:)``.
///
/// `none` and the algorithms with a shared secret (`HS256` and its like) are no cases, so that no setting and no token can select them.
package enum SignatureAlgorithm: String, Sendable, Hashable, CaseIterable {
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case ps256 = "PS256"
    case ps384 = "PS384"
    case ps512 = "PS512"
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
    case edDSA = "EdDSA"

    /// The algorithms that a provider accepts by default.
    package static let defaults: [SignatureAlgorithm] = [.rs256, .ps256, .es256, .edDSA]

    /// The names that ``init(name:)`` accepts.
    package static let names = allCases.map(\.rawValue) + [ed25519Name]

    /// The name of EdDSA with the curve Ed25519, the only curve that Doorman supports (RFC 9864, section 2.2). It replaces `EdDSA`, which names
    /// no curve.
    private static let ed25519Name = "Ed25519"

    /// Creates the algorithm with this name, which is case-sensitive (RFC 7515, section 4.1.1).
    package init?(name: String) {
        guard name.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
        self.init(rawValue: name == Self.ed25519Name ? Self.edDSA.rawValue : name)
    }
}

/// The type of a public key. It alone decides which algorithms are possible.
package enum PublicKeyKind: Sendable, Hashable {
    /// RSA of 2048 to 8192 bits.
    case rsa
    case ellipticCurve(EllipticCurve)
    case ed25519

    /// The algorithms that a key of this type can verify.
    package var algorithms: [SignatureAlgorithm] {
        switch self {
        case .rsa: [.rs256, .rs384, .rs512, .ps256, .ps384, .ps512]
        case .ellipticCurve(.p256): [.es256]
        case .ellipticCurve(.p384): [.es384]
        case .ellipticCurve(.p521): [.es512]
        case .ed25519: [.edDSA]
        }
    }
}

/// A curve of FIPS 186-4. The raw value is the value of `crv`, and OpenSSL's name.
package enum EllipticCurve: String, Sendable, Hashable, CaseIterable {
    case p256 = "P-256"
    case p384 = "P-384"
    case p521 = "P-521"

    /// The length of a coordinate, and of each half of a signature, in bytes (RFC 7518, sections 3.4 and 6.2.1).
    package var coordinateBytes: Int {
        switch self {
        case .p256: 32
        case .p384: 48
        case .p521: 66
        }
    }

    /// The order of the group in big-endian order, of the length of a coordinate (SEC 2, sections 2.4 to 2.6).
    package var order: [UInt8] {
        let digits =
            switch self {
            case .p256: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
            case .p384: "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"
            case .p521:
                "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa"
                    + "51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409"
            }
        let values = digits.compactMap(\.hexDigitValue)
        return stride(from: 0, to: values.count, by: 2).map { UInt8(values[$0] << 4 | values[$0 + 1]) }
    }
}
