internal import DoormanCore
internal import DoormanSupport
internal import NIOSSL
internal import NIOSSLExtras

/// Why a TLS handshake came to nothing, for the log and the statistics.
enum HandshakeFailure: Sendable, Hashable {
    /// It was not done within `tls.handshake-timeout`.
    case timeout
    /// The peer left in the middle of it, as whoever only looks whether the port is open does.
    case ended
    /// It is not TLS that came.
    case notTLS(isHTTP: Bool)
    case noCertificate
    /// The caller's certificate is no good.
    case certificateRefused(Caller, String)
    /// BoringSSL's own word for it.
    case failed(String)

    /// - Parameters:
    ///   - certificate: What the peer sent, whatever it is worth.
    ///   - now: When that is judged.
    init(_ error: any Error, certificate: NIOSSLCertificate?, now: Timestamp) {
        guard case .handshakeFailed(.sslError(let stack))? = error as? NIOSSLError,
            stack != [.eofDuringHandshake]
        else {
            // A reset, mostly.
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
            self = .certificateRefused(
                certificate.map(Caller.named) ?? .unknown,
                certificate?.fault(at: now) ?? "is not from an authority in tls.client-ca-file, or not for clients")
        } else {
            self = .failed(reasons.first ?? "for no reason given")
        }
    }

    /// The name in the statistics.
    var name: String {
        switch self {
        case .timeout: "tls_handshake_timeout"
        case .ended: "tls_handshake_ended"
        case .notTLS: "not_tls"
        case .noCertificate: "tls_no_client_certificate"
        case .certificateRefused: "tls_client_certificate_refused"
        case .failed: "tls_handshake_failed"
        }
    }

    /// Whether it is nothing to look into.
    var isEveryday: Bool { self == .ended }

    /// For the log: what happened, and which setting or mistake is behind it.
    var explanation: String {
        switch self {
        case .timeout: "its TLS handshake was not done within tls.handshake-timeout"
        case .ended: "the peer left during the TLS handshake"
        case .notTLS(isHTTP: true): "it speaks HTTP on a port that speaks ttrpc over TLS"
        case .notTLS(isHTTP: false): "what it sent is not TLS, which this port speaks: plain ttrpc?"
        case .noCertificate: "the caller sent no certificate, as tls.client-auth requires"
        case .certificateRefused(let caller, let fault):
            "the caller's certificate, which says that it is \(caller), \(fault)"
        case .failed(let reason): "its TLS handshake failed: \(reason)"
        }
    }
}

extension Error {
    /// Whether TLS says that the peer ended the stream without a good-bye. Frames have lengths, so nothing can be cut off unnoticed: it
    /// ends as a plain one does.
    var isEndWithoutCloseNotify: Bool {
        if case .uncleanShutdown? = self as? NIOSSLError { true } else { false }
    }
}
