private import COpenSSL

/// A public key that verifies signatures of JSON Web Tokens.
///
/// The key does not change after `init`. Any number of threads may verify with it, because each verification has a context of its own
/// (`openssl-threads(7)`).
@safe
package final class PublicKey: @unchecked Sendable {
    /// The allowed lengths of an RSA modulus, in bits.
    package static let rsaBits = 2048...8192
    /// The maximum length of an RSA exponent, in bytes. Usual exponents have three; a long one would make each verification slow.
    package static let maximumExponentBytes = 8
    /// The length of an Ed25519 key, in bytes.
    package static let ed25519Bytes = 32

    /// The reason why a key is unusable. The description follows "the key".
    package enum Unusable: Error, Sendable, Hashable, CustomStringConvertible {
        /// The modulus has this number of bits.
        case rsaLength(bits: Int)
        case evenModulus
        /// The private key can be computed from the modulus (CVE-2017-15361).
        case weakModulus
        /// The exponent is even, less than 3, or longer than eight bytes.
        case exponent
        /// A coordinate of a curve's point, or an Ed25519 key, has another length than its curve demands.
        case length
        case notOnCurve
        /// Any signature could be valid under the key.
        case smallOrder
        /// The certificate can't be parsed.
        case certificate
        /// The certificate's key has another type or curve.
        case unsupported
        /// OpenSSL failed, for example for lack of memory.
        case failed

        package var description: String {
            switch self {
            case .rsaLength(let bits): "has an RSA modulus of \(bits) bits, and needs 2048 to 8192"
            case .evenModulus: "has an even RSA modulus"
            case .weakModulus: "has an RSA modulus with the weakness ROCA"
            case .exponent: "has an RSA exponent that is even, less than 3 or longer than 8 bytes"
            case .length: "has a coordinate of the wrong length"
            case .notOnCurve: "is not a point on its curve"
            case .smallOrder: "is a point of small order"
            case .certificate: "is not an X.509 certificate in PEM"
            case .unsupported: "has an unsupported type or curve"
            case .failed: "is rejected by OpenSSL"
            }
        }
    }

    package let kind: PublicKeyKind
    /// 64 bits of a hash of the key. Equal keys have equal fingerprints, whatever their source or their id.
    package let fingerprint: UInt64
    private let key: OpaquePointer
    /// The length of a signature in bytes.
    private let signatureBytes: Int
    /// The order of the curve's group in big-endian form; empty for other keys.
    private let order: [UInt8]

    /// Creates an RSA key.
    ///
    /// - Parameters:
    ///   - modulus: The modulus in big-endian order. Leading zeros are ignored.
    ///   - exponent: The exponent in big-endian order. Leading zeros are ignored.
    package init(rsaModulus modulus: [UInt8], exponent: [UInt8]) throws(Unusable) {
        let modulus = Array(modulus.drop { $0 == 0 })
        let exponent = Array(exponent.drop { $0 == 0 })
        let bits = modulus.count * 8 - (modulus.first?.leadingZeroBitCount ?? 0)
        guard Self.rsaBits.contains(bits) else { throw .rsaLength(bits: bits) }
        guard let lastOfModulus = modulus.last, lastOfModulus & 1 == 1 else { throw .evenModulus }
        guard let lastOfExponent = exponent.last, lastOfExponent & 1 == 1, exponent != [1],
            exponent.count <= Self.maximumExponentBytes
        else { throw .exponent }
        guard !WeakModulus.isWeak(modulus) else { throw .weakModulus }
        guard let key = unsafe Self.rsaKey(modulus, exponent) else { throw Self.failure(.failed) }
        unsafe self.key = key
        kind = .rsa
        signatureBytes = modulus.count
        order = []
        fingerprint = Self.fingerprint("RSA", [modulus, exponent])
    }

    /// Creates a key on a curve from the coordinates of its point, in big-endian order and of the curve's length.
    package init(_ curve: EllipticCurve, x: [UInt8], y: [UInt8]) throws(Unusable) {
        guard x.count == curve.coordinateBytes, y.count == curve.coordinateBytes else { throw .length }
        guard let key = unsafe Self.curveKey(curve, point: [4] + x + y) else { throw Self.failure(.notOnCurve) }
        unsafe self.key = key
        kind = .ellipticCurve(curve)
        signatureBytes = 2 * curve.coordinateBytes
        order = unsafe Self.number("order", of: key, width: curve.coordinateBytes) ?? []
        fingerprint = Self.fingerprint(curve.rawValue, [x, y])
        guard order.count == curve.coordinateBytes, unsafe Self.isValidPoint(key) else { throw Self.failure(.notOnCurve) }
    }

    /// Creates an Ed25519 key from its 32 bytes (RFC 8032).
    package init(ed25519 bytes: [UInt8]) throws(Unusable) {
        guard bytes.count == Self.ed25519Bytes else { throw .length }
        guard !SmallOrderPoints.contain(bytes) else { throw .smallOrder }
        guard let key = unsafe EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count) else {
            throw Self.failure(.failed)
        }
        unsafe self.key = key
        kind = .ed25519
        signatureBytes = 64
        order = []
        fingerprint = Self.fingerprint("Ed25519", [bytes])
    }

    deinit {
        unsafe EVP_PKEY_free(key)
    }

    /// Returns whether a signature is valid.
    ///
    /// - Parameters:
    ///   - signature: The bytes of the signature as JSON Web Signatures have them: for ES256 and its like *r* and *s* of the curve's length
    ///     (RFC 7518, section 3.4), never DER.
    ///   - algorithm: The algorithm. With one that is impossible for the key, no signature is valid.
    package func verify(
        _ signature: borrowing Span<UInt8>, of message: borrowing Span<UInt8>, with algorithm: SignatureAlgorithm
    ) -> Bool {
        guard kind.algorithms.contains(algorithm), signature.count == signatureBytes else { return false }
        let bytes = unsafe signature.withUnsafeBufferPointer { unsafe Array($0) }
        guard case .ellipticCurve = kind else { return check(bytes, message, algorithm) }
        guard let encoded = encodedInDER(bytes) else { return false }
        return check(encoded, message, algorithm)
    }
}

// MARK: - Verification

extension PublicKey {
    private func check(_ signature: [UInt8], _ message: borrowing Span<UInt8>, _ algorithm: SignatureAlgorithm) -> Bool {
        guard let context = unsafe EVP_MD_CTX_new() else { return false }
        // A failed check leaves errors on the thread, where they would confuse the next TLS call.
        defer {
            unsafe EVP_MD_CTX_free(context)
            ERR_clear_error()
        }
        // Belongs to the context above.
        var parameters: OpaquePointer?
        guard unsafe EVP_DigestVerifyInit(context, &parameters, algorithm.digest, nil, key) == 1 else { return false }
        if let saltBytes = algorithm.saltBytes {
            guard unsafe EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1,
                unsafe EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, saltBytes) == 1
            else { return false }
        }
        return unsafe message.withUnsafeBufferPointer { message in
            unsafe EVP_DigestVerify(context, signature, signature.count, message.baseAddress, message.count) == 1
        }
    }

    /// Converts *r* and *s* of equal length to DER; `nil` if one of them is 0, or not less than the order of the group.
    private func encodedInDER(_ signature: [UInt8]) -> [UInt8]? {
        let half = signature.count / 2
        var content: [UInt8] = []
        for number in [signature[..<half], signature[half...]] {
            let digits = number.drop { $0 == 0 }
            guard let first = digits.first, number.lexicographicallyPrecedes(order) else { return nil }
            // A number of DER has a sign.
            let integer = (first & 0x80 == 0 ? [] : [0]) + digits
            content += [0x02, UInt8(integer.count)] + integer
        }
        let count = UInt8(content.count)
        return (count < 0x80 ? [0x30, count] : [0x30, 0x81, count]) + content
    }
}

extension SignatureAlgorithm {
    /// The hash function; `nil` for EdDSA, which hashes the message itself.
    var digest: OpaquePointer? {
        switch self {
        case .rs256, .ps256, .es256: unsafe EVP_sha256()
        case .rs384, .ps384, .es384: unsafe EVP_sha384()
        case .rs512, .ps512, .es512: unsafe EVP_sha512()
        case .edDSA: nil
        }
    }

    /// The length of the salt, which is that of the hash (RFC 7518, section 3.5); `nil` for other algorithms than RSASSA-PSS.
    var saltBytes: CInt? {
        switch self {
        case .ps256: 32
        case .ps384: 48
        case .ps512: 64
        default: nil
        }
    }
}

// MARK: - The calls of OpenSSL. Each returns nil if one of its steps fails.

extension PublicKey {
    /// Removes OpenSSL's own errors from the thread.
    static func failure(_ reason: Unusable) -> Unusable {
        ERR_clear_error()
        return reason
    }

    private static func rsaKey(_ modulus: [UInt8], _ exponent: [UInt8]) -> OpaquePointer? {
        // OpenSSL reads these numbers in the byte order of the machine.
        var modulus = nativeOrder(modulus)
        var exponent = nativeOrder(exponent)
        return unsafe modulus.withUnsafeMutableBufferPointer { modulus in
            unsafe exponent.withUnsafeMutableBufferPointer { exponent in
                var parameters = unsafe [
                    OSSL_PARAM_construct_BN(name("n"), modulus.baseAddress, modulus.count),
                    OSSL_PARAM_construct_BN(name("e"), exponent.baseAddress, exponent.count),
                    OSSL_PARAM_construct_end(),
                ]
                return unsafe key("RSA", &parameters)
            }
        }
    }

    private static func curveKey(_ curve: EllipticCurve, point: [UInt8]) -> OpaquePointer? {
        var point = point
        var group = Array(curve.rawValue.utf8CString)
        return unsafe point.withUnsafeMutableBufferPointer { point in
            unsafe group.withUnsafeMutableBufferPointer { group in
                var parameters = unsafe [
                    OSSL_PARAM_construct_utf8_string(name("group"), group.baseAddress, 0),
                    OSSL_PARAM_construct_octet_string(name("pub"), point.baseAddress, point.count),
                    OSSL_PARAM_construct_end(),
                ]
                return unsafe key("EC", &parameters)
            }
        }
    }

    /// OpenSSL's `EVP_PKEY_PUBLIC_KEY`, a macro that Swift does not import.
    private static let publicKeySelection =
        OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS | OSSL_KEYMGMT_SELECT_OTHER_PARAMETERS | OSSL_KEYMGMT_SELECT_PUBLIC_KEY

    private static func key(_ type: String, _ parameters: inout [OSSL_PARAM]) -> OpaquePointer? {
        guard let context = unsafe EVP_PKEY_CTX_new_from_name(nil, type, nil) else { return nil }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard unsafe EVP_PKEY_fromdata_init(context) == 1,
            unsafe EVP_PKEY_fromdata(context, &key, publicKeySelection, &parameters) == 1
        else { return nil }
        return unsafe key
    }

    /// Whether the key's point is on its curve, and not the point at infinity.
    private static func isValidPoint(_ key: OpaquePointer) -> Bool {
        guard let context = unsafe EVP_PKEY_CTX_new(key, nil) else { return false }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        return unsafe EVP_PKEY_public_check(context) == 1
    }

    /// Returns a number of a key in big-endian order.
    ///
    /// - Parameter width: The number of bytes; `nil` for no leading zeros.
    static func number(_ name: String, of key: OpaquePointer, width: Int? = nil) -> [UInt8]? {
        var number: OpaquePointer?
        guard unsafe EVP_PKEY_get_bn_param(key, name, &number) == 1, let number = unsafe number else { return nil }
        defer { unsafe BN_free(number) }
        let width = unsafe width ?? Int(BN_num_bits(number) + 7) / 8
        var bytes = [UInt8](repeating: 0, count: width)
        guard unsafe BN_bn2binpad(number, &bytes, CInt(width)) == CInt(width) else { return nil }
        return bytes
    }

    /// The name of a parameter, which must exist as long as the parameter.
    private static func name(_ name: StaticString) -> UnsafePointer<CChar> {
        unsafe UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
    }

    private static func nativeOrder(_ number: [UInt8]) -> [UInt8] {
        #if _endian(little)
            number.reversed()
        #else
            number
        #endif
    }

    private static func fingerprint(_ type: String, _ parts: [[UInt8]]) -> UInt64 {
        var state = SHA256State()
        for part in [Array(type.utf8)] + parts {
            state.update(bigEndian: UInt32(part.count))
            state.update(part.span)
        }
        return state.finish().words.0
    }
}

extension PublicKey: CustomStringConvertible {
    package var description: String { "PublicKey(\(kind))" }
}
