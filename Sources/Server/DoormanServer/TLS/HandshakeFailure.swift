internal import DoormanCore
internal import DoormanSupport
internal import NIOSSL
internal import NIOSSLExtras

/// The reason why a TLS handshake failed, for the log and the statistics.
enum HandshakeFailure: Sendable, Hashable {
    /// The handshake exceeded `tls.handshake-timeout`.
    case timeout
    /// The peer closed the connection during the handshake, as port scans do.
    case ended
    /// The peer sent something other than TLS.
    case notTLS(isHTTP: Bool)
    case noCertificate
    /// The caller's certificate is not accepted, with the reason.
    case certificateRejected(Caller, String)
    /// The caller that the certificate names has as many connections as it may.
    case tooManyConnections(Caller, limit: String)
    /// Another failure, with BoringSSL's reason.
    case failed(String)

    /// - Parameters:
    ///   - certificate: The peer's certificate, even if it is invalid.
    ///   - now: The time at which the certificate's validity is checked.
    init(_ error: any Error, certificate: NIOSSLCertificate?, now: Timestamp) {
        guard case .handshakeFailed(.sslError(let stack))? = error as? NIOSSLError,
            stack != [.eofDuringHandshake]
        else {
            // Mostly a reset.
            self = .ended
            return
        }
        let reasons = BoringSSLError.sslError(stack).reasons
        if reasons.contains("HTTP_REQUEST") || reasons.contains("HTTPS_PROXY_REQUEST") {
            self = .notTLS(isHTTP: true)
        } else if reasons.contains("WRONG_VERSION_NUMBER") {
            self = .notTLS(isHTTP: false)
        } else if reasons.contains("PEER_DID_NOT_RETURN_A_CERTIFICATE") {
            self = .noCertificate
        } else if reasons.contains("CERTIFICATE_VERIFY_FAILED") {
            self = .certificateRejected(
                certificate.map(Caller.named) ?? .unknown,
                certificate?.validityError(at: now)
                    ?? "is not issued by an authority in tls.client-ca-file, or not valid for client authentication")
        } else {
            self = .failed(reasons.first ?? "unknown reason")
        }
    }

    /// The failure's name in the statistics.
    var name: String {
        switch self {
        case .timeout: "tls_handshake_timeout"
        case .ended: "tls_handshake_ended"
        case .notTLS: "not_tls"
        case .noCertificate: "tls_no_client_certificate"
        case .certificateRejected: "tls_client_certificate_rejected"
        case .tooManyConnections: "too_many_connections_of_caller"
        case .failed: "tls_handshake_failed"
        }
    }

    /// Whether the failure needs no investigation.
    var isRoutine: Bool { self == .ended }

    /// The explanation in the log: the cause, and the setting or mistake behind it.
    var explanation: String {
        switch self {
        case .timeout: "the TLS handshake exceeded tls.handshake-timeout"
        case .ended: "the peer closed the connection during the TLS handshake"
        case .notTLS(isHTTP: true): "the peer sent HTTP without TLS on a port with TLS: use https://"
        case .notTLS(isHTTP: false): "the peer sent no TLS on a port with TLS: does the client connect without TLS?"
        case .noCertificate: "the caller sent no certificate, which tls.client-auth requires"
        case .certificateRejected(let caller, let problem):
            "the certificate of caller \(caller) \(problem)"
        case .tooManyConnections(let caller, let limit): "caller \(caller) has its maximum of connections: \(limit)"
        case .failed(let reason): "the TLS handshake failed: \(reason)"
        }
    }
}

extension Error {
    /// Whether the peer ended the TLS stream without `close_notify`. Frames have lengths, so no truncation can go unnoticed, and
    /// the connection ends like a plain one.
    var isEndWithoutCloseNotify: Bool {
        if case .uncleanShutdown? = self as? NIOSSLError { true } else { false }
    }
}
