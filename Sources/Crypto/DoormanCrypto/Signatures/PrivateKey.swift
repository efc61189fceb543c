private import COpenSSL
internal import DoormanCore

/// A private key that signs JSON Web Tokens (RFC 7515, RFC 7518, RFC 8037).
///
/// The key does not change after `init`. Any number of threads may sign with it, because each signature has a context of its own
/// (`openssl-threads(7)`).
@safe
package final class PrivateKey: @unchecked Sendable {
    package enum Kind: Sendable, Hashable, CaseIterable {
        /// RSA of 2048 to 8192 bits. New keys have 2048.
        case rsa
        case p256
        case ed25519

        /// The algorithms that a key of this kind can sign with.
        package var algorithms: [SignatureAlgorithm] {
            switch self {
            case .rsa: [.rs256, .ps256]
            case .p256: [.es256]
            case .ed25519: [.edDSA]
            }
        }
    }

    /// The algorithms that keys of all kinds can sign with.
    package static let algorithms = Kind.allCases.flatMap(\.algorithms)

    /// The members of the public key as a JSON Web Key, without base64url. Numbers are in big-endian order.
    package enum PublicMembers: Sendable, Hashable {
        /// `n` and `e`, without leading zeros.
        case rsa(modulus: [UInt8], exponent: [UInt8])
        /// `x` and `y`, 32 bytes each.
        case p256(x: [UInt8], y: [UInt8])
        /// `x`, 32 bytes.
        case ed25519(x: [UInt8])
    }

    package enum Failure: Error, Sendable, Hashable, CustomStringConvertible {
        /// The text has no private key, or only one with a passphrase.
        case unreadable
        /// The key has another type, curve or length.
        case unsuitable
        /// A key of this kind can't sign with the algorithm.
        case wrongAlgorithm
        /// OpenSSL failed, for example for lack of memory.
        case failed

        package var description: String {
            switch self {
            case .unreadable: "is not a PEM file with a private key, or the key has a passphrase"
            case .unsuitable: "must be an RSA key of 2048 to 8192 bits, a P-256 key or an Ed25519 key"
            case .wrongAlgorithm: "the key has another type than the signature algorithm needs"
            case .failed: "OpenSSL can't use the key"
            }
        }
    }

    package let kind: Kind
    package let publicMembers: PublicMembers
    private let key: OpaquePointer

    /// Generates a key. An RSA key takes about 0.1 s.
    package convenience init(generating kind: Kind) throws(Failure) {
        guard let key = unsafe Self.generate(kind) else { throw Self.failure(.failed) }
        try unsafe self.init(owning: key)
    }

    /// Parses a key in PEM: PKCS #8, or the older forms of RSA and EC keys. A key with a passphrase is rejected.
    ///
    /// - Parameter pem: The text, 64 KiB at most. The first key counts.
    package convenience init(pem: [UInt8]) throws(Failure) {
        guard pem.count <= 65_536, let key = unsafe Self.parse(pem) else { throw Self.failure(.unreadable) }
        try unsafe self.init(owning: key)
        // A key that can't sign is found now, and not at the first token.
        _ = try signature(of: [], with: kind.algorithms[0])
    }

    /// - Parameter key: A key, which this value frees, also if it throws.
    private init(owning key: OpaquePointer) throws(Failure) {
        guard let kind = unsafe Self.kind(of: key) else {
            unsafe EVP_PKEY_free(key)
            throw Self.failure(.unsuitable)
        }
        guard let members = unsafe Self.publicMembers(of: key, kind) else {
            unsafe EVP_PKEY_free(key)
            throw Self.failure(.failed)
        }
        unsafe self.key = key
        self.kind = kind
        publicMembers = members
    }

    deinit {
        unsafe EVP_PKEY_free(key)
    }

    /// Signs bytes.
    ///
    /// - Parameter message: The signing input of a token: header, dot and payload.
    /// - Returns: The signature as JSON Web Signatures have it. For ES256 that is *r* and *s* in 64 bytes (RFC 7518, section 3.4).
    package func signature(of message: [UInt8], with algorithm: SignatureAlgorithm) throws(Failure) -> [UInt8] {
        guard kind.algorithms.contains(algorithm) else { throw .wrongAlgorithm }
        guard let bytes = unsafe Self.sign(message, key, algorithm) else { throw Self.failure(.failed) }
        return bytes
    }
}

/// Printing and reflecting shows the kind alone.
extension PrivateKey: Redacted {
    package var description: String { "PrivateKey(\(kind))" }
}

/// The calls of OpenSSL. Each returns `nil` if one of its steps fails.
extension PrivateKey {
    /// Removes OpenSSL's own errors from the thread, where they would confuse the next TLS call.
    private static func failure(_ failure: Failure) -> Failure {
        ERR_clear_error()
        return failure
    }

    private static func generate(_ kind: Kind) -> OpaquePointer? {
        let name =
            switch kind {
            case .rsa: "RSA"
            case .p256: "EC"
            case .ed25519: "ED25519"
            }
        guard let context = unsafe EVP_PKEY_CTX_new_from_name(nil, name, nil) else { return nil }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        guard unsafe EVP_PKEY_keygen_init(context) == 1 else { return nil }
        switch kind {
        case .rsa: guard unsafe EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048) == 1 else { return nil }
        case .p256: guard unsafe EVP_PKEY_CTX_set_group_name(context, "P-256") == 1 else { return nil }
        case .ed25519: break
        }
        var key: OpaquePointer?
        guard unsafe EVP_PKEY_generate(context, &key) == 1 else { return nil }
        return unsafe key
    }

    private static func parse(_ pem: [UInt8]) -> OpaquePointer? {
        unsafe pem.withUnsafeBufferPointer { buffer in
            guard let source = unsafe BIO_new_mem_buf(buffer.baseAddress, CInt(buffer.count)) else { return nil }
            defer { unsafe BIO_free(source) }
            // Without a function of its own, OpenSSL asks for the passphrase on the terminal.
            return unsafe PEM_read_bio_PrivateKey(source, nil, { _, _, _, _ in -1 }, nil)
        }
    }

    private static func kind(of key: OpaquePointer) -> Kind? {
        if unsafe EVP_PKEY_is_a(key, "RSA") == 1 {
            return unsafe (2048...8192).contains(EVP_PKEY_get_bits(key)) ? .rsa : nil
        }
        if unsafe EVP_PKEY_is_a(key, "EC") == 1 {
            var (name, length) = ([CChar](repeating: 0, count: 64), 0)
            guard unsafe EVP_PKEY_get_group_name(key, &name, name.count, &length) == 1 else { return nil }
            let bytes = name.prefix(length).map(UInt8.init(bitPattern:))
            return String(decoding: bytes, as: UTF8.self) == "prime256v1" ? .p256 : nil
        }
        return unsafe EVP_PKEY_is_a(key, "ED25519") == 1 ? .ed25519 : nil
    }

    private static func publicMembers(of key: OpaquePointer, _ kind: Kind) -> PublicMembers? {
        switch kind {
        case .rsa:
            guard let modulus = unsafe number("n", of: key), let exponent = unsafe number("e", of: key) else { return nil }
            return .rsa(modulus: modulus, exponent: exponent)
        case .p256:
            guard let x = unsafe number("qx", of: key, width: 32), let y = unsafe number("qy", of: key, width: 32) else {
                return nil
            }
            return .p256(x: x, y: y)
        case .ed25519:
            var (x, length) = ([UInt8](repeating: 0, count: 32), 32)
            guard unsafe EVP_PKEY_get_raw_public_key(key, &x, &length) == 1, length == 32 else { return nil }
            return .ed25519(x: x)
        }
    }

    /// Returns a number of a key.
    ///
    /// - Parameter width: The number of bytes; `nil` for no leading zeros.
    private static func number(_ name: String, of key: OpaquePointer, width: Int? = nil) -> [UInt8]? {
        var number: OpaquePointer?
        guard unsafe EVP_PKEY_get_bn_param(key, name, &number) == 1, let number = unsafe number else { return nil }
        defer { unsafe BN_free(number) }
        return unsafe bytes(of: number, width: width ?? Int(BN_num_bits(number) + 7) / 8)
    }

    private static func bytes(of number: OpaquePointer, width: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: width)
        guard unsafe BN_bn2binpad(number, &bytes, CInt(width)) == CInt(width) else { return nil }
        return bytes
    }

    private static func sign(_ message: [UInt8], _ key: OpaquePointer, _ algorithm: SignatureAlgorithm) -> [UInt8]? {
        guard let context = unsafe EVP_MD_CTX_new() else { return nil }
        defer { unsafe EVP_MD_CTX_free(context) }
        // Belongs to the context above.
        var parameters: OpaquePointer?
        guard unsafe EVP_DigestSignInit(context, &parameters, algorithm.digest, nil, key) == 1 else { return nil }
        if let saltBytes = algorithm.saltBytes {
            guard unsafe EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1,
                unsafe EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, saltBytes) == 1
            else { return nil }
        }
        var length = 0
        guard unsafe EVP_DigestSign(context, nil, &length, message, message.count) == 1 else { return nil }
        var signature = [UInt8](repeating: 0, count: length)
        guard unsafe EVP_DigestSign(context, &signature, &length, message, message.count) == 1 else { return nil }
        let result = Array(signature.prefix(length))
        return algorithm == .es256 ? fixedWidth(result) : result
    }

    /// Converts an ECDSA signature from DER to *r* and *s* of 32 bytes each.
    private static func fixedWidth(_ der: [UInt8]) -> [UInt8]? {
        let parsed = unsafe der.withUnsafeBufferPointer { buffer in
            var start = buffer.baseAddress
            return unsafe d2i_ECDSA_SIG(nil, &start, buffer.count)
        }
        guard let parsed = unsafe parsed else { return nil }
        defer { unsafe ECDSA_SIG_free(parsed) }
        guard let r = unsafe bytes(of: ECDSA_SIG_get0_r(parsed), width: 32),
            let s = unsafe bytes(of: ECDSA_SIG_get0_s(parsed), width: 32)
        else { return nil }
        return r + s
    }
}
