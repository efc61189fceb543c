private import COpenSSL

/// Certificate authorities that sign clients' certificates. Answers whether they would accept a certificate, without a handshake.
///
/// NIOSSL verifies certificates only within a handshake. Not thread-safe: a caller uses it on one thread at a time.
@safe
package final class ClientAuthorities {
    private let store: OpaquePointer
    /// The results for the certificates that were checked.
    private var results: [[UInt8]: Bool] = [:]

    /// - Parameter certificates: The authorities' certificates, in DER.
    /// - Returns: `nil` if one can't be parsed.
    package init?(certificates: [[UInt8]]) {
        guard let store = unsafe X509_STORE_new() else { return nil }
        unsafe self.store = store
        for certificate in certificates {
            guard let parsed = unsafe Self.parse(certificate) else { return nil }
            defer { unsafe X509_free(parsed) }
            guard unsafe X509_STORE_add_cert(store, parsed) == 1 else { return nil }
        }
    }

    deinit {
        unsafe X509_STORE_free(store)
    }

    /// Returns whether one of the authorities issued the certificate for a client, and the certificate is valid now. Checks each
    /// certificate once.
    ///
    /// - Parameter certificate: The client's certificate, in DER. An authority's intermediates must be among the authorities.
    package func accept(_ certificate: [UInt8]) -> Bool {
        if let known = results[certificate] { return known }
        let result = verify(certificate)
        results[certificate] = result
        return result
    }

    private func verify(_ certificate: [UInt8]) -> Bool {
        guard let certificate = unsafe Self.parse(certificate) else { return false }
        defer { unsafe X509_free(certificate) }
        guard let context = unsafe X509_STORE_CTX_new() else { return false }
        defer { unsafe X509_STORE_CTX_free(context) }
        guard unsafe X509_STORE_CTX_init(context, store, certificate, nil) == 1,
            unsafe X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT) == 1
        else { return false }
        return unsafe X509_verify_cert(context) == 1
    }

    private static func parse(_ bytes: [UInt8]) -> OpaquePointer? {
        unsafe bytes.withUnsafeBufferPointer { buffer in
            var start = buffer.baseAddress
            return unsafe d2i_X509(nil, &start, buffer.count)
        }
    }
}
