internal import NIOSSL

/// The error of a server whose certificate has failed the verification of its chain.
///
/// BoringSSL has one reason for all causes. The validity of the certificate tells the most frequent cause apart.
package enum UntrustedCertificate: Error, Sendable, Hashable, CustomStringConvertible {
    case expired
    case notYetValid
    case unknownAuthority

    /// Returns the cause, if the error is a failed verification.
    ///
    /// - Parameters:
    ///   - certificate: The server's certificate.
    ///   - now: The time in seconds since 1970.
    init?(_ error: any Error, of certificate: NIOSSLCertificate?, now: Int) {
        guard case .handshakeFailed(let cause)? = error as? NIOSSLError, cause.reasons.first == "CERTIFICATE_VERIFY_FAILED" else {
            return nil
        }
        guard let certificate else { return nil }
        self.init(validFrom: certificate.notValidBefore, to: certificate.notValidAfter, now: now)
    }

    /// - Parameters:
    ///   - start: The first second of the certificate's validity, since 1970.
    ///   - end: The last second of its validity.
    init(validFrom start: Int, to end: Int, now: Int) {
        self = now > end ? .expired : now < start ? .notYetValid : .unknownAuthority
    }

    package var description: String {
        switch self {
        case .expired: "the server's certificate \(HandshakeWords.expired)"
        case .notYetValid: "the server's certificate \(HandshakeWords.notYetValid)"
        case .unknownAuthority: "the server's certificate is \(HandshakeWords.untrusted)"
        }
    }
}
