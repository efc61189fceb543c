private import COpenSSL

extension PublicKey {
    /// The maximum length of a certificate in PEM: 16 KiB.
    package static let maximumCertificateBytes = 16_384

    /// Creates the key of an X.509 certificate in PEM (RFC 7468). Neither the certificate's chain nor its end is checked.
    package convenience init(certificate pem: [UInt8]) throws(Unusable) {
        guard pem.count <= Self.maximumCertificateBytes, let der = Self.bytes(ofPEM: pem) else { throw .certificate }
        guard let members = Self.members(ofCertificate: der) else { throw Self.failure(.certificate) }
        switch members {
        case .rsa(let modulus, let exponent): try self.init(rsaModulus: modulus, exponent: exponent)
        case .curve(let curve, let x, let y): try self.init(curve, x: x, y: y)
        case .ed25519(let bytes): try self.init(ed25519: bytes)
        case .unsupported: throw Self.failure(.unsupported)
        }
    }

    private enum Members {
        case rsa(modulus: [UInt8], exponent: [UInt8])
        case curve(EllipticCurve, x: [UInt8], y: [UInt8])
        case ed25519([UInt8])
        case unsupported
    }

    /// Decodes the only block of a PEM text. OpenSSL's own reader would ask for a passphrase on the terminal if the text had one.
    private static func bytes(ofPEM pem: [UInt8]) -> [UInt8]? {
        let lines = pem.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
        guard let first = lines.first, let last = lines.last, lines.count > 2,
            first.elementsEqual("-----BEGIN CERTIFICATE-----".utf8), last.elementsEqual("-----END CERTIFICATE-----".utf8)
        else { return nil }
        let text = Array(lines.dropFirst().dropLast().joined())
        let padding = text.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        guard text.count % 4 == 0, padding <= 2 else { return nil }
        var bytes = [UInt8](repeating: 0, count: text.count / 4 * 3)
        // Rejects other characters, and padding within the text.
        guard unsafe EVP_DecodeBlock(&bytes, text, CInt(text.count)) == CInt(bytes.count) else { return nil }
        return Array(bytes.dropLast(padding))
    }

    private static func members(ofCertificate der: [UInt8]) -> Members? {
        let parsed = unsafe der.withUnsafeBufferPointer { buffer -> OpaquePointer? in
            var start = buffer.baseAddress
            guard let parsed = unsafe d2i_X509(nil, &start, buffer.count) else { return nil }
            guard unsafe start == buffer.baseAddress.map({ unsafe $0 + buffer.count }) else {
                unsafe X509_free(parsed)
                return nil
            }
            return unsafe parsed
        }
        guard let certificate = unsafe parsed else { return nil }
        defer { unsafe X509_free(certificate) }
        guard let key = unsafe X509_get0_pubkey(certificate) else { return .unsupported }
        return unsafe members(of: key)
    }

    private static func members(of key: OpaquePointer) -> Members {
        if unsafe EVP_PKEY_is_a(key, "RSA") == 1 {
            guard let modulus = unsafe number("n", of: key), let exponent = unsafe number("e", of: key) else { return .unsupported }
            return .rsa(modulus: modulus, exponent: exponent)
        }
        if unsafe EVP_PKEY_is_a(key, "EC") == 1 {
            guard let curve = unsafe curve(of: key),
                let x = unsafe number("qx", of: key, width: curve.coordinateBytes),
                let y = unsafe number("qy", of: key, width: curve.coordinateBytes)
            else { return .unsupported }
            return .curve(curve, x: x, y: y)
        }
        guard unsafe EVP_PKEY_is_a(key, "ED25519") == 1 else { return .unsupported }
        var (bytes, length) = ([UInt8](repeating: 0, count: ed25519Bytes), ed25519Bytes)
        guard unsafe EVP_PKEY_get_raw_public_key(key, &bytes, &length) == 1, length == ed25519Bytes else { return .unsupported }
        return .ed25519(bytes)
    }

    private static func curve(of key: OpaquePointer) -> EllipticCurve? {
        var (name, length) = ([CChar](repeating: 0, count: 64), 0)
        guard unsafe EVP_PKEY_get_group_name(key, &name, name.count, &length) == 1 else { return nil }
        return switch String(decoding: name.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self) {
        case "prime256v1": .p256
        case "secp384r1": .p384
        case "secp521r1": .p521
        default: nil
        }
    }
}
