private import NIOSSL

/// Checks PEM text before another TLS library uses it.
package enum PEMCertificates {
    /// Returns whether the text holds at least one certificate, and each of them can be parsed.
    package static func areValid(_ bytes: [UInt8]) -> Bool {
        guard !bytes.isEmpty, let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes) else { return false }
        return !certificates.isEmpty
    }
}
