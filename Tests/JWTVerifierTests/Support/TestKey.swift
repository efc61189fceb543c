import COpenSSL
import DoormanCrypto
import JWTVerifier

/// A key pair for tests. It signs anything, also what no issuer would.
@safe
final class TestKey: @unchecked Sendable {
    enum Kind: Sendable, Hashable {
        case rsa(bits: UInt32)
        case ellipticCurve(EllipticCurve)
        case ed25519
    }

    struct OpenSSLFailure: Error {}

    let kind: Kind
    private let key: OpaquePointer

    // Making an RSA key takes long, so the tests share some.
    static let rsa = Result { try TestKey(.rsa(bits: 2048)) }
    static let otherRSA = Result { try TestKey(.rsa(bits: 2048)) }
    static let p256 = Result { try TestKey(.ellipticCurve(.p256)) }
    static let p384 = Result { try TestKey(.ellipticCurve(.p384)) }
    static let p521 = Result { try TestKey(.ellipticCurve(.p521)) }
    static let ed25519 = Result { try TestKey(.ed25519) }

    init(_ kind: Kind) throws {
        let name =
            switch kind {
            case .rsa: "RSA"
            case .ellipticCurve: "EC"
            case .ed25519: "ED25519"
            }
        guard let context = unsafe EVP_PKEY_CTX_new_from_name(nil, name, nil) else { throw OpenSSLFailure() }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        guard unsafe EVP_PKEY_keygen_init(context) == 1 else { throw OpenSSLFailure() }
        switch kind {
        case .rsa(let bits):
            guard unsafe EVP_PKEY_CTX_set_rsa_keygen_bits(context, CInt(bits)) == 1 else { throw OpenSSLFailure() }
        case .ellipticCurve(let curve):
            guard unsafe EVP_PKEY_CTX_set_group_name(context, curve.rawValue) == 1 else { throw OpenSSLFailure() }
        case .ed25519: break
        }
        var key: OpaquePointer?
        guard unsafe EVP_PKEY_generate(context, &key) == 1, let key = unsafe key else { throw OpenSSLFailure() }
        unsafe self.key = key
        self.kind = kind
    }

    deinit {
        unsafe EVP_PKEY_free(key)
    }

    /// The signature as JSON Web Signatures have it.
    func signature(of message: [UInt8], with algorithm: SignatureAlgorithm) throws -> [UInt8] {
        let bytes = try rawSignature(of: message, with: algorithm)
        guard case .ellipticCurve(let curve) = kind else { return bytes }
        return try Self.numbers(inDER: bytes).flatMap { number in
            Array(repeating: 0, count: max(0, curve.coordinateBytes - number.count)) + number.suffix(curve.coordinateBytes)
        }
    }

    /// The signature as OpenSSL makes it: for ECDSA in DER.
    func rawSignature(of message: [UInt8], with algorithm: SignatureAlgorithm) throws -> [UInt8] {
        guard let context = unsafe EVP_MD_CTX_new() else { throw OpenSSLFailure() }
        defer { unsafe EVP_MD_CTX_free(context) }
        var parameters: OpaquePointer?
        let digest = unsafe algorithm == .edDSA ? nil : Self.digest(algorithm)
        guard unsafe EVP_DigestSignInit(context, &parameters, digest, nil, key) == 1 else { throw OpenSSLFailure() }
        if algorithm.rawValue.hasPrefix("PS") {
            guard unsafe EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1,
                unsafe EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1
            else { throw OpenSSLFailure() }
        }
        var length = 0
        guard unsafe EVP_DigestSign(context, nil, &length, message, message.count) == 1 else { throw OpenSSLFailure() }
        var bytes = [UInt8](repeating: 0, count: length)
        guard unsafe EVP_DigestSign(context, &bytes, &length, message, message.count) == 1 else { throw OpenSSLFailure() }
        return Array(bytes.prefix(length))
    }

    private static func digest(_ algorithm: SignatureAlgorithm) -> OpaquePointer? {
        switch algorithm.rawValue.suffix(3) {
        case "384": unsafe EVP_sha384()
        case "512": unsafe EVP_sha512()
        default: unsafe EVP_sha256()
        }
    }

    /// The members of the public key as a JSON Web Key.
    func members() throws -> [String: [UInt8]] {
        switch kind {
        case .rsa: return ["n": try number("n"), "e": try number("e")]
        case .ellipticCurve(let curve):
            return ["x": try number("qx", width: curve.coordinateBytes), "y": try number("qy", width: curve.coordinateBytes)]
        case .ed25519:
            var (x, length) = ([UInt8](repeating: 0, count: 32), 32)
            guard unsafe EVP_PKEY_get_raw_public_key(key, &x, &length) == 1 else { throw OpenSSLFailure() }
            return ["x": x]
        }
    }

    /// The JSON Web Key of the public key.
    ///
    /// - Parameter extra: Further members, as JSON texts; they replace others of the same name.
    func jwk(_ id: String? = nil, _ extra: [String: String] = [:]) throws -> String {
        var texts = try members().mapValues { "\"\(base64URL($0))\"" }
        switch kind {
        case .rsa: texts["kty"] = #""RSA""#
        case .ellipticCurve(let curve):
            texts["kty"] = #""EC""#
            texts["crv"] = "\"\(curve.rawValue)\""
        case .ed25519:
            texts["kty"] = #""OKP""#
            texts["crv"] = #""Ed25519""#
        }
        if let id { texts["kid"] = "\"\(id)\"" }
        return object(texts.merging(extra) { $1 })
    }

    /// The public key in DER (`SubjectPublicKeyInfo`).
    func publicDER() throws -> [UInt8] {
        var start: UnsafeMutablePointer<UInt8>?
        let length = unsafe i2d_PUBKEY(key, &start)
        guard length > 0, let start = unsafe start else { throw OpenSSLFailure() }
        defer { unsafe CRYPTO_free(start, #file, #line) }
        return unsafe Array(UnsafeBufferPointer(start: start, count: Int(length)))
    }

    /// A number of the key, with leading zeros up to a width.
    private func number(_ name: String, width: Int = 0) throws -> [UInt8] {
        var number: OpaquePointer?
        guard unsafe EVP_PKEY_get_bn_param(key, name, &number) == 1, let number = unsafe number else { throw OpenSSLFailure() }
        defer { unsafe BN_free(number) }
        let count = max(width, unsafe Int(BN_num_bits(number) + 7) / 8)
        var bytes = [UInt8](repeating: 0, count: count)
        guard unsafe BN_bn2binpad(number, &bytes, CInt(count)) == CInt(count) else { throw OpenSSLFailure() }
        return bytes
    }

    /// The order of the curve's group.
    func order() throws -> [UInt8] {
        guard case .ellipticCurve(let curve) = kind else { throw OpenSSLFailure() }
        return try number("order", width: curve.coordinateBytes)
    }

    /// The two numbers of an ECDSA signature in DER.
    private static func numbers(inDER der: [UInt8]) throws -> [[UInt8]] {
        var rest = der.dropFirst(der[1] < 0x80 ? 2 : 3)
        var numbers: [[UInt8]] = []
        while rest.popFirst() != nil {
            guard let count = rest.popFirst() else { throw OpenSSLFailure() }
            numbers.append(Array(rest.prefix(Int(count))))
            rest = rest.dropFirst(Int(count))
        }
        return numbers
    }
}
