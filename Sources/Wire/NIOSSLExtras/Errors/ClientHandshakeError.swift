internal import NIOSSL

/// The reason why a client's TLS handshake failed, in words.
package struct ClientHandshakeError: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String

    /// Explains an error of a channel with ``NIOCore/ChannelPipeline/SynchronousOperations/addTLSClient(_:verifying:)``.
    ///
    /// - Returns: `nil` if it is no error of TLS.
    package init?(_ error: any Error) {
        switch error {
        case let error as NIOSSLError: description = Self.explanation(error)
        case let error as ServerNameMismatch: description = "\(error)"
        case let error as UntrustedCertificate: description = "\(error)"
        case let error as NIOSSLExtraError where error == .invalidSNIHostname:
            description = "the server's name is empty, too long or has a NUL byte"
        case let error as BoringSSLError: description = Self.explanation(error)
        default: return nil
        }
    }

    private static func explanation(_ error: NIOSSLError) -> String {
        switch error {
        case .handshakeFailed(let error): explanation(error)
        case .noCertificateToValidate: "the server sent no certificate"
        case .unableToValidateCertificate: "the server's certificate can't be verified"
        default: "TLS failed"
        }
    }

    private static func explanation(_ error: BoringSSLError) -> String {
        guard case .sslError = error else { return "TLS failed" }
        return switch error.reasons.first {
        case "CERTIFICATE_VERIFY_FAILED": "the server's certificate is \(HandshakeWords.untrusted), or \(HandshakeWords.expired)"
        case "WRONG_VERSION_NUMBER": "the server \(HandshakeWords.notTLS)"
        case "TLSV1_ALERT_UNKNOWN_CA", "SSLV3_ALERT_BAD_CERTIFICATE", "SSLV3_ALERT_CERTIFICATE_EXPIRED",
            "SSLV3_ALERT_CERTIFICATE_UNKNOWN", "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE", "TLSV1_CERTIFICATE_REQUIRED",
            "TLSV1_ALERT_CERTIFICATE_REQUIRED":
            "the server requires a \(HandshakeWords.clientCertificate), or does not accept this client's"
        case "UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION":
            "the server and this client have no TLS version in common"
        case "SSLV3_ALERT_HANDSHAKE_FAILURE", "HANDSHAKE_FAILURE_ON_CLIENT_HELLO", "TLSV1_ALERT_INSUFFICIENT_SECURITY":
            "the server and this client have no TLS parameters in common"
        case "TLSV1_UNRECOGNIZED_NAME", "TLSV1_ALERT_UNRECOGNIZED_NAME": "the server has no certificate for this name"
        case let reason? where reason.contains("EOF"): "the server \(HandshakeWords.closed) the handshake"
        case let reason?: "the server or this client ended the TLS handshake (\(reason))"
        case nil: "the server ended the TLS handshake"
        }
    }
}
